/**
 * Stages that drop candidates.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import type * as Candidate from "@mulligan/core/Candidate"
import * as Scorer from "@mulligan/core/Scorer"
import { type Ambient, ambient } from "./internal/ambient.ts"

export interface PruneOptions {
  /** Below 1 a share (rounded up), from 1 a number; `Infinity` keeps all. At least one survives. */
  readonly keep: number
}

const dropped = (a: Ambient, c: Candidate.Candidate): void => {
  a.meter.add("prunedTokens", c.tokens.length)
  a.listen?.({ _tag: "Pruned", index: c.index })
}

/** The best, and those whose interval reaches above the lower bound of the last of them: they may be better. */
const survives = (ranked: ReadonlyArray<Scorer.Scored>, count: number) => {
  const last = ranked[count - 1]
  return (c: Scorer.Scored, rank: number) => rank < count || last === undefined || c.score.upper > last.score.lower
}

/**
 * Keeps the best, by score, the earliest of equals; of a score that is only bounded, whatever may still be among them.
 * Emits in the order of the index. Throws a `RangeError` when built with a `keep` that is not above 0.
 *
 * Gotcha: it waits for its whole input: the group inside `rounds`, the whole stream outside (so never on an endless one).
 */
export const prune: {
  (options: PruneOptions): <E, R>(self: Stream.Stream<Scorer.Scored, E, R>) => Stream.Stream<Scorer.Scored, E, R>
  <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, options: PruneOptions): Stream.Stream<Scorer.Scored, E, R>
} = dual(
  2,
  <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, { keep }: PruneOptions): Stream.Stream<Scorer.Scored, E, R> => {
    if (!(keep > 0)) throw new RangeError(`prune keeps a share or a number above 0, not ${keep}.`)
    return Stream.unwrap(
      Effect.gen(function* () {
        const a = yield* ambient
        const ranked = (yield* Stream.runCollect(self)).toSorted(Scorer.better)
        const isKept = survives(ranked, Math.max(1, keep < 1 ? Math.ceil(keep * ranked.length) : Math.floor(keep)))
        const kept = ranked.filter((c, rank) => isKept(c, rank) || dropped(a, c))
        return Stream.fromIterable(
          kept.toSorted((x, y) => x.index - y.index),
          { chunkSize: 1 }
        )
      })
    )
  }
)

/**
 * Drops, as they come, candidates that are surely below the threshold (their upper bound is). None may survive; a choice
 * downstream then fails with `NothingDrawn`. `-Infinity` keeps all.
 */
export const pruneBelow: {
  (threshold: number): <E, R>(self: Stream.Stream<Scorer.Scored, E, R>) => Stream.Stream<Scorer.Scored, E, R>
  <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, threshold: number): Stream.Stream<Scorer.Scored, E, R>
} = dual(2, <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, threshold: number): Stream.Stream<Scorer.Scored, E, R> => {
  if (Number.isNaN(threshold)) throw new RangeError("pruneBelow needs a threshold that is a number.")
  return Stream.unwrap(
    Effect.map(ambient, (a) => Stream.filter(self, (c) => c.score.upper >= threshold || (dropped(a, c), false)))
  )
})
