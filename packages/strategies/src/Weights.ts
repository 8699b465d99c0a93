/**
 * How much each candidate's vote counts.
 */
import * as Scorer from "@mulligan/core/Scorer"

/** One weight, from 0 up, for each voter, in the order of the voters. */
export type Weights = (voters: ReadonlyArray<Scorer.Scored>) => ReadonlyArray<number>

/** One vote each: plain self-consistency (Wang et al., arXiv 2203.11171). */
export const equal: Weights = (voters) => voters.map(() => 1)

/** The score itself, which should not be negative. */
export const score: Weights = (voters) => voters.map((c) => c.score.value)

/** e to the score: of a mean log-probability, the geometric mean of the tokens' probabilities, 0 to 1. */
export const exp: Weights = (voters) => voters.map((c) => Math.exp(c.score.value))

/**
 * Borda voting (Kang et al., arXiv 2502.18581): of N voters the best by score has N^power votes, the next (N - 1)^power, the
 * last 1; the earliest of equals ranks higher. Any score will do, for only the order counts. `power` is a finite number
 * from 0 (all equal: off) up, by default 0.5 as in github.com/backprop07/Self-Certainty. What differs: there a candidate
 * without an answer takes a rank, here it does not.
 */
export const borda = ({ power = 0.5 }: { readonly power?: number | undefined } = {}): Weights => {
  if (!(power >= 0 && power < Infinity)) {
    throw new RangeError(`Borda votes are raised to a power from 0 (all equal) up, not ${power}.`)
  }
  return (voters) => {
    const weights = new Map(voters.toSorted(Scorer.better).map((c, rank) => [c, (voters.length - rank) ** power]))
    return voters.map((c) => weights.get(c) ?? 0)
  }
}
