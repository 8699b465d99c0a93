import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type * as Backend from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import type * as Budget from "@mulligan/core/Budget"
import type * as Candidate from "@mulligan/core/Candidate"
import type * as Token from "@mulligan/core/Token"
import type { Ambient } from "./ambient.ts"

export interface DrawOptions extends Backend.Sampling, Backend.Measures {
  /** At most this many *more* tokens for each candidate; left out: until it ends. */
  readonly maxTokens?: number | undefined
  /** How often a transient failure is tried again, from the tokens so far; 0 is off. Default 3. */
  readonly retries?: number | undefined
}

const FIRST_WAIT = Duration.millis(200)
const LONGEST_WAIT = Duration.seconds(10)

/** Exponential with jitter (0.8 to 1.2), capped, and never shorter than the backend asked for. */
export const backoff = (attempt: number, { reason }: BackendError.BackendError): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (u) => {
    const exponential = Duration.min(Duration.times(FIRST_WAIT, 2 ** attempt * (0.8 + 0.4 * u)), LONGEST_WAIT)
    const asked = "retryAfter" in reason ? reason.retryAfter : undefined
    return Effect.sleep(asked === undefined ? exponential : Duration.max(exponential, asked))
  })

/** Tokens were given away that the backend cannot go on from: asking again would join another answer to them. */
const isBrokenOff = ({ reason }: BackendError.BackendError): boolean =>
  reason._tag === "Unavailable" && reason.brokenOff === true

/** Each pull reserves a token first, so rows that draw side by side cannot overspend together. */
const paid =
  (account: Budget.Account | undefined) =>
  <A, E>(self: Stream.Stream<A, E>): Stream.Stream<A, E> =>
    account === undefined
      ? self
      : Stream.transformPull(self, (pull) =>
          Effect.succeed(
            Effect.suspend(() => {
              if (account.isSpent) return Cause.done()
              account.charge("drawnTokens", 1)
              return Effect.onExit(pull, (exit) =>
                Effect.sync(() => account.charge("drawnTokens", exit._tag === "Success" ? exit.value.length - 1 : -1))
              )
            })
          )
        )

/**
 * The candidate's next tokens as they are drawn, charged and told. A retry continues from the tokens so far, so no token
 * comes twice, and its count never starts again.
 */
export const draw = (
  a: Ambient,
  backend: Backend.Backend["Service"],
  c: Candidate.Candidate,
  options: DrawOptions
): Stream.Stream<Token.Token, BackendError.BackendError> => {
  const { maxTokens, retries = 3, ...sampling } = options
  const tokens = c.tokens.slice()
  const limit = c.tokens.length + (maxTokens ?? Infinity)
  const attempt = (tried: number): Stream.Stream<Token.Token, BackendError.BackendError> =>
    Stream.suspend(() => {
      if (tokens.length >= limit || tokens.at(-1)?.end !== undefined) return Stream.empty
      a.meter.add("calls", 1)
      const { prompt, seed, temperature } = c
      const more = maxTokens === undefined ? {} : { maxTokens: limit - tokens.length }
      return backend.generate({ ...sampling, ...more, prompt, prefix: tokens.slice(), seed, temperature })
    }).pipe(
      Stream.map((token) => {
        tokens.push(token)
        a.meter.add("drawnTokens", 1)
        if (a.listen !== undefined) a.listen({ _tag: "Drawn", index: c.index, token })
        return token
      }),
      paid(a.account),
      Stream.catch((error) =>
        error.isTransient && !isBrokenOff(error) && tried < retries
          ? Stream.unwrap(Effect.as(backoff(tried, error), attempt(tried + 1)))
          : Stream.fail(error)
      )
    )
  return attempt(0)
}
