/**
 * The rewritten graph on the CPU: the cache is JavaScript's and read in place, and only the keys and values of the new
 * tokens come out of a run, with what the slots read.
 */
import * as Mask from "./Mask.ts"
import type { Abilities, Driver, Handle, Reading, Step, Stepped, StepRow } from "../Driver.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import { names as tail, TOP } from "../graph/SamplerTail.ts"
import { names } from "../graph/SharedPrefix.ts"
import type { Rewritten } from "../GraphRewrite.ts"
import { type Joined, Prefixes } from "./Prefixes.ts"
import { Rows, type Table } from "./Rows.ts"
import type { Session, Tensor } from "./Session.ts"

/** Where the rows of a step stand. */
interface Placed {
  readonly prefix: Joined
  readonly own: ReadonlyArray<Tensor>
  readonly ownLength: number
  /** Row of the step in each seat. */
  readonly seats: ReadonlyArray<number | undefined>
}

const abilities: Abilities = { graph: "rewritten", isRagged: true, appends: true }

const ints = (values: BigInt64Array, dims: ReadonlyArray<number>): Tensor => ({ type: "int64", data: values, dims })

/** The step's rows by prefix, in an order that stays the same from step to step. */
const groupsOf = (rows: ReadonlyArray<StepRow>): ReadonlyMap<Handle, ReadonlyArray<StepRow>> => {
  const groups = new Map<Handle, Array<StepRow>>()
  for (const row of rows) {
    const group = groups.get(row.prefix)
    if (group === undefined) groups.set(row.prefix, [row])
    else group.push(row)
  }
  return new Map([...groups].toSorted(([a], [b]) => a - b))
}

/** What the sampler in the graph is told. */
const sampling = ({ labels, slots }: Step, seatOf: ReadonlyArray<number>, lengths: ReadonlyArray<number>) => {
  const all = slots.length === 0 ? [{ row: 0, inverseTemperature: 1, uniform: 0, mass: 0, wantsTop: false }] : slots
  const at = all.flatMap(({ row }) => [BigInt(seatOf[row]!), BigInt(lengths[row]! - 1)])
  const column = (of: (slot: (typeof all)[number]) => number): Tensor => ({
    type: "float32",
    data: Float32Array.from(all, of),
    dims: [all.length, 1]
  })
  return {
    [tail.at]: ints(BigInt64Array.from(at), [all.length, 2]),
    [tail.inverseTemperature]: column((slot) => slot.inverseTemperature),
    [tail.uniform]: column((slot) => slot.uniform),
    [tail.mass]: column((slot) => slot.mass),
    [tail.wantsTop]: {
      type: "bool",
      data: Uint8Array.from(all, (slot) => Number(slot.wantsTop)),
      dims: [all.length]
    },
    [tail.labels]: ints(BigInt64Array.from(labels, BigInt), [labels.length])
  } satisfies Record<string, Tensor>
}

/** What each slot was told. */
const readings = (step: Step, out: Readonly<Record<string, Tensor>>, vocabulary: number): ReadonlyArray<Reading> => {
  const [tokens, logProbs] = [out[tail.token]!.data as BigInt64Array, out[tail.logProb]!.data as Float32Array]
  const labels = out[tail.labelLogProbs]!.data as Float32Array
  const hasLogits = out[tail.hasLogits]!.data
  const width = Math.min(TOP, vocabulary)
  const part = (name: string, at: number, size: number) => out[name]!.data.slice(at * size, (at + 1) * size)
  let [tops, given] = [0, 0]
  return step.slots.map((slot, i) => {
    const top = slot.wantsTop ? tops++ : undefined
    return {
      token: Number(tokens[i]),
      logProb: logProbs[i]!,
      labels: labels.slice(i * step.labels.length, (i + 1) * step.labels.length),
      top:
        top === undefined
          ? undefined
          : {
              ids: Array.from(part(tail.topIds, top, width) as BigInt64Array, Number),
              probabilities: part(tail.topProbabilities, top, width) as Float32Array,
              logProbs: part(tail.topLogProbs, top, width) as Float32Array
            },
      logits: hasLogits[i] ? (part(tail.logits, given++, vocabulary) as Float32Array) : undefined
    }
  })
}

export class RewrittenDriver implements Driver {
  readonly abilities = abilities
  readonly #session: Session
  readonly #config: ModelConfig
  readonly #graph: Pick<Rewritten, "windows" | "takesPositions">
  readonly #prefixes: Prefixes
  readonly #rows: Rows
  /** A slot that nobody sees, for what is empty: products over no tokens kill the process (ONNX Runtime 1.30). */
  readonly #none: ReadonlyArray<Tensor>

