/**
 * One file, from the Hub into its blob: gone on with where it broke off, and checked before it counts.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type FileHandle, mkdir, open, rename } from "node:fs/promises"
import { dirname } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { blobOf, type Cache, has, isWhole, onDisk, WINDOW } from "./Cache.ts"
import { claim } from "./Claim.ts"
import { type Asked, fromWire, unavailable, Unreachable } from "./Failure.ts"
import type { Entry } from "./Listing.ts"
import { pathOf } from "./Repo.ts"
import type { Settings } from "./Settings.ts"
import { ask, idle, silence, wait, type WireOptions } from "./Wire.ts"

export interface Job {
  readonly settings: Settings
  readonly asked: Asked
  readonly cache: Cache
  readonly commit: string
  readonly entry: Entry
  readonly wire: WireOptions
  /** Hash what is in the cache already. */
  readonly verify: boolean
  /** Told how many bytes of the file are there. */
  readonly onBytes: (bytes: number) => void
}

type Done<A = void> = Effect.Effect<A, BackendError.BackendError>

/** A failure after so much of the way is the first again: a long file may break off often. */
const PROGRESS = 1 << 20

const urlOf = ({ asked, commit, entry }: Job) =>
  `${asked.endpoint}/${pathOf(asked)}/resolve/${commit}/${entry.path.split("/").map(encodeURIComponent).join("/")}`

const broken = ({ asked, entry }: Job, how: string) =>
  unavailable(
    `${entry.path} of ${asked.name} ${how}.`,
    "Try again; if it stays so, the Hub, or a proxy before it, gives a damaged file."
  )

/** What of the file comes next, and from which byte on. */
const request = (job: Job, from: number): Done<readonly [response: Response, at: number]> =>
  Effect.gen(function* () {
    // A compressed answer could not be gone on with.
    const headers = { "accept-encoding": "identity", ...(from > 0 ? { range: `bytes=${from}-` } : {}) }
    const response = yield* ask(job.settings, job.asked, job.wire, (fetch) => fetch(urlOf(job), { headers }))
    const at = response.status === 206 ? Number(response.headers.get("content-range")?.match(/^bytes (\d+)-/)?.[1]) : 0
    return at === from || at === 0
      ? ([response, at] as const)
      : yield* broken(job, "came from another byte on than asked")
  })

const append = async (file: FileHandle, bytes: Uint8Array, at: number) => {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}

/** Receives what is missing, until the connection ends. */
const receive = (job: Job, file: FileHandle): Done =>
  Effect.gen(function* () {
    const { asked, cache, entry, onBytes, wire } = job
    let at = yield* onDisk(cache, async () => (await file.stat()).size)
    onBytes(Math.min(at, entry.size))
    if (at === entry.size) return
    const [response, from] = yield* request(job, at < entry.size ? at : 0)
    if (from !== at) yield* onDisk(cache, () => file.truncate(from))
    at = from
    const body = Stream.fromReadableStream({
      evaluate: () => response.body ?? new ReadableStream<Uint8Array>({ start: (it) => it.close() }),
      onError: () => fromWire(asked, new Unreachable("broken"))
    })
    const timed = Stream.timeoutOrElse(body, { duration: idle(wire), orElse: () => Stream.fail(silence(asked)) })
    yield* Stream.runForEach(timed, (bytes) => {
      if (at + bytes.length > entry.size) return broken(job, "is longer than the Hub says")
      return Effect.map(
        onDisk(cache, () => append(file, bytes, at)),
        () => onBytes((at += bytes.length))
      )
    })
    if (at < entry.size) return yield* broken(job, `broke off after ${at} of ${entry.size} bytes`)
  })

/** Checks what lies on the disk, not what passed by: whatever happened to it, a blob has the bytes of its name. */
const check = ({ cache, entry }: Job, file: FileHandle): Done<boolean> =>
  onDisk(cache, (signal) =>
    isWhole(file.createReadStream({ start: 0, autoClose: false, highWaterMark: WINDOW, signal }), entry)
  )

/** Tries until the file is whole. `failed`: how many tries in a row came to nothing; `wrong`: how often its bytes were wrong. */
const complete = (job: Job, file: FileHandle, failed = 0, wrong = 0): Done =>
  Effect.gen(function* () {
    const sizeOf = onDisk(job.cache, async () => (await file.stat()).size)
    const before = yield* sizeOf
    const result = yield* Effect.result(receive(job, file))
    if (result._tag === "Failure") {
      const row = (yield* sizeOf) - before >= PROGRESS ? 1 : failed + 1
      yield* wait(job.wire, row, result.failure)
      return yield* complete(job, file, row, wrong)
    }
    if (yield* check(job, file)) return yield* onDisk(job.cache, () => file.sync())
    yield* onDisk(job.cache, () => file.truncate(0))
    // Once it may have been what an earlier try had left; gigabytes are not fetched again and again.
    if (wrong > 0) return yield* broken(job, "has other bytes than the Hub says, after another try too")
    return yield* complete(job, file, failed, wrong + 1)
  })

const opened = (cache: Cache, path: string): Effect.Effect<FileHandle, BackendError.BackendError, Scope.Scope> =>
  Effect.acquireRelease(
    onDisk(cache, () => open(path, "r+")),
    (file) => Effect.promise(() => file.close().catch(() => {}))
  )

/** Whoever took us for dead has the file now, and goes on with it. */
const unlessTaken = (cause: unknown) => {
  if (!(cause instanceof Error && "code" in cause && cause.code === "ENOENT")) throw cause
}

/** Downloads the file unless somebody else is at it. Interrupting it keeps what has arrived for the next time. */
const attempt = (job: Job, blob: string): Done =>
  Effect.gen(function* () {
    const path = yield* claim(job.cache, blob)
    if (path === undefined) return
    yield* Effect.scoped(Effect.flatMap(opened(job.cache, path), (file) => complete(job, file)))
    yield* onDisk(job.cache, () => rename(path, blob).catch(unlessTaken))
  }).pipe(Effect.scoped)

/** Sees to it that the file is in the cache, and whole. */
export const ensure = (job: Job): Done =>
  Effect.gen(function* () {
    const { cache, commit, entry, onBytes, verify } = job
    const blob = blobOf(cache, entry)
    while (!(yield* has(cache, commit, entry, verify))) {
      yield* onDisk(cache, () => mkdir(dirname(blob), { recursive: true }))
      yield* attempt(job, blob)
    }
    onBytes(entry.size)
  })
