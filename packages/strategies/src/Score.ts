/**
 * The stage that judges.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import type * as Candidate from "@mulligan/core/Candidate"
import * as RunError from "@mulligan/core/RunError"
import type * as Scorer from "@mulligan/core/Scorer"
import type { StageOptions } from "./Generate.ts"
import { type Ambient, ambient } from "./internal/ambient.ts"
import { backoff } from "./internal/draw.ts"
import { hasNoRoom, isTransient, survivors } from "./internal/survivors.ts"

export interface ScoreOptions extends StageOptions {
  /** How often a transient failure of the scorer is tried again; 0 is off. Default 3. */
  readonly retries?: number | undefined
}

const invalid = (index: number, value: number) =>
  new RunError.RunError({
    reason: new RunError.InvalidScore({
      problem: `The scorer gave ${value} for candidate ${index}.`,
      advice: "A score is any number but NaN, and its lower and upper bounds contain its value.",
      index,
      value
    })
  })

const isValid = ({ lower, upper, value }: Scorer.Score) => lower <= value && value <= upper

const retried = <E, R>(
  self: Effect.Effect<Scorer.Score, E, R>,
  left: number,
  tried = 0
): Effect.Effect<Scorer.Score, E, R> =>
  Effect.catch(self, (error) =>
    isTransient(error) && left > 0
      ? Effect.andThen(backoff(tried, error), retried(self, left - 1, tried + 1))
      : Effect.fail(error)
  )

const judged = <E, R>(a: Ambient, scorer: Scorer.Scorer<E, R>, c: Candidate.Candidate, retries: number) =>
  retried(
    Effect.suspend(() => scorer(c)),
    retries
  ).pipe(
    Effect.flatMap((score): Effect.Effect<Scorer.Scored, RunError.RunError> => {
      if (!isValid(score)) return Effect.fail(invalid(c.index, score.value))
      a.listen?.({ _tag: "Scored", index: c.index, score })
      return Effect.succeed({ ...c, score })
    }),
    Effect.tapError((error) =>
      Effect.sync(() => {
        a.meter.add("lostTokens", c.tokens.length)
        a.meter.add("failures", 1)
        a.listen?.({ _tag: "Failed", index: c.index, problem: String(error) })
      })
    ),
    Effect.withSpan("mulligan.score", { attributes: { "mulligan.candidate": c.index } })
  )

/**
 * Gives every candidate a score. Infinite scores are allowed, NaN fails with `InvalidScore`. Failures as in `generate`; a draft
 * that leaves the question no room in the model's context is dropped as well, without another try.
 */
export const score: {
  <E2, R2>(
    scorer: Scorer.Scorer<E2, R2>,
    options?: ScoreOptions
  ): <E, R>(
    self: Stream.Stream<Candidate.Candidate, E, R>
  ) => Stream.Stream<Scorer.Scored, E | E2 | RunError.RunError, R | R2>
  <E, R, E2, R2>(
    self: Stream.Stream<Candidate.Candidate, E, R>,
    scorer: Scorer.Scorer<E2, R2>,
    options?: ScoreOptions
  ): Stream.Stream<Scorer.Scored, E | E2 | RunError.RunError, R | R2>
} = dual(
  (args) => Stream.isStream(args[0]),
  <E, R, E2, R2>(
    self: Stream.Stream<Candidate.Candidate, E, R>,
    scorer: Scorer.Scorer<E2, R2>,
    options: ScoreOptions = {}
  ): Stream.Stream<Scorer.Scored, E | E2 | RunError.RunError, R | R2> =>
    Stream.unwrap(
      Effect.map(ambient, (a) => {
        const { concurrency = a.concurrency, order = "index", retries = 3, strict = false } = options
        if (order === "arrival" && a.history !== undefined) a.history.arrival = true
        return survivors((lost) =>
          self.pipe(
            Stream.mapEffect(
              (c) =>
                judged(a, scorer, c, retries).pipe(
                  Effect.catch((e) =>
                    !strict && (isTransient(e) || hasNoRoom(e)) ? lost({ first: e, count: 1 }) : Effect.fail(e)
                  )
                ),
              { concurrency, unordered: order === "arrival" }
            ),
            Stream.filter((c) => c !== undefined)
          )
        )
      })
    )
)
