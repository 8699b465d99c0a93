/**
 * What a repository holds at one commit.
 */
import * as Effect from "effect/Effect"
import { datasetInfo, listFiles, modelInfo, pathsInfo } from "@huggingface/hub"
import type * as BackendError from "@mulligan/core/BackendError"
import { type Asked, malformed, noFile } from "./Failure.ts"
import { isSafe } from "./Repo.ts"
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

/** As the Hub tells of one; nothing of it is believed. */
interface Told {
  readonly path: string
  readonly type: string
  readonly size: number
  readonly oid?: string
  readonly lfs?: { readonly oid: string; readonly size: number }
}

/** The file, `null` if it is none that will ever be fetched, `undefined` if this is no entry of the Hub's. */
const entryOf = ({ lfs, oid, path, size, type }: Told): Entry | null | undefined => {
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

/** Asks the Hub which commit the revision is. */
export const commitOf = (
  settings: Settings,
  asked: Asked,
  options: WireOptions
): Effect.Effect<string, BackendError.BackendError> =>
  Effect.gen(function* () {
    const { endpoint: hubUrl, name, revision, type } = asked
    const { sha: commit } = yield* ask(settings, asked, options, (fetch) => {
      const request = { name, revision, hubUrl, fetch, additionalFields: ["sha" as const] }
      return type === "model" ? modelInfo(request) : datasetInfo(request)
    })
    return typeof commit === "string" && COMMIT.test(commit) ? commit : yield* malformed(asked)
  })

/** Asks the Hub for one file; fails if there is none. */
export const entryAt = (
  settings: Settings,
  asked: Asked & { readonly file: string },
  commit: string,
  options: WireOptions
): Effect.Effect<Entry, BackendError.BackendError> =>
  Effect.gen(function* () {
    const { endpoint: hubUrl, file } = asked
    const request = { repo: asked, revision: commit, paths: [file], hubUrl }
    const told = yield* ask(settings, asked, options, (fetch) => pathsInfo({ ...request, fetch }))
    const found = told.find(({ path }) => path === file)
    const entry = found === undefined ? null : entryOf(found)
    return entry ?? (yield* entry === null ? noFile(asked) : malformed(asked))
  })

/** Asks the Hub which commit the revision is, and for its files; one request each, and more where the list has pages. */
export const remote = (
  settings: Settings,
  asked: Asked,
  options: WireOptions
): Effect.Effect<Listing, BackendError.BackendError> =>
  Effect.gen(function* () {
    const commit = yield* commitOf(settings, asked, options)
    const request = { repo: asked, revision: commit, recursive: true, hubUrl: asked.endpoint }
    const found = yield* ask(settings, asked, options, (fetch) => collect(listFiles({ ...request, fetch })))
    const entries = found.map(entryOf)
    if (entries.includes(undefined)) return yield* malformed(asked)
    return { commit, entries: entries.filter((entry) => entry !== null && entry !== undefined) }
  })
