/**
 * Keys and values of the rows' own tokens, for graphs that take them as [kvHeads, rows, 1, own, headDim]: tables, each with
 * the rows that were last run together, in seats. Rows that pause or end leave idle seats, which are run along until it
 * pays to move the others together.
 */
import type { Handle } from "../Driver.ts"
import { free, type Tensor } from "./Session.ts"

export interface Shape {
  /** Keys and values of all layers. */
  readonly tensors: number
  readonly kvHeads: number
  readonly headDim: number
}

interface Row {
  table: Table
  seat: number
  /** Tokens that are kept. */
  length: number
}

/** New tokens of a row: the first `count` of a step, which follow `at` others. */
export interface Fresh {
  readonly handle: Handle
  readonly at: number
  readonly count: number
}

export interface Table {
  readonly seats: Array<Handle | undefined>
  /** Rows stand group by group, `width` seats each. */
  readonly width: number
  readonly capacity: number
  readonly tensors: Array<Tensor>
}

/** Share of seats that may be idle before the rows are moved together: they cost a row of the step each. */
const IDLE = 1 / 8
/** Room is made for so many tokens at once: few where it is known how long the rows will be. */
const [KNOWN, UNKNOWN] = [8, 32]
/** At most so many ahead, or half as many as there are. */
const AHEAD = 128

const alive = ({ seats }: Table): ReadonlyArray<Handle> => seats.filter((seat) => seat !== undefined)

export class Rows {
  readonly #shape: Shape
  readonly #isIdle: () => boolean
  readonly #rows = new Map<Handle, Row>()

  /** Memory that is left is given back at once while `isIdle`, when no run reads it. */
  constructor(shape: Shape, isIdle: () => boolean) {
    this.#shape = shape
    this.#isIdle = isIdle
  }

  get size(): number {
    return this.#rows.size
  }
  has(handle: Handle): boolean {
    return this.#rows.has(handle)
  }

  /** A table in which the rows stand, group by group, with room for so many tokens each. */
  seat(groups: ReadonlyArray<ReadonlyArray<Handle>>, needed: number, expected: number): Table {
    const known = groups.flat().flatMap((handle) => this.#rows.get(handle) ?? [])
    const [table] = known.map((row) => row.table)
    if (table !== undefined && table.capacity >= needed && fits(table, groups)) return table
    // A row that is only looked at may have more tokens than are looked at.
    const least = Math.max(needed, ...known.map((row) => row.length))
    const width = Math.max(...groups.map((group) => group.length))
    const seats = groups.flatMap((group) => Array.from({ length: width }, (_, i) => group[i]))
    const ahead = Math.min(expected, least + Math.max(AHEAD, least / 2))
    const step = expected <= least ? UNKNOWN : KNOWN
    return this.#build(seats, width, Math.ceil(Math.max(least, ahead) / step) * step)
  }

  #build(seats: Array<Handle | undefined>, width: number, capacity: number): Table {
    const { headDim, kvHeads, tensors } = this.#shape
    const table: Table = { seats, width, capacity, tensors: [] }
    const olds = new Set(seats.flatMap((handle) => this.#rows.get(handle ?? -1)?.table ?? []))
    for (const old of olds) for (const handle of alive(old)) if (!seats.includes(handle)) this.#park(handle)
    for (let i = 0; i < tensors; i++) {
      const data = new Float32Array(kvHeads * seats.length * capacity * headDim)
      seats.forEach((handle, seat) => this.#copy(this.#rows.get(handle ?? -1), i, data, seat, table))
      table.tensors.push({ type: "float32", data, dims: [kvHeads, seats.length, 1, capacity, headDim] })
      for (const old of olds) this.#free(old, i) // so that both are never held whole
    }
    seats.forEach((handle, seat) => this.#sit(handle, table, seat))
    return table
  }

  #free({ tensors }: Table, i: number): void {
    if (this.#isIdle() && tensors[i] !== undefined) free(tensors[i])
    delete tensors[i]
  }

  /** A row that the others leave behind moves to a table of its own size. */
  #park(handle: Handle): void {
    const row = this.#rows.get(handle)!
    const table = this.#copied(row, row.length)
    row.table.seats[row.seat] = undefined
    table.seats[0] = handle
    Object.assign(row, { table, seat: 0 })
  }

  #copied(row: Row, length: number): Table {
    const { headDim, kvHeads, tensors } = this.#shape
    const table: Table = { seats: [undefined], width: 1, capacity: Math.max(1, length), tensors: [] }
    for (let i = 0; i < tensors; i++) {
      const data = new Float32Array(kvHeads * table.capacity * headDim)
      this.#copy({ ...row, length }, i, data, 0, table)
      table.tensors.push({ type: "float32", data, dims: [kvHeads, 1, 1, table.capacity, headDim] })
    }
    return table
  }

  #copy(row: Row | undefined, tensor: number, data: Float32Array, seat: number, table: Table): void {
    if (row === undefined) return
    const { headDim, kvHeads } = this.#shape
    const source = row.table.tensors[tensor]!.data as Float32Array
    for (let head = 0; head < kvHeads; head++) {
      const from = (head * row.table.seats.length + row.seat) * row.table.capacity * headDim
      const to = (head * table.seats.length + seat) * table.capacity * headDim
      data.set(source.subarray(from, from + row.length * headDim), to)
    }
  }

  #sit(handle: Handle | undefined, table: Table, seat: number): void {
    if (handle === undefined) return
    const row = this.#rows.get(handle)
    if (row === undefined) return void this.#rows.set(handle, { table, seat, length: 0 })
    row.table.seats[row.seat] = undefined
    Object.assign(row, { table, seat })
  }

