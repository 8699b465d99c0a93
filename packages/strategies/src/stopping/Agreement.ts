/**
 * Rules that stop when the candidates' answers agree.
 */
import { leaders, tally, type VoteOptions, weighted } from "../internal/votes.ts"
import type { Answer, Stopping } from "./Rule.ts"

/**
 * Early-stopping self-consistency (ESC, Li et al., arXiv 2401.10480): candidates are looked at in whole windows of `size`
 * (the paper's 5 by default), and one window with a single answer is enough. `Infinity` is off. What differs from
 * github.com/Yiwei98/ESC: five candidates without an answer do not agree here; and the answer is whatever chooses
 * downstream, there it is the window's.
 */
export const agreement = (answer: Answer, { size = 5 }: { readonly size?: number | undefined } = {}): Stopping => {
  if (!(size >= 1)) throw new RangeError(`An agreement window holds at least one candidate, not ${size}.`)
  return (history) => {
    if (history.length === 0 || history.length % size !== 0) return false
    const window = history.slice(-size).map(answer)
    return window[0] !== undefined && window.every((said) => said === window[0])
  }
}

/**
 * Adaptive-Consistency (Aggarwal et al., arXiv 2305.11860): with a and b votes for the two leading answers, stops when
 * the most frequent one is the majority of the two with at least `confidence` (the paper's 0.95 by default) under
 * Beta(a + 1, b + 1). Above 1 is off. What differs from github.com/Pranjal2041/AdaptiveConsistency: the integral is exact
 * here, and "no answer" is not an answer that could lead.
 */
export const betaPosterior =
  (answer: Answer, { confidence = 0.95 }: { readonly confidence?: number | undefined } = {}): Stopping =>
  (history) => {
    const { first, second } = leaders(tally(history, answer))
    return first > 0 && majorityProbability(first, second) >= confidence
  }

/**
 * P(x > 1/2) for x ~ Beta(a + 1, b + 1). For whole numbers this is a sum of binomials: the chance of at most a heads in
 * a + b + 1 throws of a fair coin.
 */
export const majorityProbability = (a: number, b: number): number => {
  const throws = a + b + 1
  let term = 0.5 ** throws
  let sum = term
  for (let k = 1; k <= a; k++) {
    term *= (throws - k + 1) / k
    sum += term
  }
  return sum
}

export interface SupermajorityOptions {
  /** Share of the answers that must agree, above 0.5; above 1 is off. Default 0.75: its_hub's. */
  readonly share?: number | undefined
  /** It looks at this many candidates, then at twice as many, and so on: a whole number from 1. Default 2: its_hub's. */
  readonly first?: number | undefined
}

/**
 * Supermajority with doubling (`AdaptiveSelfConsistency` of github.com/Red-Hat-AI-Innovation-Team/its_hub): looks at the
 * first 2, 4, 8, … candidates and stops when `share` of those that answer something agree. Draw in rounds of the same
 * sizes: `rounds([2, 2, 4, 8], …)`.
 */
export const supermajority = (answer: Answer, { first = 2, share = 0.75 }: SupermajorityOptions = {}): Stopping => {
  if (!(share > 0.5)) throw new RangeError(`A supermajority is a share above 0.5 (above 1: off), not ${share}.`)
  if (!(Number.isInteger(first) && first >= 1)) {
    throw new RangeError(
      `A supermajority is looked for from a whole number of candidates on, at least 1, not ${first}.`
    )
  }
  return (history) => {
    if (!Number.isInteger(Math.log2(history.length / first)) || history.length < first) return false
    const votes = leaders(tally(history, answer))
    return votes.all > 0 && votes.first / votes.all >= share
  }
}

export interface ConsensusOptions extends VoteOptions {
  /** Share of all votes that the leading answer must have; above 1 is off. Default 0.95: DeepConf's. */
  readonly share?: number | undefined
  /** Not before this many candidates came, whether they vote or not; `Infinity` is off. Default 2: Self-Calibration's. */
  readonly least?: number | undefined
}

/**
 * Stops when the leading answer has this share of all votes, each weighted as in `runWeightedMajority`: the consensus of
 * DeepConf online (Fu et al., arXiv 2508.15260; `above` its bar, `least` its warm-up), and at a share of 0.8 the
 * confidence-weighted adaptive self-consistency of Self-Calibration (Huang et al., arXiv 2503.00031; `asc_conf` in its
 * repository, `asc` with `Weights.equal`). No votes, or votes that weigh nothing, are no consensus.
 */
export const consensus = (answer: Answer, { least = 2, share = 0.95, ...voting }: ConsensusOptions = {}): Stopping => {
  if (!(share > 0)) throw new RangeError(`A consensus is a share above 0 (above 1: off), not ${share}.`)
  if (!(least >= 0)) throw new RangeError(`A consensus waits for a number of candidates, not ${least}.`)
  return (history) => {
    if (history.length < least) return false
    const votes = leaders(weighted(history, answer, voting))
    return votes.all > 0 && votes.first / votes.all >= share
  }
}
