/**
 * One file of a repository, of whatever kind.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { join } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid } from "../internal/errors.ts"
import * as Cache from "./Cache.ts"
import type { Call } from "./Call.ts"
import { fetchAll } from "./Fetch.ts"
import { COMMIT, commitOf, entryAt, type Listing } from "./Listing.ts"
import type { Source } from "./Source.ts"

/** What a commit holds never changes, and a snapshot has nothing but whole files: what is there is not asked for. */
const listed = (
  { asked, cache, settings, wire }: Call,
  file: string
): Effect.Effect<Listing, BackendError.BackendError> =>
  Effect.gen(function* () {
    const { revision } = asked
    const commit = COMMIT.test(revision) ? revision : yield* commitOf(settings, asked, wire)
    if (Option.isSome(yield* Cache.find(cache, commit, file))) return { commit, entries: [] }
    return { commit, entries: [yield* entryAt(settings, { ...asked, file }, commit, wire)] }
  })

const kept = ({ asked, cache }: Call, file: string): Effect.Effect<Option.Option<string>> =>
  Effect.flatMap(Cache.commitOf(cache, asked.revision), (commit) =>
    commit === undefined ? Effect.succeedNone : Cache.find(cache, commit, file)
  )

export const source = (call: Call, file: string): Source<string> => ({
  call,
  listed: listed(call, file),
  fetched: (listing) =>
    Effect.as(fetchAll(call, listing), join(Cache.snapshotOf(call.cache, listing.commit), ...file.split("/"))),
  kept: kept(call, file),
  missing: () =>
    invalid(
      `HF_HUB_OFFLINE is set, and ${call.cache.folder} has no ${file} at revision ${call.asked.revision}.`,
      "Unset it once to fetch it, or check HF_HOME and HF_HUB_CACHE."
    )
})
