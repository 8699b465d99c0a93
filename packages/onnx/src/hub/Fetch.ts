/**
 * From the Hub into the cache.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Cache from "./Cache.ts"
import { type Call, type Fetched, fetched, type ModelCall } from "./Call.ts"
import { arrived } from "./Claim.ts"
import { ensure } from "./Download.ts"
import { full } from "./Failure.ts"
import type { Entry, Listing } from "./Listing.ts"
import { select } from "./Select.ts"

const DOWNLOADS = 4

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((a, b) => a + b, 0)

/** Adds up what is there of each file. */
const meter = ({ onProgress }: Call, files: ReadonlyArray<Entry>) => {
  const totalBytes = sum(files.map(({ size }) => size))
  const received = new Map<string, number>()
  return (file: string) => (bytes: number) => {
    received.set(file, bytes)
    onProgress({ file, receivedBytes: sum([...received.values()]), totalBytes })
  }
}

const missing = (cache: Cache.Cache, commit: string, entry: Entry) =>
  Effect.gen(function* () {
    if (yield* Cache.has(cache, commit, entry, false)) return 0
    return Math.max(0, entry.size - (yield* Effect.promise(() => arrived(Cache.blobOf(cache, entry)))))
  })

/** Fails before a byte is fetched if the disk cannot hold what is missing. */
const checkRoom = (cache: Cache.Cache, commit: string, files: ReadonlyArray<Entry>) =>
  Effect.gen(function* () {
    const needed = sum(yield* Effect.forEach(files, (entry) => missing(cache, commit, entry)))
    if (needed > 0 && needed > (yield* Cache.room(cache))) return yield* full(cache.folder, needed)
  })

/** Fetches what is not there yet; the revision is noted once all of it is. */
export const fetchAll = (call: Call, { commit, entries }: Listing): Effect.Effect<void, BackendError.BackendError> =>
  Effect.gen(function* () {
    const { asked, cache, settings, verify, wire } = call
    yield* checkRoom(cache, commit, entries)
    const told = meter(call, entries)
    const one = (entry: Entry) => {
      const { path: file } = entry
      const job = { settings, asked: { ...asked, file }, cache, commit, entry, wire, verify, onBytes: told(file) }
      return Effect.andThen(ensure(job), Cache.place(cache, commit, entry))
    }
    // Files of the same bytes share a blob: one after the other, so that the second finds what the first has fetched.
    const alike = Object.values(Object.groupBy(entries, ({ hash }) => hash))
    yield* Effect.forEach(alike, (group) => Effect.forEach(group ?? [], one), { concurrency: DOWNLOADS, discard: true })
    yield* Cache.remember(cache, asked.revision, commit)
  })

/** Fetches what is needed of a model. */
export const fetchSelected = (
  call: ModelCall,
  { commit, entries }: Listing
): Effect.Effect<Fetched, BackendError.BackendError> =>
  Effect.gen(function* () {
    const selection = yield* select(entries, call.wanted)
    yield* fetchAll(call, { commit, entries: selection.files })
    return fetched(Cache.snapshotOf(call.cache, commit), selection)
  })
