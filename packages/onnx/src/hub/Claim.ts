/**
 * Who downloads a file. What has arrived so far lies in `HASH.incomplete`; who goes on with it first renames it to a name of
 * his own, which only one can do. A claim ends with its process, so that no crash keeps others from going on.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { open, readdir, rename, rm, stat, utimes } from "node:fs/promises"
import { hostname } from "node:os"
import { basename, dirname, join } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { type Cache, onDisk } from "./Cache.ts"

/** Whose process cannot be asked, or has hung, loses its claim when it has not written for so long. */
const ABANDONED = 5 * 60_000
const POLL = 250
const HOST = hostname().replaceAll(/[^\w-]/g, "_")

/** A partial download. */
interface Part {
  readonly path: string
  readonly size: number
  /** Somebody is writing it. */
  readonly isLive: boolean
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    return !(cause instanceof Error && "code" in cause && cause.code === "ESRCH")
  }
}

/** What there is of a blob: the claims on it, and what was given back. */
const parts = async (blob: string): Promise<ReadonlyArray<Part>> => {
  const name = basename(blob)
  const found = (await readdir(dirname(blob)).catch(() => [])).map(async (file): Promise<ReadonlyArray<Part>> => {
    const [, host, pid] = file.match(/^[0-9a-f]+\.([\w-]+)\.(\d+)\.[0-9a-f]{8}\.incomplete$/) ?? []
    if (!file.startsWith(`${name}.`) || (host === undefined && file !== `${name}.incomplete`)) return []
    const path = join(dirname(blob), file)
    const state = await stat(path).catch(() => undefined)
    if (state === undefined) return []
    const isFresh = Date.now() - state.mtimeMs < ABANDONED
    return [
      { path, size: state.size, isLive: host !== undefined && isFresh && (host !== HOST || isRunning(Number(pid))) }
    ]
  })
  return (await Promise.all(found)).flat()
}

/** How many bytes of a blob have arrived so far. */
export const arrived = (blob: string): Promise<number> =>
  parts(blob).then((found) => Math.max(0, ...found.map(({ size }) => size)))

/** Takes the longest of what nobody is writing, or begins anew; the other leftovers go. */
const take = async (blob: string): Promise<string> => {
  const mine = `${blob}.${HOST}.${process.pid}.${randomUUID().slice(0, 8)}.incomplete`
  const left = (await parts(blob)).filter(({ isLive }) => !isLive).toSorted((a, b) => b.size - a.size)
  let isTaken = false
  for (const { path } of left) {
    if (isTaken) await rm(path, { force: true })
    else
      isTaken = await rename(path, mine)
        .then(() => true)
        .catch(() => false) // somebody else was faster
  }
  if (!isTaken) await (await open(mine, "wx")).close()
  const now = new Date()
  await utimes(mine, now, now)
  return mine
}

/** Leaves what has arrived to whoever comes next; nothing is left where nothing had arrived. */
const giveBack = async (blob: string, mine: string) => {
  const state = await stat(mine).catch(() => undefined)
  if (state === undefined) return // it has become the blob
  if (state.size === 0) await rm(mine, { force: true })
  else await rename(mine, `${blob}.incomplete`)
}

/**
 * Path of the partial download, which nobody else writes until the scope closes; `undefined` if somebody else is at it, after
 * a moment in which he may have come to an end.
 */
export const claim = (
  cache: Cache,
  blob: string
): Effect.Effect<string | undefined, BackendError.BackendError, Scope.Scope> =>
  Effect.gen(function* () {
    const isBusy = (mine?: string) =>
      onDisk(cache, async () => (await parts(blob)).some(({ isLive, path }) => isLive && path !== mine))
    const later = Effect.as(
      Effect.flatMap(Random.next, (u) => Effect.sleep(POLL * (1 + u))),
      undefined
    )
    if (yield* isBusy()) return yield* later
    const mine = yield* Effect.acquireRelease(
      onDisk(cache, () => take(blob)),
      (path) => Effect.promise(() => giveBack(blob, path).catch(() => {}))
    )
    // Two who began at the same moment both see the other here, and both step back for a while.
    return (yield* isBusy(mine)) ? yield* later : mine
  })
