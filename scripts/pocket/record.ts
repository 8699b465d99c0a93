/**
 * Recordings on disk. A job that is there already is not run again, also when the run before was broken off.
 */
import { fork } from "node:child_process"
import { createHash } from "node:crypto"
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync
} from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Draft, Job } from "./Recording.ts"
import type { Delivery, Order } from "./recordWorker.ts"

/** Changes whenever what is recorded changes, so that no old recording is taken for a new one. */
const VERSION = 1
const PROCESSES = 2
const JOBS_AT_ONCE = 8

const cache = fileURLToPath(new URL("../../tmp/pocket-recordings", import.meta.url))

const sha256 = (parts: ReadonlyArray<string | Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex").slice(0, 16)
}

const isOfModel = (name: string) =>
  /\.onnx|^(config|tokenizer|tokenizer_config|generation_config|special_tokens_map)\.json$/.test(name)

const fileOf = (folder: string): string => {
  const names = readdirSync(folder).filter(isOfModel).toSorted()
  return join(cache, `${sha256([String(VERSION), ...names.map((name) => readFileSync(join(folder, name)))])}.jsonl`)
}

const keyOf = (job: Job): string => sha256([JSON.stringify(job)])

export class Recording {
  readonly #folder: string
  readonly #file: string
  readonly #known = new Map<string, ReadonlyArray<Draft>>()

  constructor(folder: string, isFresh = false) {
    this.#folder = folder
    this.#file = fileOf(folder)
    mkdirSync(cache, { recursive: true })
    if (isFresh) rmSync(this.#file, { force: true })
    if (!existsSync(this.#file)) return
    const lines = readFileSync(this.#file, "utf8").split("\n")
    // The last line of a run that was broken off may be half a line.
    const half = lines.pop() ?? ""
    if (half !== "") truncateSync(this.#file, statSync(this.#file).size - Buffer.byteLength(half))
    for (const line of lines) this.#remember(line)
  }

  #remember(line: string): void {
    const { drafts, key } = JSON.parse(line) as { readonly key: string; readonly drafts: ReadonlyArray<Draft> }
    this.#known.set(key, drafts)
  }

  drafts(job: Job): ReadonlyArray<Draft> {
    const drafts = this.#known.get(keyOf(job))
    if (drafts === undefined) throw new Error(`Not recorded: ${JSON.stringify(job).slice(0, 200)}`)
    return drafts
  }

  /** Runs what is not there yet; `onProgress` hears how many jobs are done, and of how many. */
  async add(jobs: ReadonlyArray<Job>, onProgress: (done: number, all: number) => void): Promise<void> {
    const missing = [...new Map(jobs.map((job) => [keyOf(job), job])).values()].filter(
      (job) => !this.#known.has(keyOf(job))
    )
    let done = 0
    const keep = (job: Job, drafts: ReadonlyArray<Draft>) => {
      const line = JSON.stringify({ key: keyOf(job), drafts })
      appendFileSync(this.#file, `${line}\n`)
      this.#remember(line)
      onProgress(++done, missing.length)
    }
    const orders = chunks(missing, JOBS_AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(PROCESSES, orders.length) }, () => this.#work(orders, keep)))
  }

  async #work(orders: Array<ReadonlyArray<Job>>, keep: (job: Job, drafts: ReadonlyArray<Draft>) => void) {
    const ask = worker()
    try {
      for (let jobs = orders.shift(); jobs !== undefined; jobs = orders.shift()) {
        const delivered = await ask({ folder: this.#folder, jobs })
        jobs.forEach((job, i) => keep(job, delivered[i] ?? []))
      }
    } finally {
      ask.end()
    }
  }
}

const chunks = (jobs: ReadonlyArray<Job>, size: number) =>
  Array.from({ length: Math.ceil(jobs.length / size) }, (_, i) => jobs.slice(i * size, (i + 1) * size))

const worker = () => {
  const child = fork(fileURLToPath(new URL("recordWorker.ts", import.meta.url)), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    serialization: "advanced"
  })
  const ask = (order: Order) =>
    new Promise<ReadonlyArray<ReadonlyArray<Draft>>>((resolve, reject) => {
      const died = (code: number | null) => reject(new Error(`A recording process ended with ${code}.`))
      child.once("exit", died)
      child.once("message", (delivery: Delivery) => {
        child.off("exit", died)
        if ("failure" in delivery) reject(new Error(delivery.failure))
        else resolve(delivery.drafts)
      })
      child.send(order)
    })
  return Object.assign(ask, { end: () => child.disconnect() })
}
