/**
 * Whether scores can be trusted: calibration in bins, and how well they order right and wrong.
 */
import type { Observation } from "./Observation.ts"

export interface Bin {
  readonly from: number
  readonly to: number
  readonly count: number
  /** Mean score of its observations, and the share that came out right. */
  readonly score: number
  readonly outcome: number
}

/** The bin (from, to] that holds the score; the first also holds what is below it. */
const binOf = (score: number, count: number): number => {
  let bin = 0
  while (bin < count - 1 && score > (bin + 1) / count) bin++
  return bin
}

/** Equal-width bins of [0, 1]; the empty ones are left out. Default 10. */
export const reliabilityBins = (observations: ReadonlyArray<Observation>, count = 10): ReadonlyArray<Bin> => {
  const bins = Map.groupBy(observations, ({ score }) => binOf(score, count))
  return [...bins]
    .toSorted(([a], [b]) => a - b)
    .map(([i, inside]) => ({
      from: i / count,
      to: (i + 1) / count,
      count: inside.length,
      score: mean(inside, "score"),
      outcome: mean(inside, "outcome")
    }))
}

const mean = (observations: ReadonlyArray<Observation>, of: keyof Observation) =>
  observations.reduce((sum, o) => sum + o[of], 0) / observations.length

/**
 * Expected calibration error: the mean distance of score and outcome over the bins (Naeini et al. 2015). 0 is perfect; of
 * no observations it is NaN.
 */
export const ece = (observations: ReadonlyArray<Observation>, bins = 10): number => {
  const distance = ({ count, outcome, score }: Bin) => count * Math.abs(score - outcome)
  return reliabilityBins(observations, bins).reduce((sum, bin) => sum + distance(bin), 0) / observations.length
}

/**
 * Pairs of a right (outcome 1) and a wrong (below 1) one that are ordered correctly, ties half, and all such pairs. Sums of
 * it over prompts give `aurocWithin`, so that a bootstrap over prompts only adds.
 */
export const pairs = (observations: ReadonlyArray<Observation>): readonly [won: number, all: number] => {
  const sorted = observations.toSorted((a, b) => a.score - b.score)
  let won = 0
  let wrongBelow = 0
  for (let i = 0; i < sorted.length;) {
    let end = i
    while (end < sorted.length && sorted[end]!.score === sorted[i]!.score) end++
    const equal = sorted.slice(i, end)
    const right = equal.filter((o) => o.outcome === 1).length
    const wrong = equal.length - right
    won += right * (wrongBelow + wrong / 2)
    wrongBelow += wrong
    i = end
  }
  return [won, (observations.length - wrongBelow) * wrongBelow]
}

/**
 * Area under the ROC curve over all observations together: NaN without both outcomes. Gotcha: over several prompts this
 * mostly measures which prompts are hard; what choosing and pruning need is `aurocWithin`.
 */
export const auroc = (observations: ReadonlyArray<Observation>): number => {
  const [won, all] = pairs(observations)
  return all === 0 ? NaN : won / all
}

/**
 * The share of right/wrong pairs *of one prompt* that are ordered correctly, ties half; one array a prompt. NaN where no
 * prompt has both.
 */
export const aurocWithin = (prompts: ReadonlyArray<ReadonlyArray<Observation>>): number => {
  let [won, all] = [0, 0]
  for (const [w, a] of prompts.map(pairs)) {
    won += w
    all += a
  }
  return all === 0 ? NaN : won / all
}
