/**
 * What can be had without the network.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ExternalData from "../ExternalData.ts"
import * as Cache from "./Cache.ts"
import { type Fetched, fetched, type ModelCall } from "./Call.ts"
import type { Entry } from "./Listing.ts"
import { select, type Selection } from "./Select.ts"

/** Whether all files are sound, and the weights that the graph names beside it. */
const isSound = ({ cache, verify }: ModelCall, commit: string, selection: Selection) =>
  Effect.gen(function* () {
    for (const entry of selection.files) {
      if (verify && entry.hash !== "" && !(yield* Cache.has(cache, commit, entry, true))) return false
      // A cache that cannot be written is taken as it is.
      yield* Effect.ignore(Cache.place(cache, commit, entry))
    }
    return yield* Effect.isSuccess(ExternalData.check(fetched(Cache.snapshotOf(cache, commit), selection).graph))
  })

const best = (call: ModelCall, commit: string, entries: ReadonlyArray<Entry>): Effect.Effect<Option.Option<Fetched>> =>
  Effect.gen(function* () {
    const selection = Option.getOrUndefined(yield* Effect.option(select(entries, call.wanted)))
    if (selection === undefined) return Option.none()
    const sound = yield* Effect.catch(isSound(call, commit, selection), () => Effect.succeed(false))
    if (sound) return Option.some(fetched(Cache.snapshotOf(call.cache, commit), selection))
    const others = entries.filter((entry) => entry !== selection.graph)
    return yield* best(call, commit, others)
  })

/** The best that the cache has whole of this revision, as it was when it was last fetched. */
export const kept = (call: ModelCall): Effect.Effect<Option.Option<Fetched>> =>
  Effect.gen(function* () {
    const commit = yield* Cache.commitOf(call.cache, call.asked.revision)
    if (commit === undefined) return Option.none()
    return yield* best(call, commit, yield* Cache.entriesOf(call.cache, commit))
  })
