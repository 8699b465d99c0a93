/**
 * `mulligan record`: drafts of many prompts and what the model says of them, into a file.
 */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import type { Prompt } from "@mulligan/core/Prompt"
import * as Usage from "@mulligan/core/Usage"
import type { Annealing } from "@mulligan/strategies/Annealing"
import * as Record from "../Record.ts"
import * as Recording from "../Recording.ts"
import type { RecordingError } from "../RecordingError.ts"
import * as Output from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as Resume from "./Resume.ts"
import type { Screen } from "./Screen.ts"
import { annealingOf } from "./Strategy.ts"
import type { AnnealingName } from "./StrategyFlags.ts"
import * as Summary from "./Summary.ts"

export interface Options extends Omit<Record.Options, "onProgress"> {
  readonly isJson: boolean
  readonly screen: Screen
}

/** Each annealing towards each temperature. */
export const schedules = (
  annealings: ReadonlyArray<AnnealingName>,
  temperatures: ReadonlyArray<number>,
  count: number
): ReadonlyArray<Annealing> => annealings.flatMap((name) => temperatures.map((t) => annealingOf(name, t, count)))

/** Each prompt has luck of its own; another seed gives all of them another. */
export const seedOf =
  (seed: number) =>
  (prompt: Prompt): number =>
    (Record.seedOf(prompt) ^ seed) >>> 0

/** Drafts that are whole already, so that they do not count as this run's speed. */
const already = ({ file, maxTokens = Infinity }: Options): Effect.Effect<number, RecordingError> =>
  existsSync(file)
    ? Effect.map(Recording.read(file), ({ problems }) =>
        problems.reduce(
          (sum, { drafts }) =>
            sum + drafts.filter(({ tokens }) => tokens.at(-1)?.end !== undefined || tokens.length >= maxTokens).length,
          0
        )
      )
    : Effect.succeed(0)

const again = (screen: Screen, why: string): Effect.Effect<void> =>
  Effect.sync(() => {
    screen.clear()
    screen.note(`${why} What is there is kept; go on with:\n  ${Resume.command()}`)
  })

const without = (unread: number): string =>
  `${Summary.plural(unread, "reading")} left out: the draft fills the model's context, and the question has no room behind it. Judge earlier by --depths (and evaluate with --max-tokens there), or record into another file with a lower --max-tokens.`

const told = (
  { recording, failed, unread }: Record.Recorded,
  usage: Usage.Usage,
  seconds: number,
  { file, isJson, screen }: Options
) =>
  Effect.gen(function* () {
    const drafts = recording.problems.reduce((sum, problem) => sum + problem.drafts.length, 0)
    const problems = recording.problems.length
    if (isJson) yield* Output.json({ file, model: recording.model, problems, drafts, failed, unread, usage, seconds })
    else {
      const what = `${Summary.plural(problems, "problem")}, ${Summary.plural(drafts, "draft")}`
      const { drawnTokens, readTokens, samples } = usage
      const now = `${Summary.plural(samples, "draft")}, ${Summary.plural(drawnTokens, "token")} drawn`
      yield* Output.line(
        `${file}: ${what}. This time ${now}, ${Summary.thousands(readTokens)} read to judge; ${Summary.time(seconds)}.`
      )
    }
    if (unread > 0) screen.note(without(unread))
    if (failed > 0) yield* again(screen, `${Summary.plural(failed, "draft")} failed for a reason that may pass.`)
  })

/** Goes on where an earlier call stopped. */
export const record = (options: Options) =>
  Effect.gen(function* () {
    const { isJson: _, screen, ...given } = options
    const before = yield* already(options)
    const there =
      before === 0 ? "" : `, ${Summary.plural(before, "draft")} of which ${before === 1 ? "is" : "are"} there`
    screen.note(
      screen.paint("gray", `Recording ${Summary.plural(given.prompts.length, "problem")} into ${given.file}${there}.`)
    )
    const start = performance.now()
    const [usage, exit] = yield* Usage.measure(
      Progress.run(screen, { unit: "drafts" }, (report) =>
        Record.run({
          ...given,
          onProgress: ({ drafts, failed, ofDrafts }) => report({ done: drafts, all: ofDrafts, failed, before })
        })
      )
    ).pipe(Effect.onInterrupt(() => again(screen, "Interrupted.")))
    yield* told(yield* exit, usage, (performance.now() - start) / 1000, options)
  })