  constructor(session: Session, config: ModelConfig, graph: Pick<Rewritten, "windows" | "takesPositions">) {
    const { headDim, kvHeads, layers } = config
    const shape = { tensors: 2 * layers, kvHeads, headDim }
    this.#session = session
    this.#config = config
    this.#graph = graph
    this.#prefixes = new Prefixes(shape)
    this.#rows = new Rows(shape)
    const none: Tensor = { type: "float32", data: new Float32Array(kvHeads * headDim), dims: [kvHeads, 1, 1, headDim] }
    this.#none = Array.from({ length: 2 * layers }, () => none)
  }

  open: Driver["open"] = (prefix, capacity, like) => this.#prefixes.open(prefix, capacity, like)
  fork: Driver["fork"] = (from, to, length) => this.#rows.fork(from, to, length)
  drop: Driver["drop"] = (handles) => {
    for (const handle of handles) {
      this.#prefixes.drop(handle)
      this.#rows.drop(handle)
    }
  }
  close: Driver["close"] = () => this.#session.close()

  step: Driver["step"] = async (step): Promise<Stepped> => {
    const begun = performance.now()
    const placed = this.#place(step)
    const feeds = this.#feeds(step, placed)
    const before = performance.now()
    const out = await this.#session.run(feeds)
    const run = performance.now() - before
    this.#store(step, placed, out[names.fresh]!)
    const all = readings(step, out, this.#config.vocabulary)
    return { readings: all, timing: { run, own: performance.now() - begun - run } }
  }

  #place({ rows }: Step): Placed {
    const [first] = rows
    if (first?.store === "prefix") {
      const prefix =
        first.prefixLength === 0 ? { groups: 1, length: 1, tensors: this.#none } : this.#prefixes.of([first.prefix])
      return { prefix, own: this.#none, ownLength: 1, seats: [0] }
    }
    const groups = groupsOf(rows)
    const table = this.#seat(rows, [...groups.values()])
    const places = new Map(rows.map((row, i) => [row.own, i]))
    return {
      prefix: this.#prefixes.of([...groups.keys()]),
      own: table.tensors,
      ownLength: table.capacity,
      seats: table.seats.map((handle) => (handle === undefined ? undefined : places.get(handle)))
    }
  }

  #seat(rows: ReadonlyArray<StepRow>, groups: ReadonlyArray<ReadonlyArray<StepRow>>): Table {
    const stored = ({ ids, ownLength, store }: StepRow) => ownLength + (store === "own" ? ids.length : 0)
    for (const { own, ownLength, store } of rows) if (store === "own") this.#rows.rewind(own, ownLength)
    const handles = groups.map((group) => group.map((row) => row.own))
    const expected = Math.max(...rows.map((row) => Math.max(row.expected, stored(row))))
    return this.#rows.seat(handles, Math.max(1, ...rows.map(stored)), expected)
  }

  #feeds(step: Step, { own, ownLength, prefix, seats }: Placed): Record<string, Tensor> {
    const { rows } = step
    const length = Math.max(...rows.map(({ ids }) => ids.length))
    const [ids, positions] = [new BigInt64Array(seats.length * length), new BigInt64Array(seats.length * length)]
    const seatOf: Array<number> = []
    seats.forEach((index, seat) => {
      const row = index === undefined ? undefined : rows[index]!
      if (row === undefined) return
      seatOf[index!] = seat
      const start = row.prefixLength + row.ownLength
      row.ids.forEach((id, i) => {
        ids[seat * length + i] = BigInt(id)
        positions[seat * length + i] = BigInt(start + i)
      })
    })
    const lengths = rows.map((row) => row.ids.length)
    const feeds: Record<string, Tensor> = sampling(step, seatOf, lengths)
    feeds["input_ids"] = ints(ids, [seats.length, length])
    if (this.#graph.takesPositions) feeds["position_ids"] = ints(positions, [seats.length, length])
    const sizes = { prefix: prefix.length, own: ownLength, fresh: length }
    const seated = seats.map((index) => (index === undefined ? undefined : rows[index]!))
    for (const window of this.#graph.windows) feeds[names.mask(window)] = Mask.make(seated, sizes, window)
    prefix.tensors.forEach((tensor, i) => (feeds[names.prefix(i)] = tensor))
    own.forEach((tensor, i) => (feeds[names.own(i)] = tensor))
    return feeds
  }

  #store({ rows }: Step, { seats }: Placed, fresh: Tensor): void {
    const [data, length] = [fresh.data as Float32Array, fresh.dims[2]!]
    for (const index of seats) {
      const row = index === undefined ? undefined : rows[index]!
      if (row?.store === "own") this.#rows.store(row.own, data, length, row.ownLength, row.ids.length)
      if (row?.store === "prefix") this.#prefixes.store(row.prefix, data, row.prefixLength, row.ids.length)
    }
  }
}
