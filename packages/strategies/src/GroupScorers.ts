/**
 * Scorers by stretches of a candidate: the shapes of DeepConf (Fu et al., arXiv 2508.15260), over its own token confidence or,
 * where a backend does not tell it, over the log-probability of the token that was drawn. High is sure in both.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import * as Scorer from "@mulligan/core/Scorer"
import { mean, perToken } from "./internal/perToken.ts"

type Judge = Scorer.Scorer<BackendError.BackendError>

export interface GroupOptions {
  /** Tokens of a group, a whole number from 1; 1 looks at single tokens. Default 2,048: DeepConf's, for long reasoning. */
  readonly size?: number | undefined
}

export interface BottomOptions extends GroupOptions {
  /** Share of the groups, the lowest, that is averaged; 0 is the lowest alone, 1 all of them. Default 0.1: DeepConf's. */
  readonly share?: number | undefined
}

const checkSize = (size: number) => {
  if (!(Number.isInteger(size) && size >= 1)) {
    throw new RangeError(`A group has a whole number of tokens, at least 1, not ${size}.`)
  }
}

/**
 * Means of all groups of `size` values that follow each other, in one pass; of fewer values than that, the mean of all; of
 * none, none. Values may be infinite in one direction.
 */
export const groupMeans = (values: ReadonlyArray<number>, size: number): ReadonlyArray<number> => {
  if (values.length === 0) return []
  const width = Math.min(size, values.length)
  const means: Array<number> = []
  let [sum, infinite, count] = [0, 0, 0] // an infinity cannot be taken off a sum again
  const add = (value: number, sign: 1 | -1) => {
    if (Number.isFinite(value)) sum += sign * value
    else [infinite, count] = [value, count + sign]
  }
  values.forEach((value, i) => {
    add(value, 1)
    if (i >= width) add(values[i - width]!, -1)
    if (i >= width - 1) means.push(count > 0 ? infinite : sum / width)
  })
  return means
}

/** Mean of the lowest `share` of these, rounded down; of the lowest one at least. */
export const bottomMean = (means: ReadonlyArray<number>, share: number): number =>
  mean(means.toSorted((a, b) => a - b).slice(0, Math.max(1, Math.floor(means.length * share))))

const bounds = {
  logProb: { lower: -Infinity, upper: 0 },
  confidence: { lower: 0, upper: Infinity }
} as const

type Of = keyof typeof bounds

/** An unfinished candidate with less than one group says nothing yet: it is neither surely good nor surely bad. */
const bottom = (name: string, of: Of, size: number, share: number): Judge => {
  checkSize(size)
  if (!(share >= 0 && share <= 1)) throw new RangeError(`A share of the groups is from 0 to 1, not ${share}.`)
  return (candidate) =>
    Effect.map(perToken(candidate, of, `Scorers.${name}`), (values) => {
      const value = bottomMean(groupMeans(values, size), share)
      const isOpen = Candidate.end(candidate) === undefined && values.length < size
      return isOpen ? { ...bounds[of], value, lower: Math.min(value, bounds[of].lower) } : Scorer.exact(value)
    })
}

const tail = (name: string, of: Of, size: number): Judge => {
  checkSize(size)
  return (candidate) =>
    Effect.map(perToken(candidate, of, `Scorers.${name}`), (values) => Scorer.exact(mean(values.slice(-size))))
}

/**
 * DeepConf's lowest group confidence: the lowest mean confidence of any `size` tokens that follow each other, from 0. It only
 * falls while a candidate grows. An unfinished candidate shorter than one group is bounded by 0 and Infinity, so that nothing
 * drops it; a finished one scores its mean. Refuses (`Unsupported`, `confidence`) tokens without one: draw with
 * `generate({ confidence: 20 })`.
 *
 * Gotcha: with the default size no draft under 2,048 tokens is ever pruned.
 */
export const lowestGroupConfidence = ({ size = 2048 }: GroupOptions = {}): Judge =>
  bottom("lowestGroupConfidence", "confidence", size, 0)

/** As `lowestGroupConfidence`, the mean of the lowest tenth of all groups: DeepConf's bottom 10% group confidence. */
export const bottomGroupConfidence = ({ share = 0.1, size = 2048 }: BottomOptions = {}): Judge =>
  bottom("bottomGroupConfidence", "confidence", size, share)

/** DeepConf's tail confidence: the mean confidence of the last `size` tokens, from 0. */
export const tailConfidence = ({ size = 2048 }: GroupOptions = {}): Judge => tail("tailConfidence", "confidence", size)

/**
 * As `lowestGroupConfidence`, over the log-probability of the drawn tokens, at most 0: needs nothing but what every token
 * tells. An unfinished candidate shorter than one group is bounded by -Infinity and 0. Refuses as `meanLogProb` does.
 */
export const lowestGroupLogProb = ({ size = 2048 }: GroupOptions = {}): Judge =>
  bottom("lowestGroupLogProb", "logProb", size, 0)

/** As `lowestGroupLogProb`, the mean of the lowest tenth of all groups. */
export const bottomGroupLogProb = ({ share = 0.1, size = 2048 }: BottomOptions = {}): Judge =>
  bottom("bottomGroupLogProb", "logProb", size, share)

/** The mean log-probability of the last `size` tokens, at most 0. */
export const tailLogProb = ({ size = 2048 }: GroupOptions = {}): Judge => tail("tailLogProb", "logProb", size)
