/**
 * One file of a dataset on the Hub, in the cache of Hugging Face's libraries.
 */
import { datasetInfo, pathsInfo } from "@huggingface/hub"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { join } from "node:path"
import type { TaskError } from "../TaskError.ts"
import { codeOf, fromDisk, refused, unavailable } from "./errors.ts"
import * as Cache from "./hubCache.ts"
import { type Settings, settingsOf } from "./hubSettings.ts"

export interface Asked {
  /** `owner/name` */
  readonly dataset: string
  /** Within the repository. */
  readonly path: string
  /** A branch, a tag or a commit. */
  readonly revision: string
  readonly token: Redacted.Redacted | undefined
}

interface Call extends Asked {
  readonly settings: Settings
  /** The dataset's folder of the cache. */
  readonly folder: string
}

/** How errors name it. */
export const nameOf = ({ dataset, path }: Pick<Asked, "dataset" | "path">): string => `${path} of ${dataset}`

/** The Hub said no; the code is its own word, such as `EntryNotFound`. */
class No extends Error {
  readonly status: number
  readonly code: string | null
  constructor(response: Response) {
    super(`status ${response.status}`)
    this.status = response.status
    this.code = response.headers.get("x-error-code")
  }
}
class NoEntry extends Error {}
class Damaged extends Error {}
class Unreachable extends Error {}

/**
 * A fetch that shows the token, ends with the signal and rejects with `No` or `Unreachable`. Only the Hub is asked by it, and
 * fetch takes the token off where a redirect leads elsewhere.
 */
const guarded =
  ({ token }: Settings, signal: AbortSignal): typeof fetch =>
  async (input, init) => {
    const headers = new Headers(init?.headers)
    if (token !== undefined) headers.set("authorization", `Bearer ${Redacted.value(token)}`)
    const response = await fetch(input, { ...init, headers, signal }).catch(() => {
      throw new Unreachable()
    })
    if (response.ok) return response
    await response.body?.cancel().catch(() => {})
    throw new No(response)
  }

const login = "set HF_TOKEN, or give `token`, to an access token that may read it"

const fromNo = (
  { dataset, revision, settings: { endpoint } }: Call,
  source: string,
  { code, status }: No
): TaskError => {
  if (status === 429 || status === 408 || status === 425 || status >= 500)
    return unavailable(source, `${endpoint} does not give it now (status ${status}).`, "Try again later.")
  if (code === "RevisionNotFound")
    return refused(source, `There is no revision ${revision}.`, "Give a branch, a tag or a commit.")
  if (code === "EntryNotFound") return fromNoEntry(source, revision)
  return refused(
    source,
    `${endpoint} does not give ${dataset} (status ${status}): it is gated or private, or not there.`,
    `Accept its terms at ${endpoint}/datasets/${dataset} if it has any, and ${login}; or give the path of your copy as \`file\`.`
  )
}

const fromNoEntry = (source: string, revision: string) =>
  refused(
    source,
    `Revision ${revision} has no such file.`,
    "Give another `revision`, or the path of your copy as `file`."
  )

/** What fetch, the library or the disk threw, in our words: none of a server's own gets in. */
const fromCause = (call: Call, cause: unknown): TaskError => {
  const source = nameOf(call)
  if (cause instanceof No) return fromNo(call, source, cause)
  if (cause instanceof NoEntry) return fromNoEntry(source, call.revision)
  if (cause instanceof Damaged)
    return unavailable(source, "What came is not what the Hub says it has.", "Try again; a proxy may be damaging it.")
  if (codeOf(cause) !== undefined) return fromDisk(call.folder, cause)
  // Fetch's own word for a connection that breaks in the middle of an answer is a TypeError.
  if (cause instanceof Unreachable || cause instanceof TypeError)
    return unavailable(
      source,
      `There is no connection to ${call.settings.endpoint}, or it broke.`,
      "Check the network and HF_ENDPOINT, or give the path of your copy as `file`."
    )
  return refused(source, `${call.settings.endpoint} answers something else than the Hub does.`, "Check HF_ENDPOINT.")
}

const urlOf = ({ dataset, path, settings }: Call, commit: string) =>
  `${settings.endpoint}/datasets/${dataset}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`

