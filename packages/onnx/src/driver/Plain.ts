/**
 * A graph as it was exported: it takes the whole cache and gives it back with the new tokens, and logits of every position.
 * Slower than the rewritten one, and its oracle.
 */
import type { Abilities, Driver, Handle, Reading, Step, Stepped, StepRow } from "../Driver.ts"
import { fromHalf } from "../internal/half.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import * as MergedSession from "./MergedSession.ts"
import type { Session, Tensor } from "./Session.ts"
import { gather, type Part, type Shape, type Slab } from "./Slabs.ts"

export interface PlainOptions {
  readonly reason?: string | undefined
  /** The graph counts the tokens of a row by its mask and takes no position ids, or lets only one row append several. */
  readonly isGroupQuery: boolean
}

interface Inputs {
  readonly length: number
  readonly slab: Slab
  readonly ids: BigInt64Array
  readonly positions: BigInt64Array
  readonly mask: BigInt64Array
}

/** [rows, new] ids and positions, [rows, slots + new] mask. */
const inputsOf = (rows: ReadonlyArray<StepRow>, slab: Slab): Inputs => {
  const length = Math.max(...rows.map(({ ids }) => ids.length))
  const total = slab.slots + length
  const [ids, positions] = [new BigInt64Array(rows.length * length), new BigInt64Array(rows.length * length)]
  const mask = new BigInt64Array(rows.length * total)
  rows.forEach((row, r) => {
    const start = row.prefixLength + row.ownLength
    for (let slot = 0; slot < slab.slots; slot++) mask[r * total + slot] = BigInt(slab.filled[r * slab.slots + slot]!)
    row.ids.forEach((id, i) => {
      ids[r * length + i] = BigInt(id)
      positions[r * length + i] = BigInt(start + i)
      mask[r * total + slab.slots + i] = 1n
    })
  })
  return { length, slab, ids, positions, mask }
}

const widened = ({ data, type }: Tensor, from: number, to: number): Float32Array =>
  type === "float16"
    ? Float32Array.from((data as Uint16Array).subarray(from, to), fromHalf)
    : (data as Float32Array).slice(from, to)

export class PlainDriver implements Driver {
  readonly abilities: Abilities
  readonly #session: Session
  readonly #config: ModelConfig
  readonly #shape: Shape
  readonly #parts = new Map<Handle, Part>()

  constructor(session: Session, config: ModelConfig, { isGroupQuery, reason }: PlainOptions) {
    const takesPositions = session.inputs.some(({ name }) => name === "position_ids")
    const isRagged = takesPositions && !isGroupQuery
    this.#session = MergedSession.around(session, config)
    this.#config = config
    const { headDim, kvHeads, layers } = config
    const isHalf = session.inputs.find(({ name }) => name === config.past[0])?.type === "float16"
    this.#shape = { layers, kvHeads, headDim, isHalf }
    const numberBytes = isHalf ? 2 : 4
    this.abilities = { graph: "plain", reason, isRagged, appends: !isGroupQuery, numberBytes }
  }

  open: Driver["open"] = (prefix, _, like) => {
    const known = like === undefined ? undefined : this.#parts.get(like.prefix)
    if (known !== undefined && like !== undefined) this.#parts.set(prefix, { ...known, count: like.length })
  }
  /** A row's part holds its prefix too, so how much of it is kept is known when it is run. */
  fork: Driver["fork"] = (from, to) => {
    const known = this.#parts.get(from)
    if (known !== undefined) this.#parts.set(to, known)
  }
  drop: Driver["drop"] = (handles) => handles.forEach((handle) => this.#parts.delete(handle))
  close: Driver["close"] = () => this.#session.close()

  step: Driver["step"] = async (step): Promise<Stepped> => {
    const begun = performance.now()
    const { rows } = step
    const inputs = inputsOf(
      rows,
      gather(
        rows.map((row) => this.#past(row)),
        this.#shape
      )
    )
    const before = performance.now()
    const out = await this.#session.run(this.#feeds(rows, inputs))
    const run = performance.now() - before
    this.#store(rows, inputs, out)
    const readings = this.#readings(step, inputs, out[this.#config.logits]!)
    return { readings, timing: { run, own: performance.now() - begun - run } }
  }

  #past({ own, ownLength, prefix, prefixLength }: StepRow): Part | undefined {
    const part = ownLength > 0 ? this.#parts.get(own) : this.#parts.get(prefix)
    const count = prefixLength + ownLength
    return part === undefined || count === 0 ? undefined : { ...part, count }
  }

  #feeds(rows: ReadonlyArray<StepRow>, { ids, length, mask, positions, slab }: Inputs): Record<string, Tensor> {
    const { headDim, kvHeads, past } = this.#config
    const ints = (data: BigInt64Array, width: number): Tensor => ({ type: "int64", data, dims: [rows.length, width] })
    const feeds: Record<string, Tensor> = {
      input_ids: ints(ids, length),
      attention_mask: ints(mask, slab.slots + length)
    }
    const takes = new Set(this.#session.inputs.map(({ name }) => name))
    if (takes.has("position_ids")) feeds["position_ids"] = ints(positions, length)
    const [type, dims] = [
      this.#shape.isHalf ? "float16" : "float32",
      [rows.length, kvHeads, slab.slots, headDim]
    ] as const
    past.forEach((name, i) => (feeds[name] = { type, data: slab.cache[i]!, dims }))
    return feeds
  }

  #store(rows: ReadonlyArray<StepRow>, { length, mask, slab }: Inputs, out: Readonly<Record<string, Tensor>>): void {
    const cache = this.#config.present.map((name) => out[name]!.data as Float32Array | Uint16Array)
    const next = { rows: rows.length, slots: slab.slots + length, cache, filled: Uint8Array.from(mask, Number) }
    rows.forEach(({ ids, own, ownLength, prefix, prefixLength, store }, row) => {
      const part = { slab: next, row, count: prefixLength + ownLength + ids.length }
      if (store === "prefix") this.#parts.set(prefix, part)
      if (store === "own") this.#parts.set(own, part)
    })
  }

  #readings({ rows, slots }: Step, { length }: Inputs, logits: Tensor): ReadonlyArray<Reading> {
    const vocabulary = logits.dims[2]!
    return slots.map(({ row }) => {
      const at = (row * length + rows[row]!.ids.length - 1) * vocabulary
      return { logits: widened(logits, at, at + vocabulary) }
    })
  }
}
