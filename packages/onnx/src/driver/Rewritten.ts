/**
 * The rewritten graph on the CPU: the cache is JavaScript's and read in place, and only the keys and values of the new
 * tokens come out of a run, with what the slots read.
 */
import type { Abilities, Driver, Step, Stepped, StepRow } from "../Driver.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import { names } from "../graph/SharedPrefix.ts"
import type { Rewritten } from "../GraphRewrite.ts"
import { type Group, groupsOf } from "./Groups.ts"
import * as Inputs from "./Inputs.ts"
import * as Mask from "./Mask.ts"
import { type Joined, Prefixes } from "./Prefixes.ts"
import { Rows, type Table } from "./Rows.ts"
import type { Session, Tensor } from "./Session.ts"
import * as Tail from "./Tail.ts"

/** Where the rows of a step stand. */
interface Placed {
  readonly prefix: Joined
  readonly own: ReadonlyArray<Tensor>
  readonly ownLength: number
  /** Row of the step in each seat. */
  readonly seats: ReadonlyArray<number | undefined>
}

const abilities: Abilities = { graph: "rewritten", isRagged: true, appends: true }

export class RewrittenDriver implements Driver {
  readonly abilities = abilities
  readonly #session: Session
  readonly #config: ModelConfig
  readonly #graph: Pick<Rewritten, "windows" | "takesPositions">
  readonly #prefixes: Prefixes
  readonly #rows: Rows
  /** A slot that nobody sees, for what is empty: products over no tokens kill the process (ONNX Runtime 1.30). */
  readonly #none: ReadonlyArray<Tensor>
  #running = 0

  constructor(session: Session, config: ModelConfig, graph: Pick<Rewritten, "windows" | "takesPositions">) {
    const { headDim, kvHeads, layers } = config
    const shape = { tensors: 2 * layers, kvHeads, headDim }
    this.#session = session
    this.#config = config
    this.#graph = graph
    const isIdle = () => this.#running === 0
    this.#prefixes = new Prefixes(shape, isIdle)
    this.#rows = new Rows(shape, isIdle)
    const none: Tensor = {
      type: "float32",
      data: new Float32Array(kvHeads * headDim),
      dims: [kvHeads, 1, 1, 1, headDim]
    }
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
    const out = await this.#run(feeds)
    const run = performance.now() - before
    this.#store(step, placed, out[names.fresh]!)
    const all = Tail.readings(step, out, this.#config.vocabulary)
    return { readings: all, timing: { run, own: performance.now() - begun - run } }
  }

  async #run(feeds: Record<string, Tensor>) {
    this.#running++
    try {
      return await this.#session.run(feeds)
    } finally {
      this.#running--
    }
  }

  #place({ rows }: Step): Placed {
    const [first] = rows
    if (first?.store === "prefix") {
      const prefix =
        first.prefixLength === 0 ? { groups: 1, length: 1, tensors: this.#none } : this.#prefixes.of([first.prefix])
      return { prefix, own: this.#none, ownLength: 1, seats: [0] }
    }
    const groups = groupsOf(rows)
    const table = this.#seat(rows, groups)
    const places = new Map(rows.map((row, i) => [row.own, i]))
    return {
      prefix: this.#prefixes.of(groups.map(({ prefix }) => prefix)),
      own: table.tensors,
      ownLength: table.capacity,
      seats: table.seats.map((handle) => (handle === undefined ? undefined : places.get(handle)))
    }
  }

  #seat(rows: ReadonlyArray<StepRow>, groups: ReadonlyArray<Group>): Table {
    const stored = ({ ids, ownLength, store }: StepRow) => ownLength + (store === "own" ? ids.length : 0)
    for (const { own, ownLength, store } of rows) if (store === "own") this.#rows.rewind(own, ownLength)
    const handles = groups.map((group) => group.rows.map((i) => rows[i]!.own))
    const expected = Math.max(...rows.map((row) => Math.max(row.expected, stored(row))))
    return this.#rows.seat(handles, Math.max(1, ...rows.map(stored)), expected)
  }

  #feeds(step: Step, { own, ownLength, prefix, seats }: Placed): Record<string, Tensor> {
    const { feeds: inputs, fresh, seated } = Inputs.of(step, seats, this.#graph.takesPositions)
    const feeds: Record<string, Tensor> = { ...inputs }
    const sizes = { prefix: prefix.length, own: ownLength, fresh }
    for (const window of this.#graph.windows) feeds[names.mask(window)] = Mask.make(seated, sizes, window)
    prefix.tensors.forEach((tensor, i) => (feeds[names.prefix(i)] = tensor))
    own.forEach((tensor, i) => (feeds[names.own(i)] = tensor))
    return feeds
  }

  #store({ rows }: Step, { seats }: Placed, fresh: Tensor): void {
    const [data, length] = [fresh.data as Float32Array, fresh.dims[3]!]
    const seated = seats.flatMap((index) => (index === undefined ? [] : [rows[index]!]))
    const own = seated.filter(({ store }) => store === "own")
    const added = own.map((row) => ({ handle: row.own, at: row.ownLength, count: row.ids.length }))
    this.#rows.store(added, data, length)
    for (const { ids, prefix, prefixLength, store } of seated)
      if (store === "prefix") this.#prefixes.store(prefix, data, prefixLength, ids.length)
  }
}
