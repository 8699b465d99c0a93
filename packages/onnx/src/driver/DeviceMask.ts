/**
 * Which tokens a row's new tokens see, where the slots behind it have holes.
 */
import type { StepRow } from "../Driver.ts"
import { type DeviceSlab, type Run, runs } from "./DeviceSlab.ts"
import type { Tensor } from "./Session.ts"

/** Finite, so that a row that sees nothing (an idle seat) makes no NaN. */
const UNSEEN = -1e30

/** What stands behind the rows. */
export interface Behind {
  /** A row for each group. */
  readonly prefix: DeviceSlab
  /** A row for each seat. */
  readonly own: DeviceSlab
}

/**
 * [1, seats, 1, new, all], all: [prefix | own past | new]. A token sees its prefix, its row's own tokens before it and itself;
 * with a window, only the last `window` of them. An undefined row is an idle seat.
 */
export const make = (
  seats: ReadonlyArray<StepRow | undefined>,
  { own, prefix }: Behind,
  fresh: number,
  window: number | undefined
): Tensor => {
  const width = prefix.slots + own.slots + fresh
  const data = new Float32Array(seats.length * fresh * width).fill(UNSEEN)
  const seatsEach = seats.length / prefix.rows
  seats.forEach((row, seat) => {
    if (row === undefined) return
    const { ids, ownLength, prefixLength } = row
    const shared = runs({ slab: prefix, row: Math.floor(seat / seatsEach), count: prefixLength })
    const past = runs({ slab: own, row: seat, count: ownLength })
    for (let token = 0; token < ids.length; token++) {
      const start = (seat * fresh + token) * width
      const position = prefixLength + ownLength + token
      const first = window === undefined ? 0 : Math.max(0, position - window + 1)
      const see = (at: number, tokens: number, { before, length, slot }: Run) => {
        const hidden = Math.min(length, Math.max(0, first - tokens - before))
        data.fill(0, start + at + slot + hidden, start + at + slot + length)
      }
      for (const run of shared) see(0, 0, run)
      for (const run of past) see(prefix.slots, prefixLength, run)
      see(prefix.slots + own.slots, prefixLength + ownLength, { slot: 0, before: 0, length: token + 1 })
    }
  })
  return { type: "float32", data, dims: [1, seats.length, 1, fresh, width] }
}
