/**
 * The scheduler. Whoever wants to know what may follow some tokens asks for their logits; everybody who asks at the same
 * time is served by the same forward pass (continuous batching). Rows join and leave between steps.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import type { Driver, Step } from "./Driver.ts"
import { fromRun } from "./internal/errors.ts"
import { type Entry, gather, KvCache, type Slab } from "./KvCache.ts"
import type { ModelConfig } from "./ModelConfig.ts"

export interface EngineOptions {
  /** Memory for the keys and values of paused rows. Default 512 MiB; the longest unused give way and are recomputed. */
  readonly cacheBytes?: number | undefined
  /** Padded tokens of one forward pass at most. Default 4096. */
  readonly maxBatchTokens?: number | undefined
}

export interface Request {
  readonly ids: ReadonlyArray<number>
  /** What becomes of the row: a draft goes on (`replace`), a prompt is shared (`keep`), a question is rewound (`drop`). */
  readonly keep: "replace" | "keep" | "drop"
  /** Told how many tokens the model had to read: none that were known, or that somebody else asked for as well. */
  readonly onRead: (tokens: number) => void
  /** Told if the asker was interrupted while the step was under way, whose result is then thrown away. */
  readonly onWaste?: (() => void) | undefined
}

export interface Stats {
  /** Forward passes so far. */
  readonly steps: number
  /** Requests that wait for a step. */
  readonly waiting: number
  /** Rows whose keys and values are kept. */
  readonly rows: number
  readonly bytes: number
}

export interface Engine {
  /**
   * Logits of the token after these, [vocabulary]; read-only, they may be shared. Interrupting takes the request out of
   * the queue; a step under way runs to its end.
   */
  readonly logits: (request: Request) => Effect.Effect<Float32Array, BackendError.BackendError>
  readonly stats: () => Stats
}

interface Job extends Request {
  readonly resume: (result: Effect.Effect<Float32Array, BackendError.BackendError>) => void
}

/** A row of a step: jobs for the same tokens share it. */
interface Row {
  readonly ids: ReadonlyArray<number>
  readonly known: Entry | undefined
  readonly jobs: Array<Job>
}

const missing = (row: Row): number => row.ids.length - (row.known?.ids.length ?? 0)

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

export const make = (config: ModelConfig, driver: Driver, options: EngineOptions = {}): Engine => {
  const { cacheBytes = 512 * 2 ** 20, maxBatchTokens = 4096 } = options
  const cache = new KvCache(cacheBytes)
  const queue = new Set<Job>()
  let steps = 0
  let isRunning = false

  /** Fibers that are about to ask get their turn before the step: they belong into the same forward pass. */
  const gathered = async () => {
    for (let seen = -1; seen !== queue.size;) {
      seen = queue.size
      await turn()
    }
  }

  const loop = async () => {
    isRunning = true
    await gathered()
    while (queue.size > 0) {
      const unknown = [...queue].filter((job) => !answered(job))
      for (const rows of batches(rowsOf(unknown, cache), maxBatchTokens, driver.isRagged))
        await serve(rows.flatMap(begun))
      await gathered()
    }
    isRunning = false
  }

  /** The row without those who left while they waited for their step; from here on they can only waste it. */
  const begun = (row: Row): ReadonlyArray<Row> => {
    const jobs = row.jobs.filter((job) => queue.delete(job))
    return jobs.length === 0 ? [] : [{ ...row, jobs }]
  }

  const serve = async (rows: ReadonlyArray<Row>) => {
    if (rows.length === 0) return
    try {
      const slab = gather(
        rows.map((row) => row.known),
        config
      )
      const step = stepOf(rows, slab)
      steps++
      const { cache: present, logits } = await driver.run(step)
      const next: Slab = { rows: rows.length, slots: step.past + step.length, cache: present, filled: filledOf(step) }
      rows.forEach((row, i) => settle(row, next, i, logits, step.length))
    } catch (cause) {
      for (const job of rows.flatMap((row) => row.jobs)) job.resume(Effect.fail(fromRun(cause)))
    }
  }

  const settle = (row: Row, slab: Slab, i: number, logits: Float32Array, length: number) => {
    const read = missing(row)
    const at = (i * length + read - 1) * config.vocabulary
    const own = logits.slice(at, at + config.vocabulary)
    const shared = row.jobs.some((job) => job.keep === "keep")
    const entry: Entry = { ids: row.ids, slab, row: i, logits: own, shared }
    if (row.jobs.some((job) => job.keep !== "drop")) cache.add(entry, row.known)
    row.jobs[0]?.onRead(read)
    for (const job of row.jobs) job.resume(Effect.succeed(own))
  }

  /** Whether the row is known whole, logits included; somebody may have asked for the same a step ago. */
  const answered = (job: Job): boolean => {
    const known = cache.find(job.ids)
    if (known?.ids.length !== job.ids.length) return false
    queue.delete(job)
    job.resume(Effect.succeed(known.logits))
    return true
  }

  const logits: Engine["logits"] = (request) =>
    Effect.callback((resume) => {
      const job: Job = { ...request, resume }
      if (answered(job)) return
      queue.add(job)
      if (!isRunning) void loop()
      return Effect.sync(() => {
        if (!queue.delete(job)) job.onWaste?.()
      })
    })

  return { logits, stats: () => ({ steps, waiting: queue.size, rows: cache.rows, bytes: cache.bytes }) }
}

