/**
 * Keys and values of prompts and rows on the device, and what of them a step reads. Nothing of it ever comes to the host:
 * where rows come together anew, a gather makes the slab that they share.
 */
import type { Session } from "../capi/Session.ts"
import { make } from "../capi/ElementType.ts"
import { Value } from "../capi/Value.ts"
import type { Driver, Handle, StepRow } from "../Driver.ts"
import { type Element, Gather } from "./DeviceGather.ts"
import { type Company, together } from "./DeviceSeats.ts"
import { DeviceSlab, type Part } from "./DeviceSlab.ts"
import { type Group, groupsOf } from "./Groups.ts"
import type { Shape } from "./Rows.ts"
import { runs } from "./Runs.ts"

/** Both are in use until they are unpinned. */
export interface Placed {
  readonly prefix: DeviceSlab
  readonly own: DeviceSlab
  /** Row of the step in each seat, group by group. */
  readonly seats: ReadonlyArray<number | undefined>
}

interface Joined {
  readonly key: string
  readonly handles: ReadonlyArray<Handle>
  readonly slab: DeviceSlab
}

export class DeviceCache {
  readonly #session: Session
  readonly #shape: Shape
  readonly #type: Element
  readonly #gather: Gather
  readonly #single: Gather
  readonly #zero: Value
  readonly #parts = new Map<Handle, Part>()
  /** Prompts side by side, as they were last run together. */
  #joined: Joined | undefined
  /** Slabs that somebody left. */
  readonly #left = new Set<DeviceSlab>()

  constructor(session: Session, shape: Shape, type: Element, threads: number) {
    const { provider, runtime: library } = session
    const { headDim, kvHeads } = shape
    this.#session = session
    this.#shape = shape
    this.#type = type
    this.#gather = new Gather(library, provider, threads, shape.tensors, type)
    this.#single = new Gather(library, provider, 1, 1, type)
    this.#zero = Value.over(library, type, make(type, kvHeads * headDim) as never, [kvHeads, 1, 1, 1, headDim])
  }

  /** Prompts and rows that are kept. */
  get size(): number {
    return this.#parts.size
  }
  /** Milliseconds in ONNX Runtime, in all. */
  get time(): number {
    return this.#gather.time + this.#single.time
  }

