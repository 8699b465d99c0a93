/**
 * An evaluation to look at: one HTML file that needs no network and no script, and its charts as SVG for papers.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { RunError } from "@mulligan/core/RunError"
import { Resamples } from "./Bootstrap.ts"
import * as Evaluate from "./Evaluate.ts"
import type { Recording } from "./Recording.ts"
import { type Scheme, standalone } from "./report/Chart.ts"
import { type Example, examples } from "./report/Example.ts"
import { type Fate, fates } from "./report/Fate.ts"
import { chartsOf, page } from "./report/Page.ts"
import type { TaskError } from "./tasks/TaskError.ts"

export type { Scheme } from "./report/Chart.ts"
export type { Draft, End, Example, Reading, Why } from "./report/Example.ts"
export type { Fate, Lost } from "./report/Fate.ts"

export interface Report {
  readonly evaluation: Evaluate.Evaluation
  /** Of every cut of every policy. */
  readonly fates: ReadonlyArray<Fate>
  readonly examples: ReadonlyArray<Example>
  /** The policy that the examples are about: of those that draw several drafts the most often right. */
  readonly policy: string
  readonly readPrice: number
}

export interface Options<E = never, R = never> extends Evaluate.Options<E, R> {
  /** What a token that is read to judge costs, in tokens drawn, as for `Tune`. Default 0.25. */
  readonly readPrice?: number | undefined
  /** Single problems of each kind: the greatest gains, the worst misses, and at random. 0: none. Default 3. */
  readonly examples?: number | undefined
  /** Of the problems at random. Default 0. */
  readonly seed?: number | undefined
}

type Failure<E> = E | BackendError | RunError | TaskError

/** The cheaper of equals. */
const bestOf = ({ policies }: Evaluate.Bench<unknown, unknown>, { rows }: Evaluate.Evaluation): string =>
  rows
    .filter(({ name }) => (policies[name]?.count ?? 0) > 1)
    .toSorted((a, b) => b.accuracy.value - a.accuracy.value || a.drawnTokens.value - b.drawnTokens.value)[0]?.name ??
  Evaluate.names.one

const check = ({ examples = 3, readPrice = 0.25 }: Options<unknown, unknown>): void => {
  if (!(Number.isInteger(examples) && examples >= 0))
    throw new RangeError(`examples is a whole number from 0 up, not ${examples}.`)
  if (!(readPrice >= 0 && readPrice < Infinity))
    throw new RangeError(`readPrice is a number from 0 up, not ${readPrice}.`)
}

/**
 * Evaluates a recording as `Evaluate.evaluate` does, and looks closer: at what was pruned, and at single problems. Each draft
 * is graded once for all of it. Fails as `Evaluate.evaluate`; throws a `RangeError` for options that cannot be meant.
 */
export const make = <E = never, R = never>(
  recording: Recording,
  options: Options<E, R>
): Effect.Effect<Report, Failure<E>, R> =>
  Effect.gen(function* () {
    check(options as Options<unknown, unknown>)
    const { examples: each = 3, readPrice = 0.25, resamples, rightFrom, seed = 0 } = options
    const bench = yield* Evaluate.bench(recording, options)
    const evaluation = yield* Evaluate.measure(bench, options)
    const drawn = new Resamples(evaluation.problems, { resamples })
    const found = yield* Effect.forEach(Object.entries(bench.policies), ([name, policy]) =>
      fates(bench, name, policy, { resamples: drawn, rightFrom })
    )
    const policy = bestOf(bench, evaluation)
    const depths = evaluation.signal.depths.map(({ depth }) => depth)
    return {
      evaluation,
      fates: found.flat(),
      examples: yield* examples(bench, { policy: bench.policies[policy]!, depths, each, seed }),
      policy,
      readPrice
    }
  })

/**
 * One file: charts for wide and narrow screens, light and dark, each with its numbers as a table; no script, and a policy
 * that forbids the network. What models and tasks wrote is escaped.
 */
export const html = (self: Report): Effect.Effect<string> => page(self)

/**
 * The same charts as SVG files by name: `frontier`, `auroc`, `reliability`; with cuts `pruned`, `leftWithout`, `onlyRight`
 * and `droppedRight`.
 */
export const charts = (
  self: Report,
  { scheme = "light" }: { readonly scheme?: Scheme | undefined } = {}
): Effect.Effect<Readonly<Record<string, string>>> =>
  Effect.all(
    Object.fromEntries(Object.entries(chartsOf(self)).map(([name, chart]) => [name, standalone(chart, scheme)]))
  )
