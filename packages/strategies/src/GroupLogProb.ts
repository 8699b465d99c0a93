/**
 * Scorers by the likelihood of stretches of a candidate: the shapes of DeepConf (Fu et al., arXiv 2508.15260), over another
 * quantity. DeepConf's token confidence is the mean log-probability of the 20 likeliest tokens, its sign turned; a `Token`
 * holds only the log-probability of the token that was drawn, so that is what is averaged here. High is sure in both.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import * as Scorer from "@mulligan/core/Scorer"
import { logProbs, mean } from "./internal/logProbs.ts"

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
 * none, none.
 */
export const groupMeans = (values: ReadonlyArray<number>, size: number): ReadonlyArray<number> => {
  if (values.length === 0) return []
  const width = Math.min(size, values.length)
  const means: Array<number> = []
  let [sum, impossible] = [0, 0] // -Infinity cannot be taken off a sum again
  values.forEach((value, i) => {
    const gone = i < width ? 0 : values[i - width]!
    sum += (value === -Infinity ? 0 : value) - (gone === -Infinity ? 0 : gone)
    impossible += Number(value === -Infinity) - Number(gone === -Infinity)
    if (i >= width - 1) means.push(impossible > 0 ? -Infinity : sum / width)
  })
  return means
}

/** Mean of the lowest `share` of these, rounded down; of the lowest one at least. */
export const bottomMean = (means: ReadonlyArray<number>, share: number): number =>
  mean(means.toSorted((a, b) => a - b).slice(0, Math.max(1, Math.floor(means.length * share))))

/** An unfinished candidate with less than one group says nothing yet: it is neither surely good nor surely bad. */
const grouped =
  (
    name: string,
    size: number,
    judge: (values: ReadonlyArray<number>) => number
  ): Scorer.Scorer<BackendError.BackendError> =>
  (candidate) =>
    Effect.map(logProbs(candidate, name), (values) => {
      const isOpen = Candidate.end(candidate) === undefined && values.length < size
      return isOpen ? { value: judge(values), lower: -Infinity, upper: 0 } : Scorer.exact(judge(values))
    })

/**
 * The lowest mean log-probability of any `size` tokens that follow each other, at most 0: DeepConf's lowest group
 * confidence, of the drawn tokens. It only falls while a candidate grows. An unfinished candidate shorter than one group is
 * bounded by -Infinity and 0, so that nothing drops it; a finished one scores its mean. Refuses as `meanLogProb` does.
 *
 * Gotcha: with the default size no draft under 2,048 tokens is ever pruned.
 */
export const lowestGroupLogProb = ({ size = 2048 }: GroupOptions = {}): Scorer.Scorer<BackendError.BackendError> => {
  checkSize(size)
  return grouped("Scorers.lowestGroupLogProb", size, (values) => bottomMean(groupMeans(values, size), 0))
}

/** As `lowestGroupLogProb`, the mean of the lowest tenth of all groups: DeepConf's bottom 10% group confidence. */
export const bottomGroupLogProb = ({
  share = 0.1,
  size = 2048
}: BottomOptions = {}): Scorer.Scorer<BackendError.BackendError> => {
  checkSize(size)
  if (!(share >= 0 && share <= 1)) throw new RangeError(`A share of the groups is from 0 to 1, not ${share}.`)
  return grouped("Scorers.bottomGroupLogProb", size, (values) => bottomMean(groupMeans(values, size), share))
}

/** The mean log-probability of the last `size` tokens, at most 0: DeepConf's tail confidence, of the drawn tokens. */
export const tailLogProb = ({ size = 2048 }: GroupOptions = {}): Scorer.Scorer<BackendError.BackendError> => {
  checkSize(size)
  return (candidate) =>
    Effect.map(logProbs(candidate, "Scorers.tailLogProb"), (values) => Scorer.exact(mean(values.slice(-size))))
}