  open: Driver["open"] = (prefix, _, like) => {
    const known = like === undefined ? undefined : this.#parts.get(like.prefix)
    if (known !== undefined && like !== undefined) this.#set(prefix, { ...known, count: like.length })
  }
  fork: Driver["fork"] = (from, to, length) => {
    const known = this.#parts.get(from)
    if (known !== undefined) this.#set(to, { ...known, count: length })
  }
  drop: Driver["drop"] = (handles) => {
    for (const handle of handles) {
      const part = this.#parts.get(handle)
      if (part === undefined) continue
      this.#parts.delete(handle)
      this.#leave(handle, part.slab)
      if (this.#joined?.handles.includes(handle) === true) this.#unjoin()
    }
  }

  #set(handle: Handle, part: Part): void {
    const old = this.#parts.get(handle)?.slab
    part.slab.users.add(handle)
    this.#parts.set(handle, part)
    if (old !== undefined && old !== part.slab) this.#leave(handle, old)
  }
  #leave(handle: Handle, slab: DeviceSlab): void {
    slab.leave(handle)
    if (slab.users.size > 0) this.#left.add(slab)
    else this.#left.delete(slab)
  }
  #unjoin(): void {
    this.#joined?.slab.unpin()
    this.#joined = undefined
  }
  #part(handle: Handle): Part {
    const part = this.#parts.get(handle)
    if (part === undefined) throw new Error(`There is nothing of ${handle} in the cache.`)
    return part
  }

  /** Room for the keys and values of rows, [kvHeads, rows, 1, slots, headDim] each. */
  allocate(rows: number, slots: number): ReadonlyArray<Value> {
    const { headDim, kvHeads, tensors } = this.#shape
    const values: Array<Value> = []
    try {
      while (values.length < tensors)
        values.push(Value.allocate(this.#session, this.#type, [kvHeads, rows, 1, slots, headDim]))
      return values
    } catch (cause) {
      for (const value of values) value.close()
      throw cause
    }
  }

  /** Where the rows of a step stand, and what is behind them. */
  async place(rows: ReadonlyArray<StepRow>): Promise<Placed> {
    const groups = groupsOf(rows)
    const parts = rows.map(({ own, ownLength }) =>
      ownLength === 0 ? undefined : { ...this.#part(own), count: ownLength }
    )
    const company = together(rows, parts, groups)
    const own = company.slab?.pin() ?? (await this.#gathered(company.seats.map((row) => parts[row ?? -1])))
    try {
      return { prefix: await this.#prefixes(company), own, seats: company.seats }
    } catch (cause) {
      own.unpin()
      throw cause
    }
  }

  async #prefixes({ groups }: Company): Promise<DeviceSlab> {
    const parts = groups.map(({ length, prefix }: Group) =>
      length === 0 ? undefined : { ...this.#part(prefix), count: length }
    )
    const [first] = parts
    if (first !== undefined && parts.length === 1) return first.slab.pin()
    const handles = groups.map(({ prefix }) => prefix)
    const key = handles.join()
    if (this.#joined?.key === key) return this.#joined.slab.pin()
    const slab = await this.#gathered(parts)
    if (parts.length === 1) return slab
    this.#unjoin()
    this.#joined = { key, handles, slab: slab.pin() }
    return slab
  }

  /** A slab with these rows, their tokens together from the left; an undefined row has none. */
  async #gathered(parts: ReadonlyArray<Part | undefined>): Promise<DeviceSlab> {
    const slabs = [...new Set(parts.flatMap((part) => part?.slab ?? []))]
    if (slabs.length === 0) return this.#none(parts.length)
    const slots = Math.max(...parts.map((part) => part?.count ?? 0))
    const values = this.allocate(parts.length, slots)
    const sources = slabs.map((slab) => slab.pin().values)
    try {
      await this.#gather.run(sources, values, placesOf(parts, slabs, slots))
    } catch (cause) {
      for (const value of values) value.close()
      throw cause
    } finally {
      for (const slab of slabs) slab.unpin()
    }
    const filled = new Uint8Array(parts.length * slots)
    parts.forEach((part, row) => filled.fill(1, row * slots, row * slots + (part?.count ?? 0)))
    return new DeviceSlab(values, filled)
  }

  /** A slot that nobody sees, for what is empty: products over no tokens kill the process (ONNX Runtime 1.30). */
  async #none(rows: number): Promise<DeviceSlab> {
    const { headDim, kvHeads, tensors } = this.#shape
    const value = Value.allocate(this.#session, this.#type, [kvHeads, rows, 1, 1, headDim])
    try {
      await this.#single.run([[this.#zero]], [value], new BigInt64Array(rows))
    } catch (cause) {
      value.close()
      throw cause
    }
    const values = Array.from({ length: tensors }, () => value)
    return new DeviceSlab(values, new Uint8Array(rows))
  }

  /** Keeps what a step gave for those rows that store: their own, with `fresh` slots behind it. */
  store(rows: ReadonlyArray<StepRow>, { own, seats }: Placed, values: ReadonlyArray<Value>, fresh: number): void {
    const slots = own.slots + fresh
    const slab = new DeviceSlab(values, new Uint8Array(seats.length * slots))
    seats.forEach((index, seat) => {
      const row = index === undefined ? undefined : rows[index]
      if (row === undefined) return
      const { ids, own: handle, ownLength, store } = row
      for (const { length, slot } of runs({ slab: own, row: seat, count: ownLength }))
        slab.filled.fill(1, seat * slots + slot, seat * slots + slot + length)
      slab.filled.fill(1, seat * slots + own.slots, seat * slots + own.slots + ids.length)
      if (store === "own") this.#set(handle, { slab, row: seat, count: ownLength + ids.length })
    })
    slab.unpin()
  }

  /** Rows that most others have left move to a slab of their own size. */
  async tidy(): Promise<void> {
    for (const slab of this.#left) {
      this.#left.delete(slab)
      const users = [...slab.users].map((handle) => [handle, this.#part(handle)] as const)
      const longest = new Map<number, Part>()
      for (const [, part] of users) if (part.count >= (longest.get(part.row)?.count ?? 0)) longest.set(part.row, part)
      const slots = Math.max(...[...longest.values()].map((part) => part.count))
      if (2 * longest.size * slots > slab.rows * slab.slots) continue
      const moved = await this.#gathered([...longest.values()])
      const rows = [...longest.keys()]
      for (const [handle, { count, row }] of users) this.#set(handle, { slab: moved, row: rows.indexOf(row), count })
      moved.unpin()
    }
  }

  async close(): Promise<void> {
    this.drop([...this.#parts.keys()])
    this.#zero.close()
    await this.#gather.close()
    await this.#single.close()
  }
}

/** For each slot of each row, where in the slabs one behind the other its token stands; anywhere for a hole. */
const placesOf = (
  parts: ReadonlyArray<Part | undefined>,
  slabs: ReadonlyArray<DeviceSlab>,
  slots: number
): BigInt64Array<ArrayBuffer> => {
  const starts = new Map<DeviceSlab, number>()
  let total = 0
  for (const slab of slabs) {
    starts.set(slab, total)
    total += slab.rows * slab.slots
  }
  const places = new BigInt64Array(parts.length * slots)
  parts.forEach((part, row) => {
    if (part === undefined) return
    const start = starts.get(part.slab)! + part.row * part.slab.slots
    for (const { before, length, slot } of runs(part))
      for (let i = 0; i < length; i++) places[row * slots + before + i] = BigInt(start + slot + i)
  })
  return places
}
