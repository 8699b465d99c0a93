import * as fc from "fast-check"
import type { Draft } from "../../../pocket/Recording.ts"

/** A finished draft of so many tokens with an end score; distinct by `name`, its first token. */
export const draft = (
  right: number,
  score: number,
  options: { readonly length?: number; readonly name?: number; readonly at?: Readonly<Record<number, number>> } = {}
): Draft => {
  const { at = {}, length = 4, name = 0 } = options
  return {
    ids: [100 + name, ...Array.from({ length: length - 1 }, (_, i) => 10 + i), 3],
    length,
    right,
    meanLogProb: -score,
    scores: { full: { ...at, [length]: score } }
  }
}

/** Scores on a coarse grid, so that ties come up. */
const anyScore = fc.oneof(
  fc.integer({ min: 0, max: 10 }).map((n) => n / 10),
  fc.double({ min: 0, max: 1, noNaN: true })
)

export const anyDrafts = fc.array(
  fc
    .tuple(fc.constantFrom(0, 1), anyScore, fc.integer({ min: 0, max: 5 }))
    .map(([right, score, name]) => draft(right, score, { name })),
  { minLength: 2, maxLength: 16 }
)
