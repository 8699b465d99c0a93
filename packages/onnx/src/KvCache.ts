/**
 * Keys and values that were computed once, found again by the tokens that they belong to. The contract's candidates hold
 * no handle: a paused draft is only its tokens, and this is where its row waits until memory is needed.
 *
 * A slab is what one step left behind and is never changed, so rows are shared freely: forking a prompt into N drafts,
 * or asking a question and rewinding it, costs nothing here.
 */
import type { Cache } from "./Driver.ts"

export interface Slab {
  readonly rows: number
  readonly slots: number
  readonly cache: Cache
  /** [rows, slots]: 1 where a slot holds a token of the row, in order; the others are holes. */
  readonly filled: Uint8Array
}

/** The row of a slab that holds these tokens, and the logits behind the last of them. */
export interface Entry {
  readonly ids: ReadonlyArray<number>
  readonly slab: Slab
  readonly row: number
  readonly logits: Float32Array
  /** Others begin with these tokens too (a prompt): it stays when one of them goes on. */
  readonly shared: boolean
}

const bytesOf = (slab: Slab): number => slab.cache.reduce((sum, tensor) => sum + tensor.byteLength, 0)

/** Rolling hash of every prefix, the last being that of all. */
const prefixHashes = (ids: ReadonlyArray<number>): Int32Array => {
  const out = new Int32Array(ids.length)
  let h = 0x811c9dc5
  ids.forEach((id, i) => {
    h = Math.imul(h ^ id, 0x01000193)
    h ^= h >>> 15
    out[i] = h
  })
  return out
}

const startsWith = (ids: ReadonlyArray<number>, prefix: ReadonlyArray<number>): boolean =>
  prefix.length <= ids.length && prefix.every((id, i) => id === ids[i])

export class KvCache {
  readonly #entries = new Map<string, Entry>()
  readonly #users = new Map<Slab, number>()
  readonly #limit: number
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  get rows(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The longest known beginning of these tokens; using it makes it the last to be given up. */
  find(ids: ReadonlyArray<number>): Entry | undefined {
    const hashes = prefixHashes(ids)
    for (let length = ids.length; length > 0; length--) {
      const key = `${length}:${hashes[length - 1]}`
      const entry = this.#entries.get(key)
      if (entry === undefined || !startsWith(ids, entry.ids)) continue
      this.#entries.delete(key)
      this.#entries.set(key, entry)
      return entry
    }
    return undefined
  }

  /** Remembers a row; it replaces `parent`, the same row with fewer tokens, unless that is shared. */
  add(entry: Entry, parent?: Entry): void {
    if (parent?.shared === false) this.#delete(keyOf(parent))
    const key = keyOf(entry)
    this.#delete(key)
    this.#entries.set(key, entry)
    const users = this.#users.get(entry.slab) ?? 0
    if (users === 0) this.#bytes += bytesOf(entry.slab)
    this.#users.set(entry.slab, users + 1)
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limit || oldest === key) break
      this.#delete(oldest)
    }
  }

  #delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    const users = this.#users.get(entry.slab)! - 1
    if (users > 0) return void this.#users.set(entry.slab, users)
    this.#users.delete(entry.slab)
    this.#bytes -= bytesOf(entry.slab)
  }
}

const keyOf = ({ ids }: Entry): string => `${ids.length}:${prefixHashes(ids).at(-1)}`

const sameRows = (entries: ReadonlyArray<Entry | undefined>): Slab | undefined => {
  const slab = entries[0]?.slab
  return slab !== undefined && slab.rows === entries.length && entries.every((e, i) => e?.slab === slab && e.row === i)
    ? slab
    : undefined
}

/** [from, length] of each run of filled slots of a row. */
const runs = ({ row, slab }: Entry): ReadonlyArray<readonly [from: number, length: number]> => {
  const out: Array<[number, number]> = []
  const base = row * slab.slots
  for (let slot = 0; slot < slab.slots; slot++) {
    if (slab.filled[base + slot] === 0) continue
    const last = out.at(-1)
    if (last !== undefined && last[0] + last[1] === slot) last[1]++
    else out.push([slot, 1])
  }
  return out
}

export interface Shape {
  readonly layers: number
  readonly kvHeads: number
  readonly headDim: number
}

/**
 * One slab with these rows in this order (undefined: a row with nothing yet). The same rows as a slab has are that slab,
 * without a copy; else the filled slots are copied together, from the left.
 */
export const gather = (entries: ReadonlyArray<Entry | undefined>, { headDim, kvHeads, layers }: Shape): Slab => {
  const same = sameRows(entries)
  if (same !== undefined) return same
  const rows = entries.length
  const slots = Math.max(0, ...entries.map((entry) => entry?.ids.length ?? 0))
  const cache = Array.from({ length: 2 * layers }, () => new Float32Array(rows * kvHeads * slots * headDim))
  const filled = new Uint8Array(rows * slots)
  entries.forEach((entry, row) => {
    if (entry === undefined) return
    filled.fill(1, row * slots, row * slots + entry.ids.length)
    const parts = runs(entry)
    cache.forEach((target, tensor) => {
      const source = entry.slab.cache[tensor]!
      for (let head = 0; head < kvHeads; head++) {
        const from = (entry.row * kvHeads + head) * entry.slab.slots
        let to = (row * kvHeads + head) * slots
        for (const [start, length] of parts) {
          target.set(source.subarray((from + start) * headDim, (from + start + length) * headDim), to * headDim)
          to += length
        }
      }
    })
  })
  return { rows, slots, cache, filled }
}
