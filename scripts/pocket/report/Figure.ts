/**
 * A number of the report, with its 95% interval by bootstrap over problems.
 */
import { random } from "../Statistics.ts"

export interface Figure {
  readonly figure: string
  /** Null where it could not be known, as the order of right and wrong drafts where all are wrong. */
  readonly value: number | null
  readonly low: number | null
  readonly high: number | null
  /** What was wanted before it was measured, as ">= .99"; null where nothing was. */
  readonly target: string | null
}

/** A statistic is a function of sums over problems, so that a resample adds rows up and never looks at drafts again. */
export type Row = ReadonlyArray<number>
export type Statistic = (sums: ReadonlyArray<number>) => number

const RESAMPLES = 1000

const added = (rows: ReadonlyArray<Row>, at: (i: number) => number): ReadonlyArray<number> => {
  const sums = Array.from({ length: rows[0]?.length ?? 0 }, () => 0)
  for (let i = 0; i < rows.length; i++) {
    const row = rows[at(i)]!
    for (let column = 0; column < sums.length; column++) sums[column]! += row[column]!
  }
  return sums
}

/** Resamples in which the statistic is not defined, as a share of no gain, count for nothing. */
const resampled = (rows: ReadonlyArray<Row>, statistic: Statistic) => {
  const next = random(rows.length)
  const values = Array.from({ length: RESAMPLES }, () =>
    statistic(added(rows, () => Math.floor(next() * rows.length)))
  ).filter(Number.isFinite)
  const sorted = values.toSorted((a, b) => a - b)
  const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
  return { low: quantile(0.025), high: quantile(0.975) }
}

const shown = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(5)) : null)

export const valueOf = (rows: ReadonlyArray<Row>, statistic: Statistic): number => statistic(added(rows, (i) => i))

export const figure = (
  name: string,
  rows: ReadonlyArray<Row>,
  statistic: Statistic,
  target: string | null = null
): Figure => {
  const { high, low } = resampled(rows, statistic)
  return { figure: name, value: shown(valueOf(rows, statistic)), low: shown(low), high: shown(high), target }
}

/** The first sum by the second. */
export const ratio: Statistic = ([a = 0, b = 0]) => a / b

export const meanFigure = (name: string, values: ReadonlyArray<number>, target: string | null = null): Figure =>
  figure(
    name,
    values.map((value) => [value, 1]),
    ratio,
    target
  )

/** A number that comes without an interval. */
export const exact = (name: string, value: number, target: string | null = null): Figure => ({
  figure: name,
  value: shown(value),
  low: shown(value),
  high: shown(value),
  target
})

/** Whether a figure holds its target; undefined where there is none. */
export const holds = ({ target, value }: Figure): boolean | undefined => {
  const [, relation, bound] = /^(>=|<=) (-?[\d.]+)/.exec(target ?? "") ?? []
  if (relation === undefined || value === null) return undefined
  return relation === ">=" ? value >= Number(bound) : value <= Number(bound)
}
