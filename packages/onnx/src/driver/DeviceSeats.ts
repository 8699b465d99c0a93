/**
 * Who sits where in a step: rows stand group by group, a group for each prompt, equally many seats in each.
 */
import type { StepRow } from "../Driver.ts"
import type { DeviceSlab, Part } from "./DeviceSlab.ts"
import type { Group } from "./Groups.ts"

export interface Company {
  readonly groups: ReadonlyArray<Group>
  readonly seats: ReadonlyArray<number | undefined>
  /** Where the rows stand like this already. */
  readonly slab: DeviceSlab | undefined
}

/** Share of seats that may be idle before the rows are moved together: they cost a row of the step each. */
const IDLE = 1 / 8
/** Share of slots, and a number of them, that may be holes before a slab that grows is packed. */
const HOLES = 1 / 4
const FEW = 8

const widest = (groups: ReadonlyArray<Group>): number => Math.max(...groups.map(({ rows }) => rows.length))

const isPacked = (rows: ReadonlyArray<StepRow>, slab: DeviceSlab): boolean => {
  if (rows.every(({ store }) => store !== "own")) return true
  const holes = slab.slots - Math.max(...rows.map(({ ownLength }) => ownLength))
  return holes <= Math.max(FEW, slab.slots * HOLES)
}

/** The seats in which the rows stand already, if they are those of one slab, and it has few idle ones and few holes. */
const seated = (
  rows: ReadonlyArray<StepRow>,
  parts: ReadonlyArray<Part | undefined>,
  groups: ReadonlyArray<Group>
): Company | undefined => {
  const slab = parts[0]?.slab
  if (slab === undefined || parts.some((part) => part?.slab !== slab)) return undefined
  const width = slab.rows / groups.length
  if (!Number.isInteger(width) || slab.rows > groups.length * widest(groups) * (1 + IDLE)) return undefined
  if (!isPacked(rows, slab)) return undefined
  const seats = Array.from({ length: slab.rows }, (): number | undefined => undefined)
  const order: Array<Group | undefined> = groups.map(() => undefined)
  for (const group of groups) {
    const place = Math.floor(parts[group.rows[0]!]!.row / width)
    if (order[place] !== undefined) return undefined
    order[place] = group
    for (const row of group.rows) {
      const seat = parts[row]!.row
      if (seats[seat] !== undefined || Math.floor(seat / width) !== place) return undefined
      seats[seat] = row
    }
  }
  return { groups: order as ReadonlyArray<Group>, seats, slab }
}

/** Seats for the rows: those that they have, or new ones. */
export const together = (
  rows: ReadonlyArray<StepRow>,
  parts: ReadonlyArray<Part | undefined>,
  groups: ReadonlyArray<Group>
): Company => {
  const known = seated(rows, parts, groups)
  if (known !== undefined) return known
  const width = widest(groups)
  const seats = groups.flatMap((group) => Array.from({ length: width }, (_, i) => group.rows[i]))
  return { groups, seats, slab: undefined }
}
