/**
 * What is asked for comes from the Hub where it can be had, else from the cache.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as BackendError from "@mulligan/core/BackendError"
import type { Call } from "./Call.ts"
import type { Listing } from "./Listing.ts"
import { retried, wait } from "./Wire.ts"

type Done<A> = Effect.Effect<A, BackendError.BackendError>

export interface Source<A> {
  readonly call: Call
  /** Asks the Hub what there is. */
  readonly listed: Done<Listing>
  /** Sees to it that it is in the cache. */
  readonly fetched: (listing: Listing) => Done<A>
  /** What the cache has whole. */
  readonly kept: Effect.Effect<Option.Option<A>>
  /** Why there is nothing where nobody may be asked and the cache has nothing. */
  readonly missing: () => BackendError.BackendError
}

const offline = <A>({ kept, missing }: Source<A>): Done<A> =>
  Effect.flatMap(kept, Option.match({ onSome: (found) => Effect.succeed(found), onNone: () => Effect.fail(missing()) }))

/** Where the Hub cannot be had, what the cache has serves; `otherwise` where it has nothing whole. */
const orKept = <A>({ call, kept }: Source<A>, error: BackendError.BackendError, otherwise: Done<A>): Done<A> =>
  Effect.gen(function* () {
    if (!error.isTransient) return yield* error
    const found = yield* kept
    if (Option.isNone(found)) return yield* otherwise
    yield* Effect.logWarning(`${error.reason.problem} Using what the cache has of ${call.asked.name}.`)
    return found.value
  })

/** The Hub is asked again only if the cache has nothing. */
const online = <A>(source: Source<A>): Done<A> => {
  const { call, fetched, listed } = source
  const onFailure = (error: BackendError.BackendError) => {
    const later = Effect.andThen(wait(call.wire, 1, error), retried(listed, call.wire, 1))
    return orKept(source, error, Effect.flatMap(later, fetched))
  }
  return Effect.matchEffect(listed, { onFailure, onSuccess: fetched }).pipe(
    Effect.catch((error) => orKept(source, error, Effect.fail(error)))
  )
}

export const get = <A>(source: Source<A>): Done<A> => (source.call.settings.offline ? offline(source) : online(source))
