/**
 * Where in a cache with holes the tokens of a row stand.
 */

/** Slots that hold tokens one behind the other. */
export interface Run {
  readonly slot: number
  /** Tokens of the row before it. */
  readonly before: number
  readonly length: number
}

/** The first `count` tokens of a row of a slab. `filled`, [rows, slots]: 1 where a slot holds a token of the row, in order. */
export interface Filled {
  readonly slab: { readonly slots: number; readonly filled: Uint8Array }
  readonly row: number
  readonly count: number
}

export const runs = ({ count, row, slab: { filled, slots } }: Filled): ReadonlyArray<Run> => {
  const out: Array<{ slot: number; before: number; length: number }> = []
  for (let slot = 0, before = 0; slot < slots && before < count; slot++) {
    if (filled[row * slots + slot] === 0) continue
    const last = out.at(-1)
    if (last !== undefined && last.slot + last.length === slot) last.length++
    else out.push({ slot, before, length: 1 })
    before++
  }
  return out
}
