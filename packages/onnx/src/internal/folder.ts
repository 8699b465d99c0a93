import * as Effect from "effect/Effect"
import { readFile, realpath } from "node:fs/promises"
import { dirname, isAbsolute, join, relative, sep } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid } from "./errors.ts"

const isWithin = (folder: string, path: string): boolean => {
  const way = relative(folder, path)
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** A snapshot of Hugging Face's cache, or a folder in it: its files are links to the blobs of the same repository. */
const SNAPSHOT = /^(?<repository>.*[\\/]models--[^\\/]+)[\\/]snapshots[\\/][0-9a-f]{40}(?=[\\/]|$)/

const isBlobOf = (folder: string, path: string): boolean => {
  const repository = SNAPSHOT.exec(folder)?.groups?.["repository"]
  return repository !== undefined && dirname(path) === join(repository, "blobs")
}

const real = (path: string): Effect.Effect<string | undefined> =>
  Effect.promise(() => realpath(path).catch(() => undefined))

/**
 * Path of a file of the folder; undefined if there is none. A model is data from a stranger: no link of it leads out, other
 * than from a snapshot of Hugging Face's cache to a blob of the same repository.
 */
export const fileOf = (folder: string, name: string): Effect.Effect<string | undefined, BackendError.BackendError> =>
  Effect.gen(function* () {
    const path = join(folder, name)
    const [root, target] = [yield* real(folder), yield* real(path)]
    if (root === undefined || target === undefined) return undefined
    if (isWithin(root, target) || isBlobOf(root, target)) return path
    return yield* invalid(`${path} leads out of its folder.`, "Put the file itself there, in place of the link.")
  })

/** Text of a file of the folder; undefined if there is none, or if it cannot be read. */
export const textOf = (folder: string, name: string): Effect.Effect<string | undefined, BackendError.BackendError> =>
  Effect.flatMap(fileOf(folder, name), (path) =>
    path === undefined ? Effect.undefined : Effect.promise(() => readFile(path, "utf8").catch(() => undefined))
  )
