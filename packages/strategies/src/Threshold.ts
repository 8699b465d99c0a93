/**
 * How good is good enough to be kept, or to vote: a bar that is learned from the scored candidates so far.
 */
import type * as Scorer from "@mulligan/core/Scorer"

/**
 * From the scored candidates so far, in the order in which they came, to the score that others must reach; -Infinity keeps
 * all. For `Candidates.pruneBelow`, for `runWeightedMajority` and for `Stopping.consensus`.
 */
export type Threshold = (history: ReadonlyArray<Scorer.Scored>) => number

/** Keeps all. */
export const none: Threshold = () => -Infinity

/**
 * The value below which this share (0 to 1) of the values lies, interpolated linearly between the two nearest, as
 * `numpy.percentile` does by default. Of no values it is NaN.
 */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  // 10 · (1 - 0.7) is 3.0000000000000004: without the rounding the candidate at place 3 would miss its own bar.
  const place = Math.round((sorted.length - 1) * share * 1e9) / 1e9
  const [below = NaN, above = NaN] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  return below === above || below === -Infinity ? below : below + (place - Math.floor(place)) * (above - below)
}

const checkedShare = (keep: number) => {
  if (!(keep > 0 && keep <= 1)) throw new RangeError(`A share to keep is above 0 and at most 1 (off), not ${keep}.`)
  return 1 - keep
}

export interface ShareOptions {
  /** Share that reaches the bar, above 0; 1 is off. Default 0.1: DeepConf's top 10%; its other setting is 0.9. */
  readonly keep?: number | undefined
}

/** The bar that the best `keep` of all candidates so far reach (DeepConf offline, Fu et al., arXiv 2508.15260). */
export const topShare = ({ keep = 0.1 }: ShareOptions = {}): Threshold => {
  const share = checkedShare(keep)
  return (history) => (share === 0 || history.length === 0 ? -Infinity : quantile(values(history), share))
}

export interface WarmUpOptions extends ShareOptions {
  /** How many candidates teach the bar; until they are there it keeps all. `Infinity` is off. Default 16: DeepConf's. */
  readonly count?: number | undefined
}

/**
 * The bar that the best `keep` of the first `count` candidates reach, fixed from then on (DeepConf online, Fu et al., arXiv
 * 2508.15260). Before a stage it drops what comes later and falls below; in a vote it also silences the warm-up's own weak
 * ones, as there.
 *
 * Gotcha: the history holds the score that each candidate had in the end, so judge by one scorer throughout.
 */
export const warmUp = ({ count = 16, keep = 0.1 }: WarmUpOptions = {}): Threshold => {
  const share = checkedShare(keep)
  if (!(count >= 1)) throw new RangeError(`A warm-up has at least one candidate, not ${count}.`)
  return (history) =>
    share === 0 || history.length < count ? -Infinity : quantile(values(history.slice(0, count)), share)
}

const values = (history: ReadonlyArray<Scorer.Scored>) => history.map((c) => c.score.value)
