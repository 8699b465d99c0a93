/**
 * What a repository holds at one commit.
 */
import * as Effect from "effect/Effect"
import { listFiles, type ListFileEntry, modelInfo } from "@huggingface/hub"
import type * as BackendError from "@mulligan/core/BackendError"
import { type Asked, malformed } from "./Failure.ts"
import type { Settings } from "./Settings.ts"
import { ask, type WireOptions } from "./Wire.ts"

/** A file of a repository. */
export interface Entry {
  /** Within the repository, with `/`. */
  readonly path: string
  /** In bytes. */
  readonly size: number
  /** SHA-256 of its bytes, or, of a small file, its name in git: the SHA-1 of `blob SIZE\0` and its bytes. */
  readonly hash: string
}

export interface Listing {
  /** 40 hexadecimal digits. */
  readonly commit: string
  readonly entries: ReadonlyArray<Entry>
}

export const COMMIT = /^[0-9a-f]{40}$/
const HASH = /^([0-9a-f]{40}|[0-9a-f]{64})$/

/** A name that stays within the folder that it is put under, on every system. */
export const isSafe = (path: string) => path.split("/").every((part) => /^(?!\.+$)[\w.-]+$/.test(part))

/** The file, `null` if it is none that will ever be fetched, `undefined` if this is no entry of the Hub's. */
const entryOf = ({ lfs, oid, path, size, type }: ListFileEntry): Entry | null | undefined => {
  if (typeof path !== "string") return undefined
  if (type !== "file" || !isSafe(path)) return null
  const entry = { path, size: lfs?.size ?? size, hash: lfs?.oid ?? oid ?? "" }
  return Number.isSafeInteger(entry.size) && entry.size >= 0 && HASH.test(entry.hash) ? entry : undefined
}

const collect = async <A>(items: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const out: Array<A> = []
  for await (const item of items) out.push(item)
  return out
}

/** Asks the Hub which commit the revision is, and for its files; one request each, and more where the list has pages. */
export const remote = (
  settings: Settings,
  asked: Asked,
  options: WireOptions
): Effect.Effect<Listing, BackendError.BackendError> =>
  Effect.gen(function* () {
    const { endpoint: hubUrl, model: name, revision } = asked
    const { sha: commit } = yield* ask(settings, asked, options, (fetch) =>
      modelInfo({ name, revision, hubUrl, fetch, additionalFields: ["sha"] })
    )
    if (typeof commit !== "string" || !COMMIT.test(commit)) return yield* malformed(asked)
    const repo = { type: "model", name } as const
    const found = yield* ask(settings, asked, options, (fetch) =>
      collect(listFiles({ repo, revision: commit, recursive: true, hubUrl, fetch }))
    )
    const entries = found.map(entryOf)
    if (entries.includes(undefined)) return yield* malformed(asked)
    return { commit, entries: entries.filter((entry) => entry !== null && entry !== undefined) }
  })
