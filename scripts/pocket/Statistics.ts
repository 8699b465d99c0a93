/**
 * Intervals by bootstrap over problems: problems are what we drew at random, drafts of one problem belong together.
 */

export const mean = (values: ReadonlyArray<number>): number =>
  values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length

/** A small seeded generator (mulberry32), so that the same run prints the same interval. */
export const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

export interface Interval {
  readonly low: number
  readonly high: number
}

/** Percentile interval (95% by default) of a statistic of resampled problems, given by their row numbers. */
export const bootstrap = (
  size: number,
  statistic: (rows: ReadonlyArray<number>) => number,
  options: { readonly level?: number | undefined; readonly draws?: number | undefined } = {}
): Interval => {
  const { draws = 1000, level = 0.95 } = options
  const next = random(size)
  const drawn = Array.from({ length: draws }, () =>
    statistic(Array.from({ length: size }, () => Math.floor(next() * size)))
  ).toSorted((a, b) => a - b)
  const at = (q: number) => drawn[Math.min(draws - 1, Math.floor(q * draws))] ?? Number.NaN
  return { low: at((1 - level) / 2), high: at((1 + level) / 2) }
}

/** 95% interval of a mean over problems. With no spread at all the rule of three bounds it instead (Jovanovic and Levy 1997). */
export const meanInterval = (values: ReadonlyArray<number>): Interval => {
  const size = values.length
  if (values.every((value) => value === 1)) return { low: Math.max(0, 1 - 3 / size), high: 1 }
  if (values.every((value) => value === 0)) return { low: 0, high: Math.min(1, 3 / size) }
  return bootstrap(size, (rows) => mean(rows.map((row) => values[row] ?? 0)))
}
