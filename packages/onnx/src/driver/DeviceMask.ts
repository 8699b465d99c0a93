/**
 * Masks of a cache with holes.
 */
import type { StepRow } from "../Driver.ts"
import type { DeviceSlab } from "./DeviceSlab.ts"
import * as Mask from "./Mask.ts"
import { runs } from "./Runs.ts"
import type { Tensor } from "./Session.ts"

/** What stands behind the rows. */
export interface Behind {
  /** A row for each group. */
  readonly prefix: DeviceSlab
  /** A row for each seat. */
  readonly own: DeviceSlab
}

/** As `Mask.make`; seats stand group by group, equally many in each. */
export const make = (
  seats: ReadonlyArray<StepRow | undefined>,
  { own, prefix }: Behind,
  fresh: number,
  window: number | undefined
): Tensor => {
  const seatsEach = seats.length / prefix.rows
  return Mask.make(seats, { prefix: prefix.slots, own: own.slots, fresh }, window, (row, seat) => ({
    shared: runs({ slab: prefix, row: Math.floor(seat / seatsEach), count: row.prefixLength }),
    past: runs({ slab: own, row: seat, count: row.ownLength })
  }))
}
