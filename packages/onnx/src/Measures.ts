/**
 * What is told of the distribution that a token came from, at temperature 1 and over the tokens that may be drawn.
 */
import type { Measures } from "@mulligan/core/Backend"
import type { Token } from "@mulligan/core/Token"
import type { Reading } from "./Driver.ts"
import { logSumExp, suppress } from "./Sampler.ts"

type Told = Pick<Token, "confidence" | "certainty">

export interface Vocabulary {
  readonly vocabulary: number
  /** Never drawn. */
  readonly suppressed: ReadonlyArray<number>
}

/** Sums of log-probabilities: of the likeliest, and of all. */
interface Sums {
  readonly likeliest: (count: number) => number
  readonly all: number
}

const sum = (values: ArrayLike<number>, from: number, to: number): number => {
  let total = 0
  for (let i = from; i < to; i++) total += values[i]!
  return total
}

/** `count`: tokens that may be drawn. Those that may not are -Infinity, so they stand first. */
const ofLogits = (logits: Float32Array, count: number): Sums => {
  const total = logSumExp(logits)
  const rising = logits.toSorted()
  const of = (most: number) => sum(rising, rising.length - most, rising.length) - most * total
  return { likeliest: of, all: of(count) }
}

const sumsOf = ({ logits, top }: Reading, suppressed: ReadonlyArray<number>, count: number): Sums | undefined => {
  if (logits !== undefined) return ofLogits(suppress(logits, suppressed), count)
  return top && { likeliest: (most) => sum(top.logProbs, 0, most), all: top.mean * count }
}

/** What was asked for; nothing where it was not, or not read. Rounding below 0 is 0. */
export const measure = (reading: Reading, of: Vocabulary, { certainty, confidence }: Measures): Told => {
  if (confidence === undefined && certainty !== true) return {}
  const suppressed = [...new Set(of.suppressed)].filter((id) => id < of.vocabulary)
  const count = of.vocabulary - suppressed.length
  const sums = sumsOf(reading, suppressed, count)
  if (sums === undefined) return {}
  const most = Math.min(confidence ?? 1, count)
  return {
    ...(confidence === undefined ? {} : { confidence: Math.max(0, -sums.likeliest(most) / most) }),
    ...(certainty === true ? { certainty: Math.max(0, -sums.all / count - Math.log(count)) } : {})
  }
}
