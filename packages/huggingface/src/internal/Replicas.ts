/**
 * Several servers of the same model behind one backend: which of them gets a request.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Wire } from "./Wire.ts"

/** Drawing and judging wait apart: whoever asks about a draft while it is drawn must not wait for himself. */
export type Work = "draw" | "ask"

export interface Replica {
  readonly origin: string
  readonly wire: Wire
  readonly permits: Record<Work, Semaphore.Semaphore>
  /** Tokens that its requests under way may still draw or read. */
  outstanding: number
  /** In milliseconds of the clock: until then it is asked only if all are set aside. */
  asideUntil: number
  failures: number
  /** When the next request may be sent, in milliseconds of the clock; who waits for it waits in a row. */
  nextAt: number
  readonly row: Semaphore.Semaphore
}

export interface Place {
  readonly replica: Replica
  /** Lets the next one in. */
  readonly leave: () => void
}

export const replica = (origin: string, wire: Wire, concurrency: number): Replica => ({
  origin,
  wire,
  permits: { draw: Semaphore.makeUnsafe(concurrency), ask: Semaphore.makeUnsafe(concurrency) },
  outstanding: 0,
  asideUntil: 0,
  failures: 0,
  nextAt: 0,
  row: Semaphore.makeUnsafe(1)
})

const FIRST_ASIDE = 1000
const LONGEST_ASIDE = 30_000
const REMEMBERED = 10_000

/** The failure of a cause; undefined: it was interrupted, which says nothing of the server. */
const failureOf = (cause: Cause.Cause<BackendError>): BackendError | undefined =>
  Option.getOrUndefined(Cause.findErrorOption(cause))

/** One permit, given back once: when it is no longer wanted, at the latest when the scope is closed. */
const taken = (permits: Semaphore.Semaphore): Effect.Effect<() => void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const own = yield* Scope.fork(yield* Effect.scope)
    yield* Scope.provide(permits.takeScoped(1), own)
    return () => Effect.runSync(Scope.close(own, Exit.void))
  })

export class Replicas {
  readonly all: ReadonlyArray<Replica>
  readonly #interval: number
  readonly #home = new Map<number, Replica>()

  constructor(all: ReadonlyArray<Replica>, requestsPerMinute: number) {
    this.all = all
    this.#interval = requestsPerMinute === 0 ? 0 : 60_000 / requestsPerMinute
  }

  /** How each of them stands. */
  get state() {
    return Effect.map(Clock.currentTimeMillis, (now) =>
      this.all.map(({ asideUntil, origin, wire }) => ({
        origin,
        isAside: asideUntil > now,
        requests: wire.requests(),
        open: wire.open()
      }))
    )
  }

  /**
   * A place at a replica, until it is left or the scope is closed. `prompt` names the prompt: its drafts stay together. Who
   * knows that the server is through leaves at once: whoever takes his time over an answer must not keep others waiting.
   */
  acquire(prompt: number, work: Work, tokens: number): Effect.Effect<Place, never, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const chosen = this.#pick(prompt, yield* Clock.currentTimeMillis)
      yield* Effect.acquireRelease(
        Effect.sync(() => void (chosen.outstanding += tokens)),
        () => Effect.sync(() => void (chosen.outstanding -= tokens))
      )
      const leave = yield* taken(chosen.permits[work])
      yield* this.#paced(chosen)
      return { replica: chosen, leave }
    })
  }

  /** What came of a request: a failure that may pass sets the replica aside, each time for longer. */
  settle(chosen: Replica, exit: Exit.Exit<unknown, BackendError>): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      if (Exit.isSuccess(exit)) chosen.failures = 0
      const error = Exit.isSuccess(exit) ? undefined : failureOf(exit.cause)
      if (error === undefined || !error.isTransient) return
      const asked = "retryAfter" in error.reason ? error.reason.retryAfter : undefined
      // Many requests that fail at the same time are one failure.
      if (chosen.asideUntil <= now) chosen.failures++
      const wait = Math.min(FIRST_ASIDE * 2 ** (chosen.failures - 1), LONGEST_ASIDE)
      chosen.asideUntil = Math.max(chosen.asideUntil, now + (asked === undefined ? wait : Duration.toMillis(asked)))
    })
  }

  #pick(prompt: number, now: number): Replica {
    const home = this.#home.get(prompt)
    if (home !== undefined && home.asideUntil <= now) return home
    const free = this.all.filter(({ asideUntil }) => asideUntil <= now)
    const chosen =
      free.toSorted((a, b) => a.outstanding - b.outstanding)[0] ??
      this.all.toSorted((a, b) => a.asideUntil - b.asideUntil)[0]!
    if (this.#home.size >= REMEMBERED) this.#home.delete(this.#home.keys().next().value!)
    this.#home.set(prompt, chosen)
    return chosen
  }

  /** Who leaves while he waits takes nobody's time. */
  #paced(chosen: Replica): Effect.Effect<void> {
    if (this.#interval <= 0) return Effect.void
    return Effect.gen({ self: this }, function* () {
      yield* Effect.sleep(Math.max(0, chosen.nextAt - (yield* Clock.currentTimeMillis)))
      chosen.nextAt = (yield* Clock.currentTimeMillis) + this.#interval
    }).pipe(chosen.row.withPermits(1))
  }
}
