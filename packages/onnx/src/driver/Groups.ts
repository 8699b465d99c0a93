/**
 * The rows of a step by their prompt, which is held once for each.
 */
import type { Handle, StepRow } from "../Driver.ts"

/** The rows of a prompt. */
export interface Group {
  readonly prefix: Handle
  /** Tokens of the prompt. */
  readonly length: number
  /** Indices among the rows of the step. */
  readonly rows: ReadonlyArray<number>
}

/** In an order that stays the same from step to step. */
export const groupsOf = (rows: ReadonlyArray<StepRow>): ReadonlyArray<Group> => {
  const groups = new Map<Handle, { prefix: Handle; length: number; rows: Array<number> }>()
  rows.forEach(({ prefix, prefixLength: length }, i) => {
    const group = groups.get(prefix)
    if (group === undefined) groups.set(prefix, { prefix, length, rows: [i] })
    else group.rows.push(i)
  })
  return [...groups.values()].toSorted((a, b) => a.prefix - b.prefix)
}
