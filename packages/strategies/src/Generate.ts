/**
 * The stage that draws tokens.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as Backend from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import type * as RunError from "@mulligan/core/RunError"
import type * as Token from "@mulligan/core/Token"
import { type Ambient, ambient, candidates, drawnTokens } from "./internal/ambient.ts"
import { draw, type DrawOptions } from "./internal/draw.ts"
import { isTransient, survivors } from "./internal/survivors.ts"

/** How a stage works on many candidates. */
export interface StageOptions {
  /** Candidates at once. Default: the whole group inside `rounds`, one outside. More than one draws ahead of what is pulled. */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * `index` (default): emits in the order of the index, so that a decision never depends on timing. `arrival`: emits what
   * is ready, so that the first to satisfy a stopping rule ends its round early.
   */
  readonly order?: "index" | "arrival" | undefined
  /** Fails at the first failure, instead of dropping a candidate whose failure may pass. Default false. */
  readonly strict?: boolean | undefined
}

export interface GenerateOptions extends StageOptions, DrawOptions {}

/** Field by field, never a spread: a score of fewer tokens must not survive. */
const unscored = (c: Candidate.Candidate, tokens: ReadonlyArray<Token.Token>): Candidate.Candidate => ({
  index: c.index,
  prompt: c.prompt,
  tokens,
  seed: c.seed,
  temperature: c.temperature
})

/** Undefined: the budget was spent before the first token. */
const drawn = (a: Ambient, backend: Backend.Backend["Service"], c: Candidate.Candidate, options: DrawOptions) => {
  if (Candidate.end(c) !== undefined) return Effect.succeed(unscored(c, c.tokens))
  if (c.tokens.length === 0) a.meter.add("samples", 1)
  const tokens = c.tokens.slice()
  const row = Stream.runForEach(draw(a, backend, c, options), (token) => Effect.sync(() => void tokens.push(token)))
  // One race a row: what is drawn when the time is up stays.
  const timed = a.account === undefined ? row : Effect.raceFirst(row, a.account.awaitClosed)
  return timed.pipe(
    Effect.map(() => (tokens.length === 0 && a.account?.isSpent ? undefined : unscored(c, tokens))),
    Effect.onExit((exit) =>
      Effect.suspend(() => {
        settle(a, c.index, tokens.length, exit._tag === "Failure" ? exit.cause : undefined)
        return Effect.andThen(Metric.update(drawnTokens, tokens.length - c.tokens.length), Metric.update(candidates, 1))
      })
    ),
    Effect.withSpan("mulligan.generate", { attributes: { "mulligan.candidate": c.index } })
  )
}

const settle = (
  a: Ambient,
  index: number,
  tokens: number,
  cause: Cause.Cause<BackendError.BackendError> | undefined
) => {
  if (cause === undefined) return
  if (Cause.hasInterruptsOnly(cause)) return a.listen?.({ _tag: "Cancelled", index })
  a.meter.add("lostTokens", tokens)
  a.meter.add("failures", 1)
  a.listen?.({ _tag: "Failed", index, problem: String(Cause.squash(cause)) })
}

/**
 * Draws each candidate's next tokens and gives back unscored candidates; one that has ended passes as it is. A transient
 * failure is retried from the tokens so far; what still fails is dropped and counted, and the stage fails with
 * `AllFailed` only if nothing came through. A permanent failure fails at once. Under a spent budget candidates that have
 * tokens pass on, and the stream ends at the first that has none.
 */
export const generate: {
  (
    options?: GenerateOptions
  ): <E, R>(
    self: Stream.Stream<Candidate.Candidate, E, R>
  ) => Stream.Stream<Candidate.Candidate, E | BackendError.BackendError | RunError.RunError, R | Backend.Backend>
  <E, R>(
    self: Stream.Stream<Candidate.Candidate, E, R>,
    options?: GenerateOptions
  ): Stream.Stream<Candidate.Candidate, E | BackendError.BackendError | RunError.RunError, R | Backend.Backend>
} = dual(
  (args) => Stream.isStream(args[0]),
  <E, R>(self: Stream.Stream<Candidate.Candidate, E, R>, options: GenerateOptions = {}) =>
    Stream.unwrap(
      Effect.gen(function* () {
        const a = yield* ambient
        const backend = yield* Backend.Backend
        const { concurrency = a.concurrency, order = "index", strict = false, ...how } = options
        if (order === "arrival" && a.history !== undefined) a.history.arrival = true
        return survivors((lost) =>
          self.pipe(
            Stream.takeWhile((c) => a.account === undefined || c.tokens.length > 0 || a.account.start()),
            Stream.mapEffect(
              (c) =>
                drawn(a, backend, c, how).pipe(
                  Effect.catch((e) => (strict || !isTransient(e) ? Effect.fail(e) : lost({ first: e, count: 1 })))
                ),
              { concurrency, unordered: order === "arrival" }
            ),
            Stream.filter((c) => c !== undefined)
          )
        )
      })
    )
)
