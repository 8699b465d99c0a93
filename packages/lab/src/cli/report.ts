/**
 * `mulligan report`: an evaluation as one HTML file, and its charts as SVG.
 */
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Question from "@mulligan/self-evaluator/Question"
import * as Depth from "../Depth.ts"
import type * as Evaluate from "../Evaluate.ts"
import type { Policy } from "../Policy.ts"
import type { Recording } from "../Recording.ts"
import * as Report from "../Report.ts"
import { policiesOf } from "./evaluate.ts"
import type { Graded } from "./graded.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"

export interface Options {
  readonly out: string
  /** A folder for the charts; undefined: none. */
  readonly charts: string | undefined
  readonly scheme: Report.Scheme
  readonly thresholds: ReadonlyArray<number>
  readonly rightFrom: number | undefined
  readonly isJson: boolean
}

type Common = Evaluate.Bench["common"]

/** Drafts dropped where they were judged: a half and three quarters of them. */
const pruned = (recording: Recording, common: Common): Readonly<Record<string, Policy>> => {
  const depths = Depth.recorded(recording, Question.paper)
  const cuts = depths.flatMap((depth) => ("tokens" in depth && depth.tokens > 0 ? [depth.tokens] : []))
  return Object.fromEntries(
    cuts.flatMap((after) =>
      [0.5, 0.25].map((keep) => [`${100 - 100 * keep}% pruned after ${after}`, { ...common, cuts: [{ after, keep }] }])
    )
  )
}

const written = (file: string, text: string) =>
  Effect.try({
    try: () => writeFileSync(file, text),
    catch: () =>
      Problem.usage(`${file} cannot be written.`, "Give a path in a folder that is there, with the right to write.")
  })

const folderOf = (folder: string) =>
  Effect.try({
    try: () => mkdirSync(folder, { recursive: true }),
    catch: () => Problem.usage(`${folder} cannot be made.`, "Give another folder.")
  })

export const report = (graded: Graded, options: Options) =>
  Effect.gen(function* () {
    const { charts, isJson, out, rightFrom, scheme, thresholds } = options
    const { recording, task } = graded
    const policies = yield* policiesOf(graded, thresholds, (common) => pruned(recording, common))
    const made = yield* Report.make(recording, { task, policies, rightFrom })
    yield* written(out, yield* Report.html(made))
    const drawn = charts === undefined ? {} : yield* Report.charts(made, { scheme })
    if (charts !== undefined) yield* folderOf(charts)
    const files = Object.entries(drawn).map(([name, svg]) => [join(charts ?? "", `${name}.svg`), svg] as const)
    for (const [file, svg] of files) yield* written(file, svg)
    const { advice } = made.evaluation.signal.diagnosis
    const all = [out, ...files.map(([file]) => file)]
    return yield* isJson ? Output.json({ advice, files: all }) : Output.line(`${advice}\n\nWritten: ${all.join(", ")}`)
  })