/** Brings the bytes into the cache; all that is stored is checked. */
const bring = async (call: Call, commit: string, fetch: typeof globalThis.fetch) => {
  const { dataset, folder, path, settings } = call
  const asked = { repo: { type: "dataset" as const, name: dataset }, revision: commit, paths: [path] }
  const [info] = await pathsInfo({ ...asked, hubUrl: settings.endpoint, fetch })
  const hash = info?.lfs?.oid ?? info?.oid ?? ""
  if (info?.type !== "file" || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash)) throw new NoEntry()
  if (!(await Cache.isThere(join(folder, "blobs", hash)))) {
    // The library's own download wants an ETag of every mirror and CDN, and checks nothing.
    const bytes = Buffer.from(await (await fetch(urlOf(call, commit))).arrayBuffer())
    if (!Cache.isWhole(bytes, hash)) throw new Damaged()
    await Cache.store(folder, hash, bytes)
  }
  await Cache.point(folder, hash, Cache.pathIn(folder, commit, path))
}

const online = (call: Call): Effect.Effect<string, TaskError> =>
  Effect.tryPromise({
    try: async (signal) => {
      const { dataset: name, folder, path, revision, settings } = call
      const fetch = guarded(settings, signal)
      const asked = { name, revision, hubUrl: settings.endpoint, fetch, additionalFields: ["sha" as const] }
      const { sha: commit } = await datasetInfo(asked)
      if (!Cache.COMMIT.test(commit)) throw new Error("no commit")
      const found = Cache.pathIn(folder, commit, path)
      if (!(await Cache.isThere(found))) await bring(call, commit, fetch)
      await Cache.remember(folder, revision, commit)
      return found
    },
    catch: (cause) => fromCause(call, cause)
  }).pipe(
    Effect.retry({
      times: 2,
      schedule: Schedule.exponential("200 millis"),
      while: ({ reason }) => reason._tag === "Unavailable"
    })
  )

/** The file as the cache has it, if it does. */
const kept = ({ folder, path, revision }: Call): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    const commit = await Cache.commitOf(folder, revision)
    const found = commit === undefined ? undefined : Cache.pathIn(folder, commit, path)
    return found !== undefined && (await Cache.isThere(found)) ? found : undefined
  })

/** Revisions become folders of this machine. */
const checkRevision = (source: string, revision: string) =>
  revision.split("/").every((part) => /^(?!\.+$)[\w.-]+$/.test(part))
    ? Effect.void
    : refused(source, `${revision} is no revision.`, "Give a branch, a tag or a commit.")

const offline = (call: Call): Effect.Effect<string, TaskError> =>
  Effect.flatMap(kept(call), (found) =>
    found === undefined
      ? refused(
          nameOf(call),
          `HF_HUB_OFFLINE is set, and ${call.folder} does not have it at revision ${call.revision}.`,
          "Unset it once, or check HF_HOME and HF_HUB_CACHE, or give the path of your copy as `file`."
        )
      : Effect.succeed(found)
  )

/** Where the Hub cannot be reached, what the cache has serves. */
const orKept = (call: Call, error: TaskError): Effect.Effect<string, TaskError> =>
  Effect.gen(function* () {
    const found = error.reason._tag === "Unavailable" ? yield* kept(call) : undefined
    if (found === undefined) return yield* error
    yield* Effect.logWarning(`${error.reason.problem} Using what the cache has of ${call.dataset}.`)
    return found
  })

/** Path of the file, downloaded if the cache does not have this revision's. */
export const fetched = (asked: Asked): Effect.Effect<string, TaskError> =>
  Effect.gen(function* () {
    const source = nameOf(asked)
    yield* checkRevision(source, asked.revision)
    const settings = yield* settingsOf(source, asked.token)
    const call = { ...asked, settings, folder: Cache.folderOf(settings.cache, asked.dataset) }
    if (settings.isOffline) return yield* offline(call)
    // What a commit holds never changes.
    const found = Cache.COMMIT.test(asked.revision) ? yield* kept(call) : undefined
    if (found !== undefined) return found
    return yield* Effect.catch(online(call), (error) => orKept(call, error))
  })
