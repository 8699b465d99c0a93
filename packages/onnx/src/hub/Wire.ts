/**
 * Requests to the Hub. The token goes to the Hub's own origin alone, whoever asks for what, and fetch takes it off where a
 * redirect leads elsewhere.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as BackendError from "@mulligan/core/BackendError"
import { type Asked, fromWire, Refused, unavailable, Unreachable } from "./Failure.ts"
import type { Settings } from "./Settings.ts"

export interface WireOptions {
  /** How often in a row a request that failed for a reason that may pass is sent again; 0 is off. Default 5. */
  readonly retries?: number | undefined
  /** How long the Hub may send nothing. Default 30 seconds. */
  readonly idleTimeout?: Duration.Input | undefined
}

const FIRST_WAIT = Duration.millis(200)
const LONGEST_WAIT = Duration.seconds(60)

export const idle = ({ idleTimeout = "30 seconds" }: WireOptions): Duration.Duration =>
  Duration.fromInputUnsafe(idleTimeout)

/** A fetch that knows the token, ends with the signal, and rejects with `Refused` or `Unreachable`. */
export const guarded =
  ({ endpoint, token }: Pick<Settings, "endpoint" | "token">, signal: AbortSignal): typeof fetch =>
  async (input, init) => {
    const { origin } = new URL(endpoint)
    const url = input instanceof Request ? input.url : String(input)
    const headers = new Headers(init?.headers)
    if (token !== undefined && new URL(url).origin === origin)
      headers.set("authorization", `Bearer ${Redacted.value(token)}`)
    const response = await fetch(url, { ...init, headers, signal }).catch(() => {
      throw new Unreachable("no answer")
    })
    if (response.ok) return response
    await response.body?.cancel().catch(() => {})
    throw new Refused(response, origin)
  }

/** The Hub said nothing for too long. */
export const silence = ({ endpoint }: Asked): BackendError.BackendError =>
  unavailable(`${endpoint} sent nothing for too long.`, "Check the network, raise idleTimeout, or try again.")

/** One request, or a few, through a guarded fetch. */
export const ask = <A>(
  settings: Settings,
  asked: Asked,
  options: WireOptions,
  use: (fetch_: typeof fetch) => Promise<A>
): Effect.Effect<A, BackendError.BackendError> =>
  Effect.tryPromise({
    try: (signal) => use(guarded(settings, signal)),
    catch: (cause) => fromWire(asked, cause)
  }).pipe(Effect.timeoutOrElse({ duration: idle(options), orElse: () => Effect.fail(silence(asked)) }))

/** Waits before the next try; fails with the error where there shall be none. `failed`: how many failed in a row. */
export const wait = (
  { retries = 5 }: WireOptions,
  failed: number,
  error: BackendError.BackendError
): Effect.Effect<void, BackendError.BackendError> =>
  Effect.gen(function* () {
    if (!error.isTransient || failed > retries) return yield* error
    const { reason } = error
    const told = "retryAfter" in reason ? (reason.retryAfter ?? Duration.zero) : Duration.zero
    // A server that wants to be left alone for longer is not asked again: the caller hears how long.
    if (Duration.isGreaterThan(told, LONGEST_WAIT)) return yield* error
    const jitter = 0.8 + 0.4 * (yield* Random.next)
    const own = Duration.times(FIRST_WAIT, 2 ** (failed - 1) * jitter)
    yield* Effect.sleep(Duration.min(Duration.max(told, own), LONGEST_WAIT))
  })

/** Asks again while it may help. */
export const retried = <A>(
  self: Effect.Effect<A, BackendError.BackendError>,
  options: WireOptions,
  failed = 0
): Effect.Effect<A, BackendError.BackendError> =>
  Effect.catch(self, (error) => Effect.andThen(wait(options, failed + 1, error), retried(self, options, failed + 1)))
