/**
 * Which keys and values the driver keeps, found again by the tokens that they belong to. The contract's candidates hold no
 * handle: a paused draft is only its tokens, and this is where its row is found until memory is needed.
 */
import type { Handle } from "./Driver.ts"

/** A prompt, held once for all its drafts. */
export interface Prefix {
  readonly handle: Handle
  readonly ids: ReadonlyArray<number>
  /** Tokens read so far; a long prompt is read in chunks. */
  read: number
  /** Behind the last token, once it was read. */
  logits: Float32Array | undefined
  readonly rows: Set<Row>
  used: number
}

/** A draft's own tokens behind its prompt. */
export interface Row {
  readonly handle: Handle
  readonly prefix: Prefix
  ids: ReadonlyArray<number>
  /** Behind the last token, where they were asked for. */
  logits: Float32Array | undefined
  used: number
}

const common = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const most = Math.min(a.length, b.length)
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i
  return most
}

export const same = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && common(a, b) === a.length

/** Sums and mixes the tokens; equal for equal ones. */
export const hash = (ids: ReadonlyArray<number>): number => {
  let h = 0x811c9dc5 ^ ids.length
  for (const id of ids) {
    h = Math.imul(h ^ id, 0x01000193)
    h ^= h >>> 15
  }
  return h
}

export class KvCache {
  readonly #prefixes = new Map<number, Array<Prefix>>()
  readonly #all = new Set<Prefix>()
  /** A stream asks with the same array for every token. */
  readonly #last = new WeakMap<ReadonlyArray<number>, Prefix>()
  readonly #bytesPerToken: number
  readonly #logitBytes: number
  readonly limit: number
  #handles = 1
  #clock = 0

  /** Sizes in bytes: of a token's keys and values, and of the logits of one position. */
  constructor(limit: number, bytesPerToken: number, logitBytes: number) {
    this.limit = limit
    this.#bytesPerToken = bytesPerToken
    this.#logitBytes = logitBytes
  }

  get rows(): number {
    let count = 0
    for (const prefix of this.#all) count += prefix.rows.size
    return count
  }
  get prefixes(): number {
    return this.#all.size
  }
  get bytes(): number {
    let sum = 0
    for (const prefix of this.#all) sum += this.#bytesOf(prefix)
    return sum
  }
  handle(): Handle {
    return this.#handles++
  }

  #bytesOf(prefix: Prefix): number {
    let sum = this.#own(prefix.ids, prefix.logits)
    for (const row of prefix.rows) sum += this.#own(row.ids, row.logits)
    return sum
  }
  #own(ids: ReadonlyArray<number>, logits: Float32Array | undefined): number {
    return ids.length * this.#bytesPerToken + (logits === undefined ? 0 : this.#logitBytes)
  }
  /** What a prompt and so many tokens of its own cost. */
  cost(tokens: number): number {
    return tokens * this.#bytesPerToken
  }

  /** Whether so many tokens more, and the logits behind a prompt, have room. */
  fits(tokens: number): boolean {
    return this.bytes + this.cost(tokens) + this.#logitBytes <= this.limit
  }

  prefix(ids: ReadonlyArray<number>): Prefix | undefined {
    const last = this.#last.get(ids)
    if (last !== undefined && this.#all.has(last)) {
      last.used = ++this.#clock
      return last
    }
    const found = this.#prefixes.get(hash(ids))?.find((prefix) => same(prefix.ids, ids))
    if (found === undefined) return undefined
    found.used = ++this.#clock
    this.#last.set(ids, found)
    return found
  }
  has(one: Prefix | Row): boolean {
    return "prefix" in one ? one.prefix.rows.has(one) && this.#all.has(one.prefix) : this.#all.has(one)
  }

  addPrefix(ids: ReadonlyArray<number>): Prefix {
    const used = ++this.#clock
    const prefix: Prefix = { handle: this.handle(), ids, read: 0, logits: undefined, rows: new Set(), used }
    this.#all.add(prefix)
    const key = hash(ids)
    this.#prefixes.set(key, [...(this.#prefixes.get(key) ?? []), prefix])
    return prefix
  }

  /** The prompt that begins most like these tokens, and how many of its read tokens they share. */
  alike(ids: ReadonlyArray<number>): { readonly prefix: Prefix; readonly length: number } | undefined {
    let best: { prefix: Prefix; length: number } | undefined
    for (const prefix of this.#all) {
      const length = Math.min(common(prefix.ids, ids), prefix.read)
      if (length > (best?.length ?? 0)) best = { prefix, length }
    }
    return best
  }

  /** The row that begins most like these tokens. Longer ones are found too: they can be rewound or forked. */
  row(prefix: Prefix, ids: ReadonlyArray<number>): { readonly row: Row; readonly length: number } | undefined {
    let best: { row: Row; length: number } | undefined
    for (const row of prefix.rows) {
      const length = common(row.ids, ids)
      const isBetter = length > (best?.length ?? 0) || (length === best?.length && row.ids.length < best.row.ids.length)
      if (length > 0 && isBetter) best = { row, length }
    }
    if (best !== undefined) this.use(best.row)
    return best
  }

  addRow(prefix: Prefix): Row {
    const row: Row = { handle: this.handle(), prefix, ids: [], logits: undefined, used: 0 }
    prefix.rows.add(row)
    this.use(row)
    return row
  }

  use(row: Row): void {
    row.used = row.prefix.used = ++this.#clock
  }

  /** Forgets a prompt with its drafts, or a draft. Gives the handles to free. */
  forget(one: Prefix | Row): ReadonlyArray<Handle> {
    if ("prefix" in one) {
      one.prefix.rows.delete(one)
      return [one.handle]
    }
    this.#all.delete(one)
    const key = hash(one.ids)
    const left = (this.#prefixes.get(key) ?? []).filter((prefix) => prefix !== one)
    if (left.length > 0) this.#prefixes.set(key, left)
    else this.#prefixes.delete(key)
    return [one.handle, ...[...one.rows].map((row) => row.handle)]
  }

  /** Forgets the longest unused, drafts before their prompt, until `needed` bytes more fit. Spares what is in use. */
  makeRoom(needed: number, isInUse: (one: Prefix | Row) => boolean): ReadonlyArray<Handle> {
    let bytes = this.bytes
    const freed: Array<Handle> = []
    if (bytes + needed <= this.limit) return freed
    const rows = [...this.#all].flatMap((prefix) => [...prefix.rows])
    const order = [...rows, ...this.#all].toSorted(
      (a, b) => a.used - b.used || Number("rows" in a) - Number("rows" in b)
    )
    for (const one of order) {
      if (bytes + needed <= this.limit) break
      if (isInUse(one) || !this.has(one)) continue
      bytes -= "rows" in one ? this.#bytesOf(one) : this.#own(one.ids, one.logits)
      freed.push(...this.forget(one))
    }
    return freed
  }
}
