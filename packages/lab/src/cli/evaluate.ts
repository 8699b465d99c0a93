/**
 * `mulligan evaluate`: whether the signal is any good, then what strategies are worth and cost.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { RunError } from "@mulligan/core/RunError"
import type { Estimate } from "../Bootstrap.ts"
import * as Depth from "../Depth.ts"
import * as Evaluate from "../Evaluate.ts"
import * as Latency from "../Latency.ts"
import type { Policy } from "../Policy.ts"
import * as Setting from "../Setting.ts"
import type { Quality } from "../Signal.ts"
import type { Judge } from "../tasks/Judge.ts"
import type { TaskError } from "../tasks/TaskError.ts"
import type { Graded } from "./graded.ts"
import * as Output from "./Output.ts"
import * as Summary from "./Summary.ts"
import { aligned } from "./table.ts"

export interface Options {
  readonly thresholds: ReadonlyArray<number>
  readonly rightFrom: number | undefined
  readonly maxTokens: number | undefined
  readonly isJson: boolean
}

const number = (value: number, places = 2): string => (Number.isFinite(value) ? value.toFixed(places) : "")
const percent = (value: number): string => (Number.isFinite(value) ? `${(100 * value).toFixed(1)}%` : "")
const between = ({ high, low }: Estimate, show: (value: number) => string): string =>
  Number.isFinite(low) ? `[${show(low)}, ${show(high)}]` : ""

const signalLine = ({ depth, ece, mass, meanLogProb, pooled, within }: Quality): ReadonlyArray<string> => [
  Depth.title(depth),
  number(within.value),
  between(within, number),
  number(pooled.value),
  number(meanLogProb.value),
  number(ece.value, 3),
  mass === undefined ? "" : number(mass)
]

const signalTable = (depths: ReadonlyArray<Quality>): string =>
  aligned([
    ["judged at", "AUROC within", "95%", "pooled", "log-probability", "error", "mass"],
    ...depths.map(signalLine)
  ])

/** Of each depth at which some drafts could not be asked. */
const leftOut = (depths: ReadonlyArray<Quality>): ReadonlyArray<string> =>
  depths.flatMap(({ depth, unread }) =>
    unread === 0
      ? []
      : [
          `${Depth.title(depth)}: ${Summary.plural(unread, "draft")} left the question no room in the model's context; they are not in these numbers, and a strategy that judges there drops them.`
        ]
  )

const rowLine = (row: Evaluate.Row): ReadonlyArray<string> => [
  row.name,
  percent(row.accuracy.value),
  between(row.accuracy, percent),
  number(row.samples.value),
  number(row.drawnTokens.value, 0),
  number(row.readTokens.value, 0),
  number(row.wastedTokens.value, 0),
  number(row.rounds.value, 1),
  number(row.seconds.value),
  percent(row.gainShare.value)
]

const rowTable = (rows: ReadonlyArray<Evaluate.Row>): string =>
  aligned([
    ["", "accuracy", "95%", "samples", "drawn", "read", "waste", "rounds", "seconds", "gain"],
    ...rows.map(rowLine)
  ])

const print = ({ count, hardware, model, problems, rows, signal, task }: Evaluate.Evaluation): string =>
  [
    signal.diagnosis.advice,
    signalTable(signal.depths),
    ...leftOut(signal.depths),
    `${Summary.plural(problems, "problem")} of ${task}, ${count} drafts each, ${model}; averages of a problem:`,
    rowTable(rows),
    `Seconds under a model: ${Latency.describe(hardware)}. Gain: the share of the best of ${count}'s over one sample.`
  ].join("\n\n")

type Common = Evaluate.Bench["common"]

const adaptive = (
  { recording }: Pick<Graded, "recording">,
  thresholds: ReadonlyArray<number>,
  { count, maxTokens, temperature }: Common
) =>
  Object.fromEntries(
    thresholds.map((value) => {
      const setting: Setting.Setting = {
        count,
        maxTokens,
        temperature: { value: temperature, code: String(temperature) },
        scorer: Setting.selfEvaluation,
        stop: Setting.threshold(value)
      }
      return [`adaptive, threshold ${value}`, Setting.toPolicy(setting, () => undefined, recording.sampling)] as const
    })
  )

/** Adaptive sampling at each threshold, of the drafts that were recorded, and others over the same. */
export const policiesOf = (
  { recording, task }: Graded,
  thresholds: ReadonlyArray<number>,
  others: (common: Common) => Readonly<Record<string, Policy>> = () => ({}),
  maxTokens?: number
) =>
  Effect.map(Evaluate.bench(recording, { task, maxTokens }), ({ common }) => ({
    ...adaptive({ recording }, thresholds, common),
    ...others(common)
  }))

/** The default thresholds of the table: from eager to strict. */
export const thresholds = [0.5, 0.8, 0.9, 0.95, 0.98]

export const evaluate = (
  graded: Graded,
  { isJson, maxTokens, rightFrom, thresholds }: Options
): Effect.Effect<void, BackendError | RunError | TaskError, Judge> =>
  Effect.gen(function* () {
    const { recording, task } = graded
    const policies = yield* policiesOf(graded, thresholds, undefined, maxTokens)
    const evaluation = yield* Evaluate.evaluate(recording, { task, policies, rightFrom, maxTokens })
    return yield* isJson ? Output.json(evaluation) : Output.line(print(evaluation))
  })
