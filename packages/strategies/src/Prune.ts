/**
 * Stages that drop candidates.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import * as Candidate from "@mulligan/core/Candidate"
import * as Scorer from "@mulligan/core/Scorer"
import { type Ambient, ambient } from "./internal/ambient.ts"
import type { Threshold } from "./Threshold.ts"

export interface PruneOptions {
  /** Below 1 a share (rounded up), from 1 a number; `Infinity` keeps all. At least one survives. */
  readonly keep: number
  /**
   * Keeps one copy of every text before a second copy of any: early in a draft many are still alike, they are scored alike,
   * and copies of one mistake are lost together. Leave it off before a majority vote, where copies are votes. Default false.
   */
  readonly distinct?: boolean | undefined
}

const dropped = (a: Ambient, c: Candidate.Candidate): void => {
  a.meter.add("prunedTokens", c.tokens.length)
  a.listen?.({ _tag: "Pruned", index: c.index })
}

interface Ranked {
  readonly candidate: Scorer.Scored
  /** Better ones with the same text; 0 where copies do not matter. */
  readonly copies: number
}

/** The best first; with `distinct` the best of each text, then the second of each, and so on. */
const rank = (all: ReadonlyArray<Scorer.Scored>, distinct: boolean): ReadonlyArray<Ranked> => {
  const seen = new Map<string, number>()
  const ranked = all.toSorted(Scorer.better).map((candidate): Ranked => {
    if (!distinct) return { candidate, copies: 0 }
    const text = Candidate.text(candidate)
    const copies = seen.get(text) ?? 0
    seen.set(text, copies + 1)
    return { candidate, copies }
  })
  return ranked.toSorted((x, y) => x.copies - y.copies)
}

/** The best, and those whose interval reaches above the lower bound of the last of them: they may be better. */
const survives = (ranked: ReadonlyArray<Ranked>, count: number) => {
  const last = ranked[count - 1]
  return ({ candidate, copies }: Ranked, place: number) =>
    place < count ||
    last === undefined ||
    (copies === last.copies && candidate.score.upper > last.candidate.score.lower)
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
  <E, R>(
    self: Stream.Stream<Scorer.Scored, E, R>,
    { distinct = false, keep }: PruneOptions
  ): Stream.Stream<Scorer.Scored, E, R> => {
    if (!(keep > 0)) throw new RangeError(`prune keeps a share or a number above 0, not ${keep}.`)
    return Stream.unwrap(
      Effect.gen(function* () {
        const a = yield* ambient
        const ranked = rank(yield* Stream.runCollect(self), distinct)
        const isKept = survives(ranked, Math.max(1, keep < 1 ? Math.ceil(keep * ranked.length) : Math.floor(keep)))
        const kept = ranked.filter((c, place) => isKept(c, place) || dropped(a, c.candidate)).map((c) => c.candidate)
        return Stream.fromIterable(
          kept.toSorted((x, y) => x.index - y.index),
          { chunkSize: 1 }
        )
      })
    )
  }
)

/**
 * Drops, as they come, candidates that are surely below the threshold (their upper bound is): a number, or a bar learned
 * from the scored candidates that reached the nearest `takeUntil` or `run…` downstream so far, such as `Threshold.warmUp`.
 * None may survive; a choice downstream then fails with `NothingDrawn`. `-Infinity` keeps all.
 */
export const pruneBelow: {
  (
    threshold: number | Threshold
  ): <E, R>(self: Stream.Stream<Scorer.Scored, E, R>) => Stream.Stream<Scorer.Scored, E, R>
  <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, threshold: number | Threshold): Stream.Stream<Scorer.Scored, E, R>
} = dual(
  2,
  <E, R>(
    self: Stream.Stream<Scorer.Scored, E, R>,
    threshold: number | Threshold
  ): Stream.Stream<Scorer.Scored, E, R> => {
    if (Number.isNaN(threshold)) throw new RangeError("pruneBelow needs a threshold that is a number.")
    const bar = typeof threshold === "number" ? () => threshold : threshold
    // One by one: of a chunk filtered whole, the first would not yet be in the history when the last is looked at.
    const each = typeof threshold === "number" ? self : Stream.rechunk(self, 1)
    return Stream.unwrap(
      Effect.map(ambient, (a) =>
        Stream.filter(each, (c) => !(c.score.upper < bar(a.history?.scored ?? [])) || (dropped(a, c), false))
      )
    )
  }
)