  /**
   * Keeps what is new of the rows that were seated together: [tensors * kvHeads, seats, `step`, headDim]. Line by line, as it
   * lies in memory: row by row it takes three times as long.
   */
  store(all: ReadonlyArray<Fresh>, fresh: Float32Array, step: number): void {
    const [first] = all
    if (first === undefined) return
    const { headDim, kvHeads, tensors } = this.#shape
    const rows = all.map(({ handle }) => this.#rows.get(handle)!)
    const { table } = rows[0]!
    const seats = table.seats.length
    for (let tensor = 0; tensor < tensors; tensor++) {
      const data = table.tensors[tensor]!.data as Float32Array
      for (let head = 0; head < kvHeads; head++) {
        const line = (tensor * kvHeads + head) * seats
        for (let i = 0; i < all.length; i++) {
          const { at, count } = all[i]!
          const { seat } = rows[i]!
          const from = (line + seat) * step * headDim
          const to = ((head * seats + seat) * table.capacity + at) * headDim
          data.set(fresh.subarray(from, from + count * headDim), to)
        }
      }
    }
    all.forEach(({ at, count }, i) => (rows[i]!.length = at + count))
  }

  /** The row with fewer tokens. */
  rewind(handle: Handle, length: number): void {
    const row = this.#rows.get(handle)
    if (row !== undefined) row.length = Math.min(row.length, length)
  }

  fork(from: Handle, to: Handle, length: number): void {
    const row = this.#rows.get(from)
    if (row === undefined) return
    const table = this.#copied(row, length)
    table.seats[0] = to
    this.#rows.set(to, { table, seat: 0, length })
  }

  drop(handle: Handle): void {
    const row = this.#rows.get(handle)
    if (row === undefined) return
    row.table.seats[row.seat] = undefined
    if (alive(row.table).length === 0) row.table.tensors.forEach((_, i) => this.#free(row.table, i))
    this.#rows.delete(handle)
  }
}

/** Whether the table has these rows, group by group, and few seats beside them. */
const fits = ({ seats, width }: Table, groups: ReadonlyArray<ReadonlyArray<Handle>>): boolean => {
  if (seats.length !== width * groups.length) return false
  const padded = groups.length * Math.max(...groups.map((group) => group.length))
  if (seats.length > padded * (1 + IDLE)) return false
  return groups.every((group, i) => {
    const own = new Set(seats.slice(i * width, (i + 1) * width))
    return group.every((handle) => own.has(handle))
  })
}
