import type * as Scorer from "@mulligan/core/Scorer"
import * as Threshold from "../Threshold.ts"
import * as Weights from "../Weights.ts"

interface Entry<A> {
  /** The earliest that gave this answer. */
  readonly first: A
  votes: number
}

export type Tally<A> = ReadonlyMap<string, Entry<A>>

type Answer<A> = (candidate: A) => string | undefined

/** Sums votes by answer, in the order given; what answers nothing has no vote. */
export const tally = <A>(
  all: ReadonlyArray<A>,
  answer: Answer<A>,
  weight: (candidate: A, place: number) => number = () => 1
): Tally<A> => {
  const entries = new Map<string, Entry<A>>()
  all.forEach((c, i) => {
    const said = answer(c)
    if (said === undefined) return
    const entry = entries.get(said) ?? { first: c, votes: 0 }
    entry.votes += weight(c, i)
    entries.set(said, entry)
  })
  return entries
}

/** Votes of the leading answer, of the next, and of all together. */
export const leaders = (
  self: Tally<unknown>
): { readonly first: number; readonly second: number; readonly all: number } => {
  let [first, second, all] = [0, 0, 0]
  for (const { votes } of self.values()) {
    all += votes
    if (votes > first) [first, second] = [votes, first]
    else if (votes > second) second = votes
  }
  return { first, second, all }
}

/** By its earliest voter, the answer with most votes; the earliest answer of equals. */
export const winner = <A>(self: Tally<A>): A | undefined => {
  let best: Entry<A> | undefined
  for (const entry of self.values()) if (best === undefined || entry.votes > best.votes) best = entry
  return best?.first
}

export const byIndex = <A extends { readonly index: number }>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
  all.toSorted((a, b) => a.index - b.index)

/** How candidates vote. */
export interface VoteOptions {
  /** How much each vote counts. Default `Weights.score`: the score itself, which should then not be negative. */
  readonly weights?: Weights.Weights | undefined
  /**
   * Only candidates that may reach this bar (their upper bound does) vote; it is told of all of them, in the order in which
   * they came, those without an answer too. Default `Threshold.none`: all vote.
   */
  readonly above?: Threshold.Threshold | undefined
}

/** The votes of those that answer something and may reach the bar, by weight; the earliest candidate first. */
export const weighted = (
  all: ReadonlyArray<Scorer.Scored>,
  answer: Answer<Scorer.Scored>,
  { above = Threshold.none, weights = Weights.score }: VoteOptions = {}
): Tally<Scorer.Scored> => {
  const bar = above(all)
  const voters = byIndex(all.filter((c) => !(c.score.upper < bar) && answer(c) !== undefined))
  const counts = weights(voters)
  return tally(voters, answer, (_, place) => counts[place] ?? 0)
}
