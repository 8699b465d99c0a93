// From rounds to figures: medians, and how far single rounds lay apart.
import { type Cell, nameOf } from "./Cell.ts"
import type { Results, Round } from "./Rounds.ts"
import { type Failed, type Measured, stages } from "./Turn.ts"

export interface Figure {
  readonly figure: string
  /** Null where nothing could be measured. */
  readonly value: number | null
  readonly min: number | null
  readonly max: number | null
}

/** What one round gives; undefined and null count for nothing. */
export type Of = (round: Round) => number | null | undefined

const short = (value: number) => Number(value.toPrecision(4))

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

export const figure = (name: string, results: Results | undefined, of: Of): Figure => {
  const values = (results?.rounds ?? []).map(of).filter((value) => typeof value === "number" && Number.isFinite(value))
  const numbers = values as ReadonlyArray<number>
  if (numbers.length === 0) return { figure: name, value: null, min: null, max: null }
  const [value, min, max] = [median(numbers), Math.min(...numbers), Math.max(...numbers)]
  return { figure: name, value: short(value), min: short(min), max: short(max) }
}

/** The measurement of a contender in a round; undefined if it failed or had no turn. */
export const by = (round: Round, name: string): Measured | undefined => {
  const measured: Measured | Failed | undefined = round[name]
  return measured === undefined || "failed" in measured ? undefined : measured
}

/** In one round, so that both had the same machine. */
export const over =
  (of: (measured: Measured) => number, above: string, below: string): Of =>
  (round) => {
    const [a, b] = [by(round, above), by(round, below)]
    return a === undefined || b === undefined ? undefined : of(a) / of(b)
  }

/** Tokens of all drafts by the time from the call to the last. */
export const tokensPerSecond = ({ lengths, totalMs }: Measured): number =>
  (1000 * lengths.reduce((sum, length) => sum + length, 0)) / totalMs

type Measure = (measured: Measured) => number | null | undefined

const megabytes = (bytes: number | null | undefined) => (typeof bytes === "number" ? bytes / 1e6 : null)

/** What a process holds at each stage, and the most that it held until then: `LoadedMegabytes`, `LoadedPeakMegabytes`. */
const memories: ReadonlyArray<readonly [string, Measure]> = stages.flatMap((stage) => [
  [`${stage}Megabytes`, ({ memory }) => megabytes(memory?.[stage]?.now)],
  [`${stage}PeakMegabytes`, ({ memory }) => megabytes(memory?.[stage]?.peak)]
])

const measures: Readonly<Record<string, Measure>> = {
  TokensPerSecond: tokensPerSecond,
  StepMs: ({ stepMs }) => stepMs,
  PrefillMs: ({ prefillMs }) => prefillMs,
  PeakMegabytes: ({ peakBytes }) => megabytes(peakBytes),
  ...Object.fromEntries(memories),
  LongestGapMs: ({ longestGapMs }) => longestGapMs,
  Evaluation24Ms: ({ evaluationMs }) => evaluationMs?.["24"],
  Evaluation10Ms: ({ evaluationMs }) => evaluationMs?.["10"]
}

/** Everything measured in a cell, as `mulliganStepMs_smol_fp32_16_512`; who has no tokens per second was not measured. */
export const ofCell = (results: Results, contenders: ReadonlyArray<string>): ReadonlyArray<Figure> =>
  contenders.flatMap((name) =>
    Object.entries(measures).flatMap(([measure, of]) => {
      const own = (round: Round) => {
        const measured = by(round, name)
        return measured === undefined ? undefined : of(measured)
      }
      const found = figure(`${name}${measure}_${nameOf(results.cell)}`, results, own)
      // What only some contenders have is not missing with the others; their speed is.
      return found.value === null && measure !== "TokensPerSecond" ? [] : [found]
    })
  )

export const find = (results: ReadonlyArray<Results>, cell: Cell): Results | undefined =>
  results.find((one) => nameOf(one.cell) === nameOf(cell))

/** Each failure once, by contender and cell. */
export const failures = (results: ReadonlyArray<Results>): ReadonlyArray<string> =>
  results.flatMap(({ cell, rounds }) =>
    rounds.flatMap((round) =>
      Object.entries(round).flatMap(([name, measured]) =>
        "failed" in measured ? [`${name} in ${nameOf(cell)}: ${measured.failed}`] : []
      )
    )
  )
