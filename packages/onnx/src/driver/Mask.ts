/**
 * Which tokens a row's new tokens see, as terms of the scores.
 */
import type { StepRow } from "../Driver.ts"
import type { Tensor } from "./Session.ts"

/** Finite, so that a row that sees nothing (an idle seat) makes no NaN. */
const UNSEEN = -1e30

/** Slots of each part: [prefix | own past | new]. */
export interface Sizes {
  readonly prefix: number
  readonly own: number
  readonly fresh: number
}

/**
 * [1, rows, 1, new, all]. A token sees the prefix's and its row's own tokens before it and itself; with a window, only the
 * last `window` of them. An undefined row is an idle seat.
 */
export const make = (
  rows: ReadonlyArray<StepRow | undefined>,
  { fresh, own, prefix }: Sizes,
  window: number | undefined
): Tensor => {
  const width = prefix + own + fresh
  const data = new Float32Array(rows.length * fresh * width).fill(UNSEEN)
  rows.forEach((row, r) => {
    if (row === undefined) return
    for (let token = 0; token < row.ids.length; token++) {
      const start = (r * fresh + token) * width
      const position = row.prefixLength + row.ownLength + token
      const first = window === undefined ? 0 : Math.max(0, position - window + 1)
      const see = (at: number, before: number, count: number) =>
        data.fill(0, start + at + Math.min(count, Math.max(0, first - before)), start + at + count)
      see(0, 0, row.prefixLength)
      see(prefix, row.prefixLength, row.ownLength)
      see(prefix + own, row.prefixLength + row.ownLength, token + 1)
    }
  })
  return { type: "float32", data, dims: [1, rows.length, 1, fresh, width] }
}
