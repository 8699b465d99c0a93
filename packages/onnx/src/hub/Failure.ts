/**
 * What can go wrong between the Hub, the wire and the disk, as the one error of the backend. No word of a server and no
 * message of a foreign error gets in: they may quote a token.
 */
import * as Duration from "effect/Duration"
import * as BackendError from "@mulligan/core/BackendError"
import { backend, invalid } from "../internal/errors.ts"
import { pathOf, type Repo } from "./Repo.ts"

/** The Hub, or the host that it sent us to, said no. */
export class Refused extends Error {
  readonly status: number
  /** The Hub's own word: `RepoNotFound`, `GatedRepo`, `RevisionNotFound`, `EntryNotFound`. */
  readonly code: string | null
  readonly retryAfter: Duration.Duration | undefined
  /** Said by another host than the Hub: a signed address that ran out, not a missing right. */
  readonly elsewhere: boolean
  constructor(response: Response, origin: string) {
    super(`status ${response.status}`)
    this.status = response.status
    this.code = response.headers.get("x-error-code")
    this.retryAfter = retryAfter(response.headers)
    this.elsewhere = response.url !== "" && new URL(response.url).origin !== origin
  }
}

/** No answer at all. */
export class Unreachable extends Error {}

/** `Retry-After` in seconds or as a date, else what is left of the Hub's window (`RateLimit: "api";r=0;t=55`). */
const retryAfter = (headers: Headers): Duration.Duration | undefined => {
  const asked = headers.get("retry-after") ?? headers.get("ratelimit")?.match(/;\s*t=(\d+)/)?.[1]
  if (asked === undefined) return undefined
  const seconds = /^\s*\d+\s*$/.test(asked) ? Number(asked) : (Date.parse(asked) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Duration.seconds(Math.max(0, seconds)) : undefined
}

const waiting = (retryAfter: Duration.Duration | undefined) => (retryAfter === undefined ? {} : { retryAfter })

/** It may work later. */
export const unavailable = (
  problem: string,
  advice: string,
  retryAfter?: Duration.Duration
): BackendError.BackendError =>
  new BackendError.BackendError({
    backend,
    reason: new BackendError.Unavailable({ problem, advice, ...waiting(retryAfter) })
  })

const rateLimited = (problem: string, advice: string, retryAfter?: Duration.Duration) =>
  new BackendError.BackendError({
    backend,
    reason: new BackendError.RateLimited({ problem, advice, ...waiting(retryAfter) })
  })

/** What was asked for, as errors name it. */
export interface Asked extends Repo {
  readonly revision: string
  /** The Hub's address. */
  readonly endpoint: string
  /** Path of the file; none for the list of files. */
  readonly file?: string | undefined
}

const login = "set HF_TOKEN, or give `token`, to an access token that may read it"

/** The repository has no such file. */
export const noFile = ({ file, name, revision }: Asked): BackendError.BackendError =>
  invalid(`${name} at revision ${revision} has no file ${file}.`, "Check both names and `revision`.")

const missing = (asked: Asked, code: string | null) => {
  const { endpoint, file, name, revision, type } = asked
  if (code === "RevisionNotFound")
    return invalid(`${name} has no revision ${revision}.`, "Check `revision`: a branch, a tag or a commit.")
  if (code === "EntryNotFound" || file !== undefined) return noFile(asked)
  const own = type === "model" ? " A folder of this machine is given by its path." : ""
  return invalid(
    `${endpoint} knows no ${type} ${name}.`,
    `Check its name (owner/name); if it is private, ${login}.${own}`
  )
}

const forbidden = (asked: Asked, code: string | null) => {
  const { endpoint, name, type } = asked
  return code === "GatedRepo"
    ? invalid(`${name} is gated.`, `Accept its terms at ${endpoint}/${pathOf(asked)}, and ${login}.`)
    : invalid(
        `${endpoint} does not give ${name}: it is private or gated, or there is no such ${type}.`,
        `Check its name, accept its terms if it has any, and ${login}.`
      )
}

const PASSING = new Set([408, 425])

const fromRefused = (asked: Asked, { code, elsewhere, retryAfter, status }: Refused): BackendError.BackendError => {
  const { endpoint, file, name } = asked
  if (status === 429)
    return rateLimited(`${endpoint} gets too many requests.`, `Wait, or, if none is set, ${login}.`, retryAfter)
  if (PASSING.has(status) || status >= 500 || elsewhere)
    return unavailable(
      `${file ?? `The list of files`} of ${name} could not be fetched (status ${status}).`,
      "Try again later; what has arrived is kept.",
      retryAfter
    )
  if (code === "GatedRepo") return forbidden(asked, code)
  if (status === 404 || code === "RepoNotFound" || code === "RevisionNotFound") return missing(asked, code)
  if (status === 401 || status === 403) return forbidden(asked, code)
  return invalid(`${endpoint} did not accept the request for ${name} (status ${status}).`, "Check HF_ENDPOINT.")
}

/** What fetch, or the library that was given ours, threw. */
export const fromWire = (asked: Asked, cause: unknown): BackendError.BackendError => {
  if (cause instanceof Refused) return fromRefused(asked, cause)
  if (cause instanceof Unreachable)
    return unavailable(
      `There is no connection to ${asked.endpoint}, or it broke.`,
      "Check the network and HF_ENDPOINT, and try again: what has arrived is kept."
    )
  return malformed(asked)
}

/** An answer, but not one of the Hub's. */
export const malformed = ({ endpoint }: Asked): BackendError.BackendError =>
  invalid(`${endpoint} answers something else than the Hub does.`, "Check HF_ENDPOINT; a proxy may be answering.")

const ELSEWHERE = "set HF_HOME or HF_HUB_CACHE to a folder"

/** The disk has fewer bytes left than are needed. */
export const full = (folder: string, needed?: number): BackendError.BackendError =>
  invalid(
    `The disk of ${folder} has no room${needed === undefined ? "" : ` for the ${gigabytes(needed)} that are missing`}.`,
    `Free some, or ${ELSEWHERE} on another disk; what has arrived is kept.`
  )

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`

/** What the file system said. */
export const fromDisk = (folder: string, cause: unknown): BackendError.BackendError => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown"
  if (code === "ENOSPC" || code === "EDQUOT") return full(folder)
  return invalid(`${folder} cannot be written (${code}).`, `Make it writable, or ${ELSEWHERE} that is.`)
}