/** Jobs for the same tokens become one row. */
const rowsOf = (jobs: ReadonlyArray<Job>, cache: KvCache): ReadonlyArray<Row> => {
  const rows = new Map<string, Row>()
  for (const job of jobs) {
    const key = job.ids.join()
    const row = rows.get(key)
    if (row === undefined) rows.set(key, { ids: job.ids, known: cache.find(job.ids), jobs: [job] })
    else row.jobs.push(job)
  }
  return [...rows.values()]
}

/** Steps of rows with alike numbers of new tokens: single ones together, longer ones by length, up to the limit of padded tokens. */
const batches = (rows: ReadonlyArray<Row>, limit: number, isRagged: boolean): ReadonlyArray<ReadonlyArray<Row>> => {
  const out: Array<Array<Row>> = []
  const unlike = (a: Row, b: Row) => (isRagged ? 0 : missing(a) - missing(b) || a.ids.length - b.ids.length)
  // In the order of the slab they come from, so that unchanged company needs no copy.
  const order = (a: Row, b: Row) => missing(a) - missing(b) || unlike(a, b) || (a.known?.row ?? 0) - (b.known?.row ?? 0)
  for (const row of rows.toSorted(order)) {
    const batch = out.at(-1)
    const fits =
      batch !== undefined &&
      (missing(batch[0]!) === 1) === (missing(row) === 1) &&
      unlike(batch[0]!, row) === 0 &&
      missing(row) * (batch.length + 1) <= limit
    if (fits) batch.push(row)
    else out.push([row])
  }
  return out
}

const stepOf = (rows: ReadonlyArray<Row>, slab: Slab): Step => {
  const length = Math.max(...rows.map(missing))
  const past = slab.slots
  const total = past + length
  const ids = new BigInt64Array(rows.length * length)
  const positions = new BigInt64Array(rows.length * length)
  const mask = new BigInt64Array(rows.length * total)
  rows.forEach((row, r) => {
    const known = row.known?.ids.length ?? 0
    for (let slot = 0; slot < past; slot++) mask[r * total + slot] = BigInt(slab.filled[r * past + slot]!)
    for (let i = 0; i < row.ids.length - known; i++) {
      ids[r * length + i] = BigInt(row.ids[known + i]!)
      positions[r * length + i] = BigInt(known + i)
      mask[r * total + past + i] = 1n
    }
  })
  return { rows: rows.length, length, past, ids, positions, mask, cache: slab.cache }
}

const filledOf = ({ mask }: Step): Uint8Array => Uint8Array.from(mask, Number)
