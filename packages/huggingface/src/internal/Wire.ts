/**
 * Calls of one endpoint, by the Hugging Face client, each behind a guard of its own.
 */
import { InferenceClient, setLogger } from "@huggingface/inference"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Call, Dialect, Send } from "../Dialect.ts"
import type { Address } from "./Address.ts"
import { fromFailure, invalid } from "./errors.ts"
import { Failure, fromThrown } from "./Failure.ts"
import { Guard, type Limits, type Target } from "./Guard.ts"

export interface WireOptions {
  readonly address: Address
  readonly accessToken: string | undefined
  readonly billTo: string | undefined
  readonly limits: Limits
  readonly fetch: typeof fetch
  readonly said: (words: string) => void
}

export interface Listener<A> {
  /** Reads each event at once, whether anybody takes it or not. */
  readonly hear: (event: unknown) => A
  /** The answer is complete, so nothing that happens to the connection takes anything from it. */
  readonly isOver: () => boolean
  /** The server is through; may be called more than once. */
  readonly over?: (() => void) | undefined
}

export interface Wire {
  /** Requests sent so far. */
  readonly requests: () => number
  /** Requests under way. */
  readonly open: () => number
  /** What stands at a path; undefined: nothing that could be read. */
  readonly get: (path: string) => Effect.Effect<unknown, BackendError>
  /** Ends every request under way; there will be no other. */
  readonly close: () => void
  /** The events of a call as they come. */
  readonly events: <A>(call: Call, listener: Listener<A>) => Stream.Stream<A, BackendError>
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, log: () => {} }

/** The client prints by default, and what it prints may hold a prompt. */
export const silence: Effect.Effect<void> = Effect.sync(() => setLogger(quiet))

/** A path that a server does not have, or where something else stands. */
const isAbsent = ({ details: { status }, kind }: Failure): boolean =>
  kind === "malformed" || (kind === "refused" && (status === 404 || status === 405))

const closed = invalid("The backend was closed.", "Keep the scope of its layer open for as long as it is used.")

/** What ended a call; undefined: nothing but its end. The client hears of nothing before. */
const finished = (iterator: AsyncIterator<unknown>, guard: Guard): Promise<Failure | undefined> =>
  iterator
    .next()
    .then(() => (guard.isDone ? undefined : (guard.failure ?? new Failure("truncated"))))
    .catch(fromThrown)

/** What came of a call and was not taken yet. */
class Inbox<A> {
  readonly #waiting: Array<A> = []
  #end: { readonly failure: Failure | undefined } | undefined
  #isBegun = false
  #awake = () => {}

  put(value: A): void {
    this.#waiting.push(value)
  }

  wake(): void {
    this.#awake()
  }

  endWith(finished: Promise<Failure | undefined>): void {
    void finished.then((failure) => {
      this.#end = { failure }
      this.wake()
    })
  }

  /** Takes all that came; waits if there is nothing. The first pull begins. */
  pull(
    begin: () => void,
    ended: (failure: Failure | undefined) => Pull.Pull<never, BackendError>
  ): Pull.Pull<readonly [A, ...Array<A>], BackendError> {
    const pull: Pull.Pull<readonly [A, ...Array<A>], BackendError> = Effect.suspend(() => {
      if (!this.#isBegun) begin()
      this.#isBegun = true
      const [first, ...rest] = this.#waiting.splice(0)
      if (first !== undefined) return Effect.succeed([first, ...rest] as const)
      return this.#end === undefined ? Effect.andThen(woken, pull) : ended(this.#end.failure)
    })
    const woken = Effect.callback<void>((resume) => {
      this.#awake = () => resume(Effect.void)
      return Effect.sync(() => void (this.#awake = () => {}))
    })
    return pull
  }
}

export const make = (options: WireOptions): Wire => {
  const { accessToken = "", address, billTo } = options
  let requests = 0
  const open = new Set<Guard>()
  let isClosed = false
  const failed = (failure: Failure): BackendError => (isClosed ? closed : fromFailure(address.origin, failure))
  const client = new InferenceClient(accessToken, {
    endpointUrl: address.at(""),
    retry_on_error: false,
    ...(billTo === undefined ? {} : { billTo })
  })
  const guarded = (
    path: string,
    call: Call | undefined,
    on: Pick<Target, "heard"> & Partial<Pick<Target, "fresh" | "over">>
  ): Effect.Effect<Guard, BackendError, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        if (isClosed) return Effect.fail(closed)
        requests++
        const guard = new Guard({
          url: address.at(path),
          body: call === undefined ? undefined : JSON.stringify(call.body),
          streams: call?.streams ?? false,
          headers: call?.headers,
          limits: options.limits,
          fetch: options.fetch,
          said: options.said,
          fresh: () => {},
          over: () => {},
          ...on
        })
        open.add(guard)
        return Effect.succeed(guard)
      }),
      (guard) =>
        Effect.sync(() => {
          open.delete(guard)
          guard.close()
        })
    )
  /** The request that the client makes is the guard's, so whichever method it is called by changes only how it parses. */
  const iterate = (guard: Guard): AsyncIterator<unknown> =>
    client.textGenerationStream(
      { model: "model", inputs: "" },
      { fetch: guard.fetch as typeof fetch, retry_on_error: false }
    )

  const get = (path: string) =>
    Effect.gen(function* () {
      let json: unknown
      const guard = yield* guarded(path, undefined, { heard: (event) => void (json = event) })
      const headers = accessToken === "" ? {} : { authorization: `Bearer ${accessToken}` }
      const asked = Effect.tryPromise({ try: () => guard.fetch(undefined, { headers }), catch: fromThrown })
      yield* Effect.catch(asked, (failure) => (isAbsent(failure) ? Effect.void : Effect.fail(failed(failure))))
      return json
    }).pipe(Effect.scoped)

  const events: Wire["events"] = <A>(call: Call, { hear, isOver, over = () => {} }: Listener<A>) =>
    Stream.unwrap(
      Effect.suspend(() => {
        const inbox = new Inbox<A>()
        const on = { heard: (event: unknown) => inbox.put(hear(event)), fresh: () => inbox.wake(), over }
        return Effect.map(guarded(call.path, call, on), (guard) => {
          const ended = (failure: Failure | undefined): Pull.Pull<never, BackendError> =>
            isOver() || failure === undefined ? Cause.done() : Effect.fail(failed(failure))
          const begin = () => inbox.endWith(finished(iterate(guard), guard))
          return Stream.fromPull(Effect.succeed(inbox.pull(begin, ended)))
        })
      })
    )

  const close = () => {
    isClosed = true
    for (const guard of open) guard.close()
  }
  return { requests: () => requests, open: () => open.size, get, events, close }
}

/** Sends a call on a wire and gives its events; a stream that told its end is whole, as the dialect reads it. */
export const sending =
  (wire: Wire, dialect: Pick<Dialect, "reader">): Send =>
  (call) =>
    Effect.suspend(() => {
      const read = dialect.reader()
      let isOver = false
      const hear = (event: unknown) => {
        if (call.streams && read(event).end !== undefined) isOver = true
        return event
      }
      return Stream.runCollect(wire.events(call, { hear, isOver: () => isOver }))
    })
