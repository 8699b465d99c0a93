/**
 * When a request is sent again, and after how long.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { BackendError } from "@mulligan/core/BackendError"

export interface RetryOptions {
  /** How often a request that failed for a reason that may pass is sent again; 0 is off. Default 3. */
  readonly retries?: number | undefined
  /** The first wait; each further one is twice as long, with jitter (0.8 to 1.2). Default 200 milliseconds. */
  readonly retryWait?: Duration.Input | undefined
  /** No wait is longer; a server that asks for a longer one is not asked again. Default 20 seconds. */
  readonly longestWait?: Duration.Input | undefined
}

/** Waits before try number `tried` + 1; fails with the error where there shall be none. */
export const wait = (
  { longestWait = "20 seconds", retries = 3, retryWait = "200 millis" }: RetryOptions,
  tried: number,
  error: BackendError
): Effect.Effect<void, BackendError> =>
  Effect.gen(function* () {
    if (!error.isTransient || tried >= retries) return yield* error
    const { reason } = error
    const asked = "retryAfter" in reason ? (reason.retryAfter ?? Duration.zero) : Duration.zero
    const longest = Duration.fromInputUnsafe(longestWait)
    if (Duration.isGreaterThan(asked, longest)) return yield* error
    const jitter = 0.8 + 0.4 * (yield* Random.next)
    const exponential = Duration.times(Duration.fromInputUnsafe(retryWait), 2 ** tried * jitter)
    // Those who were told the same time to wait do not all come back at once.
    const spread = Duration.times(asked, 1 + 0.2 * (yield* Random.next))
    yield* Effect.sleep(Duration.min(Duration.max(spread, exponential), longest))
  })

/** Sends again what gives one answer. */
export const retried = <A>(
  self: Effect.Effect<A, BackendError>,
  options: RetryOptions,
  tried = 0
): Effect.Effect<A, BackendError> =>
  Effect.catch(self, (error) => Effect.andThen(wait(options, tried, error), retried(self, options, tried + 1)))
