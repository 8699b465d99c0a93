// What a process can say of itself while it draws: when tokens came, how long its event loop stood still, its peak of memory.
import { readFileSync } from "node:fs"
import type { Job, Measured } from "./Turn.ts"

export const job = (): Job => JSON.parse(process.argv.at(-1) ?? "") as Job

/** The most memory that this process ever held, in bytes; null where the system does not say. */
export const peak = (): number | null => {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
    return kilobytes === undefined ? null : Number(kilobytes) * 1024
  } catch {
    return null
  }
}

export const overBase = (base: number | null): number | null => {
  const now = peak()
  return base === null || now === null ? null : now - base
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
