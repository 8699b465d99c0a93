/**
 * From logits to a token. Filters and their order are those of `transformers`: repetition penalty, temperature, top-k,
 * top-p, min-p. All arithmetic is in double precision.
 */
import type { Sampling } from "@mulligan/core/Backend"
import type { Reading, Top } from "./Driver.ts"

export interface SamplerOptions extends Sampling {
  readonly temperature: number
}

/** log Σ exp, without overflow. */
export const logSumExp = (values: ArrayLike<number>): number => {
  let max = -Infinity
  for (let i = 0; i < values.length; i++) max = Math.max(max, values[i]!)
  if (max === -Infinity) return -Infinity
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - max)
  return max + Math.log(sum)
}

/** The likeliest token, the lowest id of equals. */
export const argmax = (values: ArrayLike<number>): number => {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i
  return best
}

/**
 * The logits without these tokens, as `SuppressTokensLogitsProcessor` of `transformers`; the same array where there are
 * none. Ids beyond the vocabulary are nothing that could be drawn.
 */
export const suppress = (logits: Float32Array, ids: ReadonlyArray<number>): Float32Array => {
  if (ids.length === 0) return logits
  const out = logits.slice()
  for (const id of ids) out[id] = -Infinity
  return out
}

/** Divides positive and multiplies negative logits of the tokens seen, in prompt or answer (CTRL, arXiv 1909.05858). */
const penalise = (logits: ArrayLike<number>, seen: Iterable<number>, penalty: number): Float64Array => {
  const out = Float64Array.from(logits)
  if (penalty === 1) return out
  for (const id of new Set(seen)) {
    const value = logits[id]
    if (value !== undefined) out[id] = value > 0 ? value / penalty : value * penalty
  }
  return out
}

/** Ids by falling logit, the lowest id first of equals; -Infinity is already out. */
const ranked = (logits: Float64Array): Array<number> =>
  Array.from(logits.keys())
    .filter((id) => logits[id]! > -Infinity)
    .toSorted((a, b) => logits[b]! - logits[a]! || a - b)

const rankings = new WeakMap<ArrayLike<number> & object, ReadonlyArray<number>>()

/** Once for all drafts of a prompt, which begin with the same logits: to sort a vocabulary takes some milliseconds. */
const rankedOnce = (logits: ArrayLike<number> & object): ReadonlyArray<number> => {
  const known = rankings.get(logits)
  if (known !== undefined) return known
  const all = ranked(Float64Array.from(logits))
  rankings.set(logits, all)
  return all
}

/** How many of the likeliest to keep so that they hold at least `topP`; at least one. */
const nucleus = (probabilities: ReadonlyArray<number>, topP: number): number => {
  let sum = 0
  const last = probabilities.findIndex((p) => (sum += p) >= topP)
  return last === -1 ? probabilities.length : last + 1
}

const normalised = (logits: Float64Array, ids: ReadonlyArray<number>): Array<number> => {
  const kept = ids.map((id) => logits[id]!)
  const total = logSumExp(kept)
  return kept.map((value) => Math.exp(value - total))
}

/**
 * The distribution that is drawn from, by id; 0 for what is filtered out. Temperature 0 puts all on the likeliest.
 * `seen`: ids of prompt and answer so far.
 */
export const distribution = (
  logits: ArrayLike<number>,
  seen: Iterable<number>,
  options: SamplerOptions
): Float64Array => {
  const { minP = 0, repetitionPenalty = 1, temperature, topK = 0, topP = 1 } = options
  const scaled = penalise(logits, seen, repetitionPenalty)
  const out = new Float64Array(logits.length)
  if (temperature === 0) {
    out[argmax(scaled)] = 1
    return out
  }
  // From the likeliest down, so that no temperature, however small, makes an infinity.
  const max = scaled[argmax(scaled)]!
  for (let id = 0; id < scaled.length; id++) scaled[id] = (scaled[id]! - max) / temperature
  if (topK <= 0 && topP >= 1 && minP <= 0) {
    const total = logSumExp(scaled)
    for (let id = 0; id < scaled.length; id++) out[id] = Math.exp(scaled[id]! - total)
    return out
  }
  // Neither temperature changes who is likelier, nor a penalty of 1.
  const all = repetitionPenalty === 1 ? rankedOnce(logits) : ranked(scaled)
  const probabilities = normalised(scaled, all)
  const kept = filtered(probabilities, options)
  for (let rank = 0; rank < kept.length; rank++) out[all[rank]!] = kept[rank]!
  return out
}

