/**
 * Stops when the best so far reaches the value at which another draw is worth just its cost.
 */
import type * as Scorer from "@mulligan/core/Scorer"
import type { Stopping } from "./Rule.ts"

const checkCost = (cost: number) => {
  if (!(cost >= 0)) throw new RangeError(`A candidate costs 0 (off) or more, not ${cost}.`)
}

/**
 * Weitzman's reservation value (1979; the "fair cap" of Kalayci et al., arXiv 2510.01394) of a distribution that is known,
 * or given by draws of it, such as scores of other prompts: the r with E[max(score - r, 0)] = cost. Stopping at the first
 * score that reaches it, `Stopping.threshold(reservationValue(scores, { cost }))`, is optimal without a limit on the number
 * of draws. A cost of 0 is off (`Infinity`). Throws a `RangeError` for no scores, or scores that are not finite.
 */
export const reservationValue = (scores: ReadonlyArray<number>, { cost }: { readonly cost: number }): number => {
  checkCost(cost)
  if (scores.length === 0 || !scores.every(Number.isFinite)) {
    throw new RangeError("A reservation value needs at least one score, and all of them finite.")
  }
  if (cost === 0) return Infinity
  const sorted = scores.toSorted((a, b) => b - a)
  let sum = 0
  for (const [i, score] of sorted.entries()) {
    sum += score
    // With the i + 1 best above it: their sum, less r for each, is the cost of as many draws as there are scores.
    const value = (sum - scores.length * cost) / (i + 1)
    if (value >= (sorted[i + 1] ?? -Infinity)) return value
  }
  return -Infinity
}

export interface FairCapOptions {
  /** What a candidate costs, in units of the share of wins against the best of all (below 0.5); 0 is off. Theirs: 0.00006 to 0.008. */
  readonly cost: number
  /** How many candidates there can be at most, from 1: how good the best of all will be. Default 16; theirs had 960. */
  readonly horizon?: number | undefined
  /** Not before this many candidates, at least 2; `Infinity` is off. Default 20, theirs. */
  readonly least?: number | undefined
  /** Chance that the doubt about the spread is too small, above 0 to 1 (no doubt). Default 0.05, theirs. */
  readonly delta?: number | undefined
}

/** Their guess at the best of N: the median and ln(N / 5) times the mean above it. */
const DIVISOR = 5

/** e to each score, relative to the best: from their median up they are taken for an exponential tail. */
const tailOf = (history: ReadonlyArray<Scorer.Scored>, most: number) => {
  const sorted = history.map((c) => Math.exp(c.score.value - most)).toSorted((a, b) => b - a)
  const upper = sorted.slice(0, Math.ceil(sorted.length / 2))
  const median = upper.at(-1) ?? 0
  return { median, excess: upper.reduce((sum, v) => sum + v, 0) / upper.length - median }
}

/** 1 - z · e^z · E₁(z) by its continued fraction, for z of 1 or more. */
const remainder = (z: number): number => {
  let rest = 0
  for (let n = 60; n >= 1; n--) rest = (n * n) / (z + 2 * n + 1 - rest)
  return (1 - rest) / (z + 1 - rest)
}

/**
 * Pandora's box with an unknown distribution (adaptive best of N, Kalayci et al., arXiv 2510.01394, as in
 * github.com/yhkalayci/adaptive-BoN): takes e to the score for what is won, its upper half for an exponential tail, and so
 * guesses the best of all; the best so far is worth its share of wins against that (Bradley-Terry), and it stops when
 * another draw is expected to add less than the cost. Scores are log-odds or rewards, not probabilities: take the logit
 * of those.
 *
 * What differs: whether the gain is below the cost is asked directly, not by searching the cap. The paper's cap is an upper
 * confidence bound; the repository, followed here, uses the mean there and a lower bound for the best of all.
 *
 * Gotcha: by default it says nothing before 20 candidates, so with 16 set `least`.
 */
export const fairCap = ({ cost, delta = 0.05, horizon = 16, least = 20 }: FairCapOptions): Stopping => {
  checkCost(cost)
  if (!(horizon >= 1)) throw new RangeError(`The horizon is the most candidates there can be, from 1, not ${horizon}.`)
  if (!(least >= 2)) throw new RangeError(`A spread needs at least 2 candidates, not ${least}.`)
  if (!(delta > 0 && delta <= 1)) throw new RangeError(`delta is a chance above 0 and at most 1, not ${delta}.`)
  return (history) => {
    const n = history.length
    if (n < least || cost === 0) return false
    const most = history.reduce((max, c) => Math.max(max, c.score.value), -Infinity)
    if (!Number.isFinite(most)) return most === Infinity
    const { excess, median } = tailOf(history, most)
    if (excess === 0) return true
    const doubt = Math.sqrt((Math.log(n) * Math.log(1 / delta)) / n)
    const bestOfAll = median + Math.log(Math.max(1, horizon / DIVISOR)) * excess * Math.max(0, 1 - doubt)
    const best = Math.exp(history.reduce((max, c) => Math.max(max, c.score.lower), -Infinity) - most)
    return gainBeyond(best, { median, excess, bestOfAll }) < cost
  }
}

interface Tail {
  readonly median: number
  /** Mean above the median. */
  readonly excess: number
  readonly bestOfAll: number
}

/** E[max(x / (x + M) - b / (b + M), 0)] for x from the tail, M the best of all and b the best so far. */
const gainBeyond = (best: number, { bestOfAll, excess, median }: Tail): number => {
  const from = Math.max(best, median)
  const wins = (x: number) => x / (x + bestOfAll)
  const beyond = (1 - wins(from)) * remainder((from + bestOfAll) / excess)
  return wins(from) - wins(best) + Math.exp(-(from - median) / excess) * beyond
}
