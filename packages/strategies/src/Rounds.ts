/**
 * Groups of candidates, one after the other.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import type * as Candidate from "@mulligan/core/Candidate"
import type * as RunError from "@mulligan/core/RunError"
import { ambient, Concurrency } from "./internal/ambient.ts"
import { lostBy, survivors } from "./internal/survivors.ts"

/** A stream of candidates that a round works on. */
export type Round = Stream.Stream<Candidate.Candidate>

/**
 * Takes a group whole (its candidates are empty: free), then gives it to `f`; the next group only if pulled. Inside a
 * round `generate` and `score` work on the whole group at once. With every size taken, or the input, or a budget at its
 * end, the stream ends. A round of which nothing is left, for reasons that may pass or for want of room in the model's
 * context, is dropped; if all are, the stage fails with `AllFailed`.
 *
 * Gotcha: stages upstream are pulled for the whole group before `f` starts, so put `anneal` there, and `generate` inside.
 */
export const rounds: {
  <B, E2, R2>(
    sizes: Iterable<number>,
    f: (round: Round) => Stream.Stream<B, E2, R2>
  ): <E, R>(self: Stream.Stream<Candidate.Candidate, E, R>) => Stream.Stream<B, E | E2 | RunError.RunError, R | R2>
  <E, R, B, E2, R2>(
    self: Stream.Stream<Candidate.Candidate, E, R>,
    sizes: Iterable<number>,
    f: (round: Round) => Stream.Stream<B, E2, R2>
  ): Stream.Stream<B, E | E2 | RunError.RunError, R | R2>
} = dual(
  3,
  <E, R, B, E2, R2>(
    self: Stream.Stream<Candidate.Candidate, E, R>,
    sizes: Iterable<number>,
    f: (round: Round) => Stream.Stream<B, E2, R2>
  ): Stream.Stream<B, E | E2 | RunError.RunError, R | R2> =>
    Stream.unwrap(
      Effect.gen(function* () {
        const pull = yield* Stream.toPull(Stream.rechunk(self, 1))
        const { account } = yield* ambient
        // The pull ends for good: a group that came up short is the last, for an ended pull must not be pulled again.
        const groups = Stream.fromIterable(sizes, { chunkSize: 1 }).pipe(
          Stream.takeWhile(() => account?.mayStart ?? true),
          Stream.mapEffect((size) =>
            Effect.map(Stream.runCollect(Stream.take(Stream.fromPull(Effect.succeed(pull)), size)), (group) => ({
              group,
              size
            }))
          ),
          Stream.takeUntil(({ group, size }) => group.length < size),
          Stream.filter(({ group }) => group.length > 0)
        )
        return survivors((lost) =>
          groups.pipe(
            Stream.flatMap(({ group }) =>
              f(Stream.fromIterable(group, { chunkSize: 1 })).pipe(
                Stream.provideService(Concurrency, "unbounded"),
                Stream.catch((e) => {
                  const failure = lostBy(e, group.length)
                  return failure === undefined ? Stream.fail(e) : Stream.drain(Stream.fromEffect(lost(failure)))
                })
              )
            )
          )
        )
      })
    )
)
