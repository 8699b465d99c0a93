/**
 * Keys and values of prompts, [kvHeads, groups, 1, prefix, headDim]: each held once, whatever the number of its drafts. For a
 * step of several prompts they are laid side by side.
 */
import type { Handle } from "../Driver.ts"
import type { Shape } from "./Rows.ts"
import { free, type Tensor } from "./Session.ts"

interface Prefix {
  /** Tokens that it will have. */
  readonly capacity: number
  tensors: Array<Tensor>
}

/** Tokens that it has room for: attention over room that is still empty would cost as much as over a prompt. */
const roomOf = ({ tensors }: Prefix): number => tensors[0]?.dims[3] ?? 0

export interface Joined {
  readonly groups: number
  readonly length: number
  readonly tensors: ReadonlyArray<Tensor>
}

export class Prefixes {
  readonly #shape: Shape
  readonly #all = new Map<Handle, Prefix>()
  #joined: { readonly key: string; readonly handles: ReadonlyArray<Handle>; readonly value: Joined } | undefined
  readonly #isIdle: () => boolean

  /** Memory that is left is given back at once while `isIdle`, when no run reads it. */
  constructor(shape: Shape, isIdle: () => boolean) {
    this.#shape = shape
    this.#isIdle = isIdle
  }

  #tensor(groups: number, length: number, data?: Float32Array): Tensor {
    const { headDim, kvHeads } = this.#shape
    const dims = [kvHeads, groups, 1, length, headDim]
    return { type: "float32", data: data ?? new Float32Array(kvHeads * groups * length * headDim), dims }
  }

  #tensors(groups: number, length: number): Array<Tensor> {
    return Array.from({ length: this.#shape.tensors }, () => this.#tensor(groups, length))
  }

  get size(): number {
    return this.#all.size
  }

  open(handle: Handle, capacity: number, like?: { readonly prefix: Handle; readonly length: number }): void {
    const known = like === undefined ? undefined : this.#all.get(like.prefix)
    if (known === undefined || like === undefined) return void this.#all.set(handle, { capacity, tensors: [] })
    const tensors = this.#tensors(1, like.length)
    tensors.forEach((target, i) => this.#copy(known.tensors[i]!, target, 0))
    this.#all.set(handle, { capacity, tensors })
  }

  /** Copies as many tokens of a single prefix as there is room for. */
  #copy(from: Tensor, to: Tensor, group: number): void {
    const { headDim, kvHeads } = this.#shape
    const [, groups = 1, , length = 0] = to.dims
    const room = from.dims[3]!
    for (let head = 0; head < kvHeads; head++) {
      const at = head * room * headDim
      const part = (from.data as Float32Array).subarray(at, at + Math.min(room, length) * headDim)
      ;(to.data as Float32Array).set(part, (head * groups + group) * length * headDim)
    }
  }

  /** Twice the room, but no more than it will need. */
  #grow({ capacity, tensors }: Prefix, needed: number): void {
    const room = Math.min(capacity, Math.max(needed, 2 * tensors[0]!.dims[3]!))
    tensors.forEach((old, i) => {
      tensors[i] = this.#tensor(1, room)
      this.#copy(old, tensors[i], 0)
      this.#free([old])
    })
  }

  /** Keeps new keys and values, [tensors * kvHeads, 1, new, headDim], behind the first `at` tokens. */
  store(handle: Handle, fresh: Float32Array, at: number, count: number): void {
    const prefix = this.#all.get(handle)!
    const { headDim, kvHeads, tensors } = this.#shape
    if (at === 0) {
      const size = kvHeads * count * headDim
      const part = (i: number) => this.#tensor(1, count, fresh.subarray(i * size, (i + 1) * size))
      prefix.tensors = Array.from({ length: tensors }, (_, i) => part(i))
      return
    }
    if (at + count > roomOf(prefix)) this.#grow(prefix, at + count)
    const room = roomOf(prefix)
    for (let line = 0; line < tensors * kvHeads; line++) {
      const data = prefix.tensors[Math.floor(line / kvHeads)]!.data as Float32Array
      const from = line * count * headDim
      data.set(fresh.subarray(from, from + count * headDim), ((line % kvHeads) * room + at) * headDim)
    }
  }

  /** The prefixes side by side; those of nothing yet are empty. */
  of(handles: ReadonlyArray<Handle>): Joined {
    const all = handles.map((handle) => this.#all.get(handle)!)
    const [first] = all
    if (first !== undefined && all.length === 1 && first.tensors.length > 0)
      return { groups: 1, length: roomOf(first), tensors: first.tensors }
    const key = handles.join()
    if (this.#joined?.key === key) return this.#joined.value
    const length = Math.max(...all.map(roomOf))
    const tensors = this.#tensors(all.length, length)
    tensors.forEach((target, i) =>
      all.forEach((prefix, group) => {
        if (prefix.tensors.length > 0) this.#copy(prefix.tensors[i]!, target, group)
      })
    )
    const value = { groups: all.length, length, tensors }
    if (all.length === 1) return value
    this.#unjoin()
    this.#joined = { key, handles, value }
    return value
  }

  drop(handle: Handle): void {
    this.#free(this.#all.get(handle)?.tensors ?? [])
    this.#all.delete(handle)
    if (this.#joined?.handles.includes(handle) === true) this.#unjoin()
  }

  #unjoin(): void {
    this.#free(this.#joined?.value.tensors ?? [])
    this.#joined = undefined
  }

  #free(tensors: ReadonlyArray<Tensor>): void {
    if (this.#isIdle()) tensors.forEach(free)
  }
}
