/**
 * The cache that all of Hugging Face's libraries share: `models--owner--name/{blobs,refs,snapshots}`, `datasets--…`. A snapshot's
 * files are relative links to blobs, which are named by the hash of what is in them.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { createHash, randomUUID } from "node:crypto"
import { createReadStream } from "node:fs"
import {
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  symlink,
  writeFile
} from "node:fs/promises"
import { basename, dirname, join, relative, sep } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { fromDisk } from "./Failure.ts"
import { COMMIT, type Entry } from "./Listing.ts"
import { folderOf, type Repo } from "./Repo.ts"

/** Bytes read at once where a file is hashed. */
export const WINDOW = 1 << 20

/** One repository's folder of the cache. */
export interface Cache {
  readonly folder: string
}

export const make = (cache: string, repo: Repo): Cache => ({ folder: join(cache, folderOf(repo)) })

export const blobOf = ({ folder }: Cache, { hash }: Pick<Entry, "hash">): string => join(folder, "blobs", hash)

export const snapshotOf = ({ folder }: Cache, commit: string): string => join(folder, "snapshots", commit)

/** Runs something on the disk; fails with what the user can do about it. */
export const onDisk = <A>(
  { folder }: Cache,
  use: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, BackendError.BackendError> =>
  Effect.tryPromise({ try: use, catch: (cause) => fromDisk(folder, cause) })

/** Bytes that the disk has left; Infinity where it does not say. */
export const room = (cache: Cache): Effect.Effect<number, BackendError.BackendError> =>
  onDisk(cache, async () => {
    await mkdir(cache.folder, { recursive: true })
    return statfs(cache.folder)
      .then(({ bavail, bsize }) => bavail * bsize)
      .catch(() => Infinity)
  })

/** Puts a file or a link in a place in one step, so that no other process ever sees half of it. */
const replace = async (path: string, write: (path: string) => Promise<void>) => {
  await mkdir(dirname(path), { recursive: true })
  const fresh = `${path}.${randomUUID().slice(0, 8)}.tmp`
  try {
    await write(fresh)
    await rename(fresh, path)
  } finally {
    await rm(fresh, { force: true })
  }
}

const refOf = ({ folder }: Cache, revision: string) => join(folder, "refs", ...revision.split("/"))

/** The commit that a revision was when it was fetched. */
export const commitOf = (cache: Cache, revision: string): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    if (COMMIT.test(revision)) return revision
    const commit = (await readFile(refOf(cache, revision), "utf8").catch(() => "")).trim()
    return COMMIT.test(commit) ? commit : undefined
  })

/** Notes which commit a revision is, once all that is needed of it is there; a cache that cannot be written stays as it is. */
export const remember = (cache: Cache, revision: string, commit: string): Effect.Effect<void> =>
  Effect.flatMap(commitOf(cache, revision), (known) =>
    known === commit
      ? Effect.void
      : Effect.ignore(onDisk(cache, () => replace(refOf(cache, revision), (path) => writeFile(path, commit))))
  )

/** Whether the bytes are those that the hash is of. */
export const isWhole = async (bytes: AsyncIterable<Buffer>, { hash, size }: Entry): Promise<boolean> => {
  const digest = createHash(hash.length === 64 ? "sha256" : "sha1")
  if (hash.length === 40) digest.update(`blob ${size}\0`)
  for await (const some of bytes) digest.update(some)
  return digest.digest("hex") === hash
}

/** Whether there is such a file with so many bytes; with `verify` also whether they are the right ones. */
const holds = async (path: string, entry: Entry, verify: boolean, signal: AbortSignal): Promise<boolean> => {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile() || found.size !== entry.size) return false
  return !verify || isWhole(createReadStream(path, { highWaterMark: WINDOW, signal }), entry)
}

const pathOf = (cache: Cache, commit: string, { path }: Pick<Entry, "path">): string =>
  join(snapshotOf(cache, commit), ...path.split("/"))

/** Path of a snapshot's file, if it is there. */
export const find = (cache: Cache, commit: string, path: string): Effect.Effect<Option.Option<string>> =>
  Effect.promise(async () => {
    const found = pathOf(cache, commit, { path })
    return (await stat(found).catch(() => undefined))?.isFile() ? Option.some(found) : Option.none()
  })

/** Whether the file is in the cache: as a blob, or, from a system without links, in the snapshot itself. */
export const has = (
  cache: Cache,
  commit: string,
  entry: Entry,
  verify: boolean
): Effect.Effect<boolean, BackendError.BackendError> =>
  onDisk(cache, async (signal) => {
    for (const path of [blobOf(cache, entry), pathOf(cache, commit, entry)])
      if (await holds(path, entry, verify, signal)) return true
    return false
  })

/**
 * Makes a blob a file of its own. `huggingface_hub` may keep the bytes in a store that repositories share, with a link in the
 * place of the blob, but ONNX Runtime wants external data in the same folder as the graph, links followed.
 */
const unshare = async (blob: string) => {
  if (!(await lstat(blob)).isSymbolicLink()) return
  const target = await realpath(blob)
  await replace(blob, (path) => link(target, path).catch(() => copyFile(target, path)))
}

/** Links a file of the snapshot to its blob, as others do: where links are not allowed it is the blob under a second name. */
const point = async (blob: string, path: string) => {
  const target = relative(dirname(path), blob)
  if ((await realpath(path).catch(() => "")) === (await realpath(blob))) return
  await replace(path, (fresh) => symlink(target, fresh, "file").catch(() => link(blob, fresh)))
}

/** Puts the blob, if there is one, into the snapshot. */
export const place = (cache: Cache, commit: string, entry: Entry): Effect.Effect<void, BackendError.BackendError> =>
  onDisk(cache, async () => {
    const blob = blobOf(cache, entry)
    if (!(await stat(blob).catch(() => undefined))?.isFile()) return
    await unshare(blob)
    await point(blob, pathOf(cache, commit, entry))
  })

/** Name of the blob that a snapshot's file links to, "" if it is a file of its own. */
const hashOf = async (path: string) => basename(await readlink(path).catch(() => ""))

/** The files of a snapshot that are there; their hash is the name of the blob, "" where none is known. */
export const entriesOf = (cache: Cache, commit: string): Effect.Effect<ReadonlyArray<Entry>> =>
  Effect.promise(async () => {
    const root = snapshotOf(cache, commit)
    const names = await readdir(root, { recursive: true }).catch(() => [])
    const entries = names.map(async (name) => {
      const path = join(root, name)
      const found = await stat(path).catch(() => undefined)
      if (!found?.isFile()) return []
      return [{ path: name.split(sep).join("/"), size: found.size, hash: await hashOf(path) }]
    })
    return (await Promise.all(entries)).flat()
  })
