/**
 * Keys and values as a plain graph takes and gives them: [rows, kvHeads, slots, headDim], the past and the new joined.
 * A slab is what one step left behind and is never changed, so rows are shared and rewound without a copy.
 */
import { type Run, runs } from "./Runs.ts"

export type CacheData = Float32Array | Uint16Array

export interface Slab {
  readonly rows: number
  readonly slots: number
  /** Keys and values of each layer in turn. */
  readonly cache: ReadonlyArray<CacheData>
  /** [rows, slots]: 1 where a slot holds a token of the row, in order; the others are holes. */
  readonly filled: Uint8Array
}

/** The first `count` tokens of a row of a slab. */
export interface Part {
  readonly slab: Slab
  readonly row: number
  readonly count: number
}

export interface Shape {
  readonly layers: number
  readonly kvHeads: number
  readonly headDim: number
  /** Half precision is carried as bits. */
  readonly isHalf: boolean
}

const filledIn = ({ row, slab }: Part): number => {
  let count = 0
  for (let slot = 0; slot < slab.slots; slot++) count += slab.filled[row * slab.slots + slot]!
  return count
}

/** The same rows in the same order, whole, are the slab itself. */
const sameRows = (parts: ReadonlyArray<Part | undefined>): Slab | undefined => {
  const slab = parts[0]?.slab
  if (slab === undefined || slab.rows !== parts.length) return undefined
  return parts.every((part, i) => part?.slab === slab && part.row === i && part.count === filledIn(part))
    ? slab
    : undefined
}

/** One slab with these rows in this order (undefined: nothing yet), the filled slots together from the left. */
export const gather = (parts: ReadonlyArray<Part | undefined>, shape: Shape): Slab => {
  const same = sameRows(parts)
  if (same !== undefined) return same
  const { headDim, isHalf, kvHeads, layers } = shape
  const rows = parts.length
  const slots = Math.max(0, ...parts.map((part) => part?.count ?? 0))
  const size = rows * kvHeads * slots * headDim
  const cache = Array.from({ length: 2 * layers }, () => (isHalf ? new Uint16Array(size) : new Float32Array(size)))
  const filled = new Uint8Array(rows * slots)
  parts.forEach((part, row) => {
    if (part === undefined) return
    filled.fill(1, row * slots, row * slots + part.count)
    const known = runs(part)
    cache.forEach((target, i) => copy(part, part.slab.cache[i]!, known, target, row, slots, shape))
  })
  return { rows, slots, cache, filled }
}

const copy = (
  part: Part,
  source: CacheData,
  known: ReadonlyArray<Run>,
  target: CacheData,
  row: number,
  slots: number,
  { headDim, kvHeads }: Shape
): void => {
  for (let head = 0; head < kvHeads; head++) {
    const from = (part.row * kvHeads + head) * part.slab.slots
    const to = (row * kvHeads + head) * slots
    for (const { before, length, slot } of known) {
      const part = source.subarray((from + slot) * headDim, (from + slot + length) * headDim)
      target.set(part, (to + before) * headDim)
    }
  }
}
