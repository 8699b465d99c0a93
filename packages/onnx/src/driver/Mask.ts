/**
 * Which tokens a row's new tokens see, as terms of the scores.
 */
import type { StepRow } from "../Driver.ts"
import type { Run } from "./Runs.ts"
import type { Tensor } from "./Session.ts"

/** Finite, so that a row that sees nothing (an idle seat) makes no NaN. */
const UNSEEN = -1e30

/** Slots of each part: [prefix | own past | new]. */
export interface Sizes {
  readonly prefix: number
  readonly own: number
  readonly fresh: number
}

/** Where the tokens behind a row stand, in the prefix and in its own past. */
export interface Behind {
  readonly shared: ReadonlyArray<Run>
  readonly past: ReadonlyArray<Run>
}

const fromTheLeft = (length: number): ReadonlyArray<Run> => [{ slot: 0, before: 0, length }]

/** A cache without holes. */
const packed = ({ ownLength, prefixLength }: StepRow): Behind => ({
  shared: fromTheLeft(prefixLength),
  past: fromTheLeft(ownLength)
})

/**
 * [1, rows, 1, new, all]. A token sees the prefix's and its row's own tokens before it and itself; with a window, only the
 * last `window` of them. An undefined row is an idle seat.
 */
export const make = (
  rows: ReadonlyArray<StepRow | undefined>,
  { fresh, own, prefix }: Sizes,
  window: number | undefined,
  behind: (row: StepRow, seat: number) => Behind = packed
): Tensor => {
  const width = prefix + own + fresh
  const data = new Float32Array(rows.length * fresh * width).fill(UNSEEN)
  rows.forEach((row, seat) => {
    if (row === undefined) return
    const { past, shared } = behind(row, seat)
    const known = row.prefixLength + row.ownLength
    for (let token = 0; token < row.ids.length; token++) {
      const start = (seat * fresh + token) * width
      const first = window === undefined ? 0 : Math.max(0, known + token - window + 1)
      const see = (at: number, tokens: number, { before, length, slot }: Run) => {
        const hidden = Math.min(length, Math.max(0, first - tokens - before))
        data.fill(0, start + at + slot + hidden, start + at + slot + length)
      }
      for (const run of shared) see(0, 0, run)
      for (const run of past) see(prefix, row.prefixLength, run)
      for (const run of fromTheLeft(token + 1)) see(prefix + own, known, run)
    }
  })
  return { type: "float32", data, dims: [1, rows.length, 1, fresh, width] }
}
