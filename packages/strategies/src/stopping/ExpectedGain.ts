/**
 * Stops when another candidate is no longer expected to be worth its cost, by what the scores so far say.
 */
import type * as Scorer from "@mulligan/core/Scorer"
import { gainIndex } from "../internal/gainIndex.ts"
import * as StudentT from "../internal/studentT.ts"
import type { Stopping } from "./Rule.ts"

export interface ExpectedGainOptions {
  /** What a candidate costs, in units of the score; 0 draws up to the horizon. Default 0.05, theirs. */
  readonly cost?: number | undefined
  /** How many candidates there can be at most, a whole number from 1; there it stops. Default 16, theirs. */
  readonly horizon?: number | undefined
  /** A score below this quantile of what was expected counts as the mean, 0 (off) to below 0.5. Default 0.01, theirs. */
  readonly outlier?: number | undefined
}

/** Scores that a variance needs at least: theirs, too. */
const LEAST = 3

interface Posterior {
  readonly count: number
  readonly mean: number
  /** Scale of the predictive distribution, Student's t with count - 1 degrees of freedom. */
  readonly scale: number
}

/** The posterior of the scores in their order, under Jeffreys' prior; infinite ones teach nothing. */
const learn = (history: ReadonlyArray<Scorer.Scored>, bar: (df: number) => number): Posterior => {
  let [count, mean, squares, scale] = [0, 0, 0, 0]
  for (const { score } of history) {
    if (!Number.isFinite(score.value)) continue
    const isOutlier = count >= LEAST && scale > 0 && (score.value - mean) / scale < bar(count - 1)
    const off = isOutlier ? 0 : score.value - mean
    count += 1
    mean += off / count
    squares += (off * off * (count - 1)) / count
    scale = count < 2 ? 0 : Math.sqrt((squares * (count + 1)) / (count * (count - 1)))
  }
  return { count, mean, scale }
}

const memoized = (f: (n: number) => number): ((n: number) => number) => {
  const known = new Map<number, number>()
  return (n) => {
    const value = known.get(n) ?? f(n)
    known.set(n, value)
    return value
  }
}

/**
 * Bayesian optimal stopping (BEACON, arXiv 2510.15945): scores are taken for draws from a normal distribution of unknown
 * mean and variance (normal-inverse-gamma, Jeffreys' prior), and it stops when what drawing on is worth, all later choices
 * included, is no more than the cost. Not before three scores. The best is counted by its lower bound, all else by value.
 *
 * What differs from what was read of it: scores that are all equal say that nothing is to be gained (so it stops, if there
 * is a cost), and the index is integrated without cutting off the tails.
 *
 * Gotcha: the cost is in units of the score, so it means another thing for a probability than for a reward. The first
 * decision builds a table for the horizon: 0.1 s at 16.
 */
export const expectedGain = ({ cost = 0.05, horizon = 16, outlier = 0.01 }: ExpectedGainOptions = {}): Stopping => {
  if (!(cost >= 0)) throw new RangeError(`A candidate costs 0 (off) or more, in units of the score, not ${cost}.`)
  if (!(Number.isInteger(horizon) && horizon >= 1)) {
    throw new RangeError(`The horizon is the most candidates there can be, a whole number from 1, not ${horizon}.`)
  }
  if (!(outlier >= 0 && outlier < 0.5)) {
    throw new RangeError(`Scores below a quantile from 0 (off) to below 0.5 are outliers, not ${outlier}.`)
  }
  const bar = outlier === 0 ? () => -Infinity : memoized((df) => StudentT.lowQuantile(outlier, df))
  return (history) => {
    if (history.length >= horizon) return true
    const { count, mean, scale } = learn(history, bar)
    if (count < LEAST) return false
    const best = history.reduce((max, c) => Math.max(max, c.score.lower), -Infinity)
    if (scale === 0 || best === Infinity) return cost > 0
    return gainIndex(horizon)(count, (best - mean) / scale) * scale <= cost
  }
}
