import * as Effect from "effect/Effect"
import { BackendError } from "@mulligan/core/BackendError"

/** Undefined where a draft leaves its question no room in the model's context. */
export const unlessFull = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A | undefined, E, R> =>
  Effect.catch(self, (error) =>
    error instanceof BackendError && error.isOverContext ? Effect.succeed(undefined) : Effect.fail(error)
  )
