/**
 * What a rewritten graph is fed of a step beside its cache and its masks.
 */
import type { Step, StepRow } from "../Driver.ts"
import type { Tensor } from "./Session.ts"
import * as Tail from "./Tail.ts"

export interface Inputs {
  readonly feeds: Readonly<Record<string, Tensor>>
  /** The row in each seat; undefined: idle. */
  readonly seated: ReadonlyArray<StepRow | undefined>
  /** New tokens of a row, padded at the end to the longest. */
  readonly fresh: number
}

/** `seats`: index of a row of the step, or undefined for an idle seat. */
export const of = (step: Step, seats: ReadonlyArray<number | undefined>, takesPositions: boolean): Inputs => {
  const fresh = Math.max(...step.rows.map(({ ids }) => ids.length))
  const [ids, positions] = [new BigInt64Array(seats.length * fresh), new BigInt64Array(seats.length * fresh)]
  const seatOf: Array<number> = []
  const seated = seats.map((index) => (index === undefined ? undefined : step.rows[index]!))
  seated.forEach((row, seat) => {
    if (row === undefined) return
    seatOf[seats[seat]!] = seat
    row.ids.forEach((id, i) => {
      ids[seat * fresh + i] = BigInt(id)
      positions[seat * fresh + i] = BigInt(row.prefixLength + row.ownLength + i)
    })
  })
  const ints = (data: BigInt64Array): Tensor => ({ type: "int64", data, dims: [seats.length, fresh] })
  const tokens = { ["input_ids"]: ints(ids), ...(takesPositions ? { ["position_ids"]: ints(positions) } : {}) }
  return { feeds: { ...Tail.sampling(step, seatOf), ...tokens }, seated, fresh }
}