/** Of probabilities by falling rank those that the filters leave, which are again 1 together. */
const filtered = (
  probabilities: ReadonlyArray<number>,
  { minP = 0, topK = 0, topP = 1 }: Sampling
): ReadonlyArray<number> => {
  let kept = topK > 0 ? probabilities.slice(0, topK) : probabilities
  // The likeliest alone are not all there is: only what top-k left is a distribution of its own.
  if (topP < 1) kept = kept.slice(0, nucleus(topK > 0 ? scale(kept) : kept, topP))
  // Relative to the likeliest, which always stays.
  if (minP > 0) kept = kept.filter((p) => p / kept[0]! >= minP)
  return scale(kept)
}

const scale = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const sum = values.reduce((a, b) => a + b, 0)
  return values.map((value) => value / sum)
}

/** Inverse of the cumulative distribution in the order of ids. `u` in [0, 1). */
export const pick = (probabilities: Float64Array, u: number): number => {
  let left = u
  let last = 0
  for (let id = 0; id < probabilities.length; id++) {
    const p = probabilities[id]!
    if (p === 0) continue
    if (left < p) return id
    left -= p
    last = id
  }
  return last // rounding left a crumb beyond the last token
}

/**
 * A uniform number in [0, 1) for one position of one answer: a function of seed and position alone, so a draft is the
 * same whatever is cut, paused or running beside it (the finaliser of MurmurHash3 over both).
 */
export const uniform = (seed: number, position: number): number => {
  const mix = (h: number) => {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return (h ^ (h >>> 16)) >>> 0
  }
  const high = mix((Math.imul(seed | 0, 0x9e3779b1) ^ Math.floor(seed / 2 ** 32)) + Math.imul(position, 0x85ebca77))
  const low = mix(high ^ Math.imul(position + 1, 0xc2b2ae3d))
  return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53
}

export interface Choice {
  readonly id: number
  /** At temperature 1, among the tokens that may be drawn. */
  readonly logProb: number
}

/** Draws from the likeliest tokens alone, in the order of their ids, as `pick` does from all. */
const pickTop = ({ ids, logProbs, probabilities }: Top, u: number, options: SamplerOptions): Choice => {
  const kept = filtered(Array.from(probabilities), options)
  const order = kept.map((_, rank) => rank).toSorted((a, b) => ids[a]! - ids[b]!)
  const rank =
    order[
      pick(
        Float64Array.from(order, (at) => kept[at]!),
        u
      )
    ]!
  return { id: ids[rank]!, logProb: logProbs[rank]! }
}

/** Whether a token is drawn from fewer than all. */
export const isFiltered = ({ minP = 0, temperature, topK = 0, topP = 1 }: SamplerOptions): boolean =>
  temperature > 0 && (topK > 0 || topP < 1 || minP > 0)

/**
 * The next token: from whole logits where they are there, else from the likeliest tokens where filters want them, else the
 * one that was drawn in the graph. `u` in [0, 1); `seen`: ids of prompt and answer so far.
 */
export const choose = (
  { logProb, logits, token, top }: Reading,
  u: number,
  seen: () => Iterable<number>,
  suppressed: ReadonlyArray<number>,
  options: SamplerOptions
): Choice => {
  if (logits === undefined && top !== undefined && isFiltered(options)) return pickTop(top, u, options)
  if (logits === undefined) return { id: token!, logProb: logProb! }
  const drawable = suppress(logits, suppressed)
  const id = pick(distribution(drawable, seen(), options), u)
  return { id, logProb: drawable[id]! - logSumExp(drawable) }
}
