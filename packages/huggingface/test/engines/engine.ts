/**
 * What all engines have in common: they draw from a model token by token, remember what they read, and count.
 */
import * as Model from "./model.ts"

export interface Sampling {
  readonly temperature: number
  readonly topP?: number | undefined
  readonly topK?: number | undefined
  readonly minP?: number | undefined
  readonly repetitionPenalty?: number | undefined
  /** Undefined: another one each time. */
  readonly seed?: number | undefined
  readonly bias?: ReadonlyMap<number, number> | undefined
  /** A grammar's: nothing else can be drawn. */
  readonly allowed?: ReadonlyArray<number> | undefined
  readonly maxTokens: number
}

export interface Step {
  readonly id: number
  /** The model's own log-probabilities. */
  readonly raw: Float64Array
  /** After penalties, bias, grammar and temperature. */
  readonly tempered: Float64Array
  /** After top-k, top-p and min-p as well. */
  readonly cut: Float64Array
  readonly end?: "stop" | "length" | undefined
}

/** Mulberry32: the same numbers for the same seed. */
const random = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const tempered = (logits: Float64Array, seen: ReadonlyArray<number>, sampling: Sampling): Float64Array => {
  const { allowed, bias, repetitionPenalty = 1, temperature } = sampling
  const out = logits.slice()
  for (const id of new Set(seen)) out[id] = out[id]! > 0 ? out[id]! / repetitionPenalty : out[id]! * repetitionPenalty
  bias?.forEach((add, id) => (out[id] = (out[id] ?? 0) + add))
  if (allowed !== undefined) out.forEach((_, id) => (out[id] = allowed.includes(id) ? out[id]! : -Infinity))
  return Model.logSoftmax(temperature === 0 ? out : out.map((x) => x / temperature))
}

const cut = (logProbs: Float64Array, { minP = 0, topK = 0, topP = 1 }: Sampling): Float64Array => {
  const order = [...logProbs.keys()].toSorted((a, b) => logProbs[b]! - logProbs[a]!)
  const kept = new Set<number>()
  let sum = 0
  for (const id of order.slice(0, topK > 0 ? topK : Infinity)) {
    if (sum >= topP || logProbs[id]! < logProbs[order[0]!]! + Math.log(minP)) break
    kept.add(id)
    sum += Math.exp(logProbs[id]!)
  }
  return Model.logSoftmax(logProbs.map((x, id) => (kept.has(id) ? x : -Infinity)))
}

const pick = (logProbs: Float64Array, at: number): number => {
  let sum = 0
  for (const [id, logProb] of logProbs.entries()) {
    sum += Math.exp(logProb)
    if (at < sum) return id
  }
  return Model.best(logProbs)
}

export interface EngineOptions extends Model.Options {
  /** Milliseconds that a token takes. Default 1. */
  readonly delay?: number | undefined
  /** Tokens of prompt and answer together. Default 256. */
  readonly context?: number | undefined
}

export class Engine {
  readonly options: EngineOptions
  readonly context: number
  /** Tokens drawn, those included that nobody waited for. */
  drawn = 0
  /** Drafts under way. */
  open = 0
  #unseeded = 0
  readonly #read: Array<ReadonlyArray<number>> = []

  constructor(options: EngineOptions) {
    this.options = options
    this.context = options.context ?? 256
  }

  /** How many of the first ids a cache of such blocks knows; one token is always computed. */
  cached(ids: ReadonlyArray<number>, block: number): number {
    const common = (known: ReadonlyArray<number>) => {
      const at = ids.findIndex((id, i) => known[i] !== id)
      return Math.min(at < 0 ? ids.length : at, ids.length - 1)
    }
    return Math.floor(Math.max(0, ...this.#read.map(common)) / block) * block
  }

  /** Draws until the end, the limit, or until nobody is there any more. */
  async *draw(prompt: ReadonlyArray<number>, sampling: Sampling, isGone: () => boolean): AsyncGenerator<Step> {
    const ids = [...prompt]
    const next = random(sampling.seed ?? 0xabcdef + this.#unseeded++)
    const most = Math.min(sampling.maxTokens, this.context - prompt.length)
    this.open++
    try {
      for (let count = 1; count <= most; count++) {
        await new Promise((resolve) => setTimeout(resolve, this.options.delay ?? 1))
        if (isGone()) return
        const step = this.#step(ids, sampling, next)
        ids.push(step.id)
        this.drawn++
        const end = step.id === Model.END ? "stop" : count === most ? "length" : undefined
        yield { ...step, end }
        if (end !== undefined) return
      }
    } finally {
      this.open--
      this.#read.push(ids)
      if (this.#read.length > 500) this.#read.shift()
    }
  }

  #step(ids: ReadonlyArray<number>, sampling: Sampling, next: () => number): Step {
    const logits = Model.logits(ids, this.options)
    const warm = tempered(logits, ids, sampling)
    const kept = cut(warm, sampling)
    const id = sampling.temperature === 0 ? Model.best(warm) : pick(kept, next())
    return { id, raw: Model.logSoftmax(logits), tempered: warm, cut: kept }
  }
}

/** The likeliest ids, best first. */
export const top = (logProbs: Float64Array, count: number): ReadonlyArray<number> =>
  [...logProbs.keys()]
    .filter((id) => logProbs[id]! > -Infinity)
    .toSorted((a, b) => logProbs[b]! - logProbs[a]!)
    .slice(0, count)
