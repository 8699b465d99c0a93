/**
 * What several commands share.
 */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { relative } from "node:path"
import type { Backend } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type * as Problem from "./Problem.ts"
import type { Screen } from "./Screen.ts"
import * as Target from "./Target.ts"

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("print one JSON object, for programs"),
  Flag.withDefault(false)
)

/** A path as a person would type it here; options of files come absolute. */
export const shown = (path: string): string => {
  const way = relative(process.cwd(), path)
  return way === "" || way.startsWith("..") ? path : way
}

/** Opens the model that the options name, does the work with it, and closes it. */
export const withModel = <E, R>(
  given: Target.Flags,
  screen: Screen,
  work: (target: Target.Target) => Effect.Effect<void, E, R>
): Effect.Effect<void, E | Problem.UsageError | BackendError, Exclude<R, Backend>> =>
  Effect.gen(function* () {
    const target = yield* Target.of(given)
    const layer = yield* Target.layerOf(target, screen)
    let isOpen = false
    const opened = Effect.suspend(() => {
      isOpen = true
      screen.clear()
      return work(target)
    })
    const interrupted = Effect.sync(() => {
      if (!isOpen)
        screen.note("Interrupted before the model was there. What was fetched is kept; the same command goes on.")
    })
    return yield* Effect.provide(opened, layer).pipe(
      Effect.ensuring(Effect.sync(() => screen.clear())),
      Effect.onInterrupt(() => interrupted)
    )
  })
