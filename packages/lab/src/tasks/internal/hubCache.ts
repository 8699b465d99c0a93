/**
 * The cache that all of Hugging Face's libraries share: `datasets--owner--name/{blobs,refs,snapshots}`. A snapshot's files
 * are relative links to blobs, which are named by the hash of what is in them.
 */
import { createHash, randomUUID } from "node:crypto"
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises"
import { dirname, join, relative } from "node:path"

export const COMMIT = /^[0-9a-f]{40}$/

export const folderOf = (cache: string, dataset: string): string =>
  join(cache, ["datasets", ...dataset.split("/")].join("--"))

export const pathIn = (folder: string, commit: string, path: string): string =>
  join(folder, "snapshots", commit, ...path.split("/"))

export const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false
  )

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

/** Whether the bytes are those that the hash is of: SHA-256, or, of a small file, its name in git. */
export const isWhole = (bytes: Buffer, hash: string): boolean => {
  const digest = createHash(hash.length === 64 ? "sha256" : "sha1")
  if (hash.length === 40) digest.update(`blob ${bytes.length}\0`)
  return digest.update(bytes).digest("hex") === hash
}

export const store = (folder: string, hash: string, bytes: Buffer): Promise<void> =>
  replace(join(folder, "blobs", hash), (path) => writeFile(path, bytes))

/** Links a snapshot's file to its blob; where links are not allowed it is a copy. */
export const point = (folder: string, hash: string, path: string): Promise<void> => {
  const blob = join(folder, "blobs", hash)
  return replace(path, (fresh) =>
    symlink(relative(dirname(path), blob), fresh, "file").catch(() => copyFile(blob, fresh))
  )
}

const refOf = (folder: string, revision: string) => join(folder, "refs", ...revision.split("/"))

/** The commit that a revision was when it was last asked for. */
export const commitOf = async (folder: string, revision: string): Promise<string | undefined> => {
  if (COMMIT.test(revision)) return revision
  const commit = (await readFile(refOf(folder, revision), "utf8").catch(() => "")).trim()
  return COMMIT.test(commit) ? commit : undefined
}

export const remember = async (folder: string, revision: string, commit: string): Promise<void> => {
  if ((await commitOf(folder, revision)) !== commit)
    await replace(refOf(folder, revision), (path) => writeFile(path, commit))
}
