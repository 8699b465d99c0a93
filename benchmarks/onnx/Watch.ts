// What a process can say of itself while it draws: when tokens came, how long its event loop stood still, its peak of memory.
import { readFileSync } from "node:fs"
import type { Job, Measured, Memory, Stage } from "./Turn.ts"

export const job = (): Job => JSON.parse(process.argv.at(-1) ?? "") as Job

/** Null where the system does not say. */
const memory = (): Memory | null => {
  try {
    const status = readFileSync("/proc/self/status", "utf8")
    const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1])
    const [now, peak] = [bytes("VmRSS"), bytes("VmHWM")]
    return Number.isNaN(now + peak) ? null : { now, peak }
  } catch {
    return null
  }
}

/** The most memory that this process ever held, in bytes; null where the system does not say. */
export const peak = (): number | null => memory()?.peak ?? null

export const overBase = (base: number | null): number | null => {
  const now = peak()
  return base === null || now === null ? null : now - base
}

/** Memory over the base at each stage that was passed. */
export class Stages {
  readonly #base: number | null
  readonly seen: Partial<Record<Stage, Memory>> = {}
  constructor(base: number | null) {
    this.#base = base
  }
  pass(stage: Stage): void {
    const found = memory()
    if (this.#base === null || found === null) return
    this.seen[stage] = { now: found.now - this.#base, peak: found.peak - this.#base }
  }
}

export type Times = Pick<Measured, "prefillMs" | "stepMs" | "totalMs" | "longestGapMs">

/**
 * Begins when made. `token` is called for every token of every draft, in any order; what is measured of the event loop is
 * the longest time between two ticks of a timer that asks to be called every millisecond, from the first tokens on.
 */
export class Watch {
  readonly #start = performance.now()
  readonly #tokens: number
  readonly #n: number
  #count = 0
  #first = 0
  #last = 0
  #tick = 0
  #gap = 0
  #timer: NodeJS.Timeout | undefined
  constructor({ n, tokens }: Pick<Job, "n" | "tokens">) {
    this.#n = n
    this.#tokens = tokens
  }
  token(count = 1): void {
    this.#count += count
    this.#last = performance.now()
    // Drafts go in step, so as many tokens as drafts are the first of each.
    if (this.#timer === undefined && this.#count >= this.#n) {
      this.#first = this.#last
      this.#tick = this.#last
      this.#timer = setInterval(() => this.#ticked(), 1)
    }
  }
  #ticked(): void {
    const now = performance.now()
    this.#gap = Math.max(this.#gap, now - this.#tick)
    this.#tick = now
  }
  times(): Times {
    this.#ticked()
    clearInterval(this.#timer)
    return {
      prefillMs: this.#first - this.#start,
      stepMs: (this.#last - this.#first) / (this.#tokens - 1),
      totalMs: this.#last - this.#start,
      longestGapMs: this.#gap
    }
  }
}

/** Drafts that differ from all others. */
export const distinct = (drafts: ReadonlyArray<ReadonlyArray<unknown>>): number =>
  new Set(drafts.map((draft) => draft.join())).size
