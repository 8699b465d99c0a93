/**
 * `mulligan tune`: the cheapest strategy for a share of the gain, or the best for a budget, as TypeScript.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { RunError } from "@mulligan/core/RunError"
import type { Estimate } from "../Bootstrap.ts"
import * as Depth from "../Depth.ts"
import * as Evaluate from "../Evaluate.ts"
import type { Recording } from "../Recording.ts"
import * as Spaces from "../Spaces.ts"
import type { Judge } from "../tasks/Judge.ts"
import type { TaskError } from "../tasks/TaskError.ts"
import * as Tune from "../Tune.ts"
import * as Question from "@mulligan/self-evaluator/Question"
import type { Graded } from "./graded.ts"
import * as Output from "./Output.ts"
import { howRecorded } from "./recorded.ts"
import { screen } from "./Screen.ts"

export interface Options {
  readonly goal: Tune.Goal
  readonly family: keyof typeof names | "all"
  readonly readPrice: number | undefined
  readonly seed: number
  readonly isJson: boolean
}

const names = {
  adaptive: "adaptive sampling (ours)",
  pruned: "early pruning (ours)",
  both: "adaptive with pruning (ours)"
} as const

/** What a recording has the drafts and the readings for. */
const spaces = (
  recording: Recording,
  { count, maxTokens }: { readonly count: number; readonly maxTokens?: number | undefined }
) => {
  const depths = Depth.recorded(recording, Question.paper)
  const cuts = depths.flatMap((depth) => ("tokens" in depth ? [depth.tokens] : []))
  const { anneal } = howRecorded(recording)
  return Spaces.all({ count, maxTokens, cuts: cuts.slice(0, 4), annealed: anneal === "exponential" })
}

const settingsOf = (all: ReturnType<typeof spaces>, family: Options["family"]) =>
  family === "all" ? Object.values(names).flatMap((name) => all[name] ?? []) : (all[names[family]] ?? [])

const percent = (value: number) => `${(100 * value).toFixed(1)}%`
const told = (estimate: Estimate, show: (value: number) => string) =>
  Number.isFinite(estimate.value)
    ? `${show(estimate.value)} [${show(estimate.low)}, ${show(estimate.high)}]`
    : "unknown: the best of all drafts is no better than one"

const notes = ({ heldOut, isReached, tried }: Tune.Tuned): ReadonlyArray<string> => [
  `// Chosen among ${tried} settings${isReached ? "" : "; NONE reaches the goal, this comes nearest"}.`,
  "// On problems that were not chosen by, averages of a problem:",
  `//   accuracy ${told(heldOut.accuracy, percent)}`,
  `//   share of the gain ${told(heldOut.share, percent)}`,
  `//   tokens ${told(heldOut.cost, (value) => value.toFixed(1))}, drafts ${heldOut.samples.value.toFixed(2)}`
]

export const tune = (
  { recording, task }: Graded,
  { family, goal, isJson, readPrice, seed }: Options
): Effect.Effect<void, BackendError | RunError | TaskError, Judge> =>
  Effect.gen(function* () {
    const { common } = yield* Evaluate.bench(recording, { task })
    const settings = settingsOf(spaces(recording, common), family)
    const tuned = yield* Tune.tune(recording, { task, settings, goal, readPrice, seed })
    if (!tuned.isReached) screen.note("No setting reaches the goal; this comes nearest.")
    const { chosenOn, code, heldOut, isReached, tried } = tuned
    return yield* isJson
      ? Output.json({ isReached, tried, chosenOn, heldOut, code })
      : Output.line([...notes(tuned), "", code.trimEnd()].join("\n"))
  })
