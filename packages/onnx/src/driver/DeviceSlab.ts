/**
 * Keys and values where a step left them, on the device: never changed, so that rows are shared, forked and rewound by
 * moving numbers.
 */
import type { Value } from "../capi/Value.ts"
import type { Handle } from "../Driver.ts"

/** The first `count` tokens of a row of a slab. */
export interface Part {
  readonly slab: DeviceSlab
  readonly row: number
  readonly count: number
}

export class DeviceSlab {
  readonly rows: number
  readonly slots: number
  /** Keys and values of each layer in turn, [kvHeads, rows, 1, slots, headDim]. */
  readonly values: ReadonlyArray<Value>
  /** [rows, slots]: 1 where a slot holds a token of the row, in order; the others are holes, and hold finite numbers. */
  readonly filled: Uint8Array
  /** Prefixes and rows that are kept in it. */
  readonly users = new Set<Handle>()
  #pins = 1

  /** In use until `unpin`. */
  constructor(values: ReadonlyArray<Value>, filled: Uint8Array) {
    const [, rows = 0, , slots = 0] = values[0]?.dims ?? []
    this.rows = rows
    this.slots = slots
    this.values = values
    this.filled = filled
  }

  pin(): this {
    this.#pins++
    return this
  }
  unpin(): void {
    this.#pins--
    this.#freed()
  }
  leave(user: Handle): void {
    this.users.delete(user)
    this.#freed()
  }
  #freed(): void {
    if (this.#pins === 0 && this.users.size === 0) for (const value of this.values) value.close()
  }
}
