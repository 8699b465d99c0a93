/**
 * A repository of the Hub.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid } from "../internal/errors.ts"

export interface Repo {
  readonly type: "model" | "dataset"
  /** `owner/name`; the oldest have no owner. */
  readonly name: string
}

/** A name that stays within the folder that it is put under, on every system. */
export const isSafe = (path: string): boolean => path.split("/").every((part) => /^(?!\.+$)[\w.-]+$/.test(part))

/** Names become folders of this machine. */
const isName = (text: string) => text.length <= 200 && isSafe(text)

/** Where its pages and files are, from the Hub's address on. */
export const pathOf = ({ name, type }: Repo): string => (type === "model" ? name : `${type}s/${name}`)

/** Name of its folder in the cache. */
export const folderOf = ({ name, type }: Repo): string => [`${type}s`, ...name.split("/")].join("--")

/** Fails if the repository or the revision has a name that none has; `advice`: what to give as the repository's. */
export const check = (
  { name, type }: Repo,
  revision: string,
  advice: string
): Effect.Effect<void, BackendError.BackendError> => {
  if (!isName(name) || name.split("/").length > 2 || name.includes("--"))
    return invalid(`${name} is no name of a ${type} on the Hub.`, advice)
  return isName(revision) ? Effect.void : invalid(`${revision} is no revision.`, "Give a branch, a tag or a commit.")
}

/** Fails if nothing in a repository has such a path; `what`: a file or a folder. */
export const checkPath = (path: string, what: string): Effect.Effect<void, BackendError.BackendError> =>
  isName(path)
    ? Effect.void
    : invalid(`${path} is no ${what} of a repository.`, "Give its path from the repository's root.")
