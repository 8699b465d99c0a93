/**
 * The rewritten graph with everything on the device: what a step leaves behind is what the next one reads, and only tokens
 * and probabilities come back. On the CPU it does the same with memory of ONNX Runtime's.
 */
import { Binding, Terminated } from "../capi/Binding.ts"
import type { Session } from "../capi/Session.ts"
import type { Value } from "../capi/Value.ts"
import type { Abilities, Driver, Step, Stepped, StepRow } from "../Driver.ts"
import { names as tail } from "../graph/SamplerTail.ts"
import { names } from "../graph/SharedPrefix.ts"
import type { Rewritten } from "../GraphRewrite.ts"
import { cancelled } from "../internal/errors.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import * as Outputs from "./CapiOutputs.ts"
import { empty, over } from "./CapiSession.ts"
import * as Sizes from "./CapiSizes.ts"
import { DeviceCache, type Placed } from "./DeviceCache.ts"
import * as Mask from "./DeviceMask.ts"
import * as Inputs from "./Inputs.ts"
import * as Tail from "./Tail.ts"
import type { Tensor } from "./Session.ts"

type Tensors = Readonly<Record<string, Tensor>>
type Graph = Pick<Rewritten, "windows" | "takesPositions" | "cache">

/** A prompt that is read is a row of its own behind nothing; what it leaves behind is the prefix of others. */
const asOwn = (row: StepRow): StepRow =>
  row.store === "prefix" ? { ...row, own: row.prefix, ownLength: row.prefixLength, prefixLength: 0, store: "own" } : row

/** One step at a time; those asked for meanwhile wait for their turn. */
export class DeviceDriver implements Driver {
  readonly abilities: Abilities
  readonly #session: Session
  readonly #config: ModelConfig
  readonly #graph: Graph
  readonly #cache: DeviceCache
  #last: Promise<unknown> = Promise.resolve()
  #asked = 0
  #running: Binding | undefined
  #isCancelled = false

  /** Over a session of a graph that gives each row's own grown; closing it closes the session. */
  constructor(session: Session, config: ModelConfig, graph: Graph, threads: number) {
    const { headDim, kvHeads, layers } = config
    this.#session = session
    this.#config = config
    this.#graph = graph
    const numberBytes = graph.cache === "float16" ? 2 : 4
    this.abilities = { graph: "rewritten", isRagged: true, appends: true, numberBytes }
    this.#cache = new DeviceCache(session, { tensors: 2 * layers, kvHeads, headDim }, graph.cache, threads)
  }

  /** Prompts and rows that are kept. */
  get size(): number {
    return this.#cache.size
  }

  open: Driver["open"] = (prefix, capacity, like) => this.#cache.open(prefix, capacity, like)
  fork: Driver["fork"] = (from, to, length) => this.#cache.fork(from, to, length)
  drop: Driver["drop"] = (handles) => this.#cache.drop(handles)
  step: Driver["step"] = (step) => {
    this.#asked++
    const stepped = this.#last.then(() => this.#step(step)).finally(() => this.#ended())
    this.#last = stepped.catch(() => undefined)
    return stepped
  }
  #ended(): void {
    this.#asked--
    this.#isCancelled = false
  }
  cancel: Driver["cancel"] & {} = () => {
    this.#isCancelled = this.#asked > 0
    this.#running?.terminate()
  }
  close: Driver["close"] = async () => {
    await this.#last
    await this.#cache.close()
    this.#session.close()
  }

  async #step(step: Step): Promise<Stepped> {
    const [begun, gathered] = [performance.now(), this.#cache.time]
    const rows = step.rows.map(asOwn)
    const placed = await this.#cache.place(rows)
    try {
      const { out, time } = await this.#run({ ...step, rows }, placed)
      await this.#cache.tidy()
      const readings = Tail.readings(step, out, this.#config.vocabulary)
      const run = time + this.#cache.time - gathered
      return { readings, timing: { run, own: performance.now() - begun - run } }
    } finally {
      placed.prefix.unpin()
      placed.own.unpin()
    }
  }

  /** A question leaves nothing behind. */
  async #run(step: Step, placed: Placed) {
    const { rows } = step
    const { feeds, fresh, seated } = Inputs.of(step, placed.seats, this.#graph.takesPositions)
    const isKept = rows.some(({ store }) => store === "own")
    const grown = isKept ? this.#cache.allocate(placed.seats.length, placed.own.slots + fresh) : []
    try {
      const ran = await this.#bound({ ...feeds, ...this.#masks(seated, placed, fresh) }, placed, grown)
      if (isKept) this.#cache.store(rows, placed, grown, fresh)
      return ran
    } catch (cause) {
      for (const value of grown) value.close()
      throw cause
    }
  }

  #masks(seated: Inputs.Inputs["seated"], { own, prefix }: Placed, fresh: number): Tensors {
    const all = this.#graph.windows.map(
      (window) => [names.mask(window), Mask.make(seated, { own, prefix }, fresh, window)] as const
    )
    return Object.fromEntries(all)
  }

  /** Runs the graph over what is bound for this one step: a binding that stayed would keep what was dropped. */
  async #bound(feeds: Tensors, { own, prefix }: Placed, grown: ReadonlyArray<Value>) {
    const binding = Binding.of(this.#session)
    const values: Array<Value> = []
    const bind = (tensor: Tensor): Value => values[values.push(over(this.#session.runtime, tensor)) - 1]!
    try {
      // Bound first, so that it is the first to be read.
      Outputs.bind(this.#session.runtime, binding, tail.logits)
      for (const [name, tensor] of Object.entries(feeds)) binding.input(name, bind(tensor))
      prefix.values.forEach((value, i) => binding.input(names.prefix(i), value))
      own.values.forEach((value, i) => binding.input(names.own(i), value))
      grown.forEach((value, i) => binding.output(names.grown(i), value))
      const out = this.#written(feeds)
      for (const [name, tensor] of Object.entries(out)) binding.output(name, bind(tensor))
      const time = await this.#timed(binding)
      return { out: { ...out, [tail.logits]: Outputs.read(this.#session.runtime, binding, [0])[0]! }, time }
    } finally {
      for (const one of [binding, ...values]) one.close()
    }
  }

  /** Where the sampler writes. */
  #written(feeds: Tensors): Tensors {
    const sizes = Sizes.of(feeds, this.#config.vocabulary)
    const known = this.#session.outputs.flatMap(({ name, type }) => {
      const dims = sizes[name]
      return dims === undefined ? [] : [[name, empty(type, dims)] as const]
    })
    return Object.fromEntries(known)
  }

  async #timed(binding: Binding): Promise<number> {
    if (this.#isCancelled) throw cancelled()
    const begun = performance.now()
    this.#running = binding
    try {
      await binding.runAsync()
    } catch (cause) {
      throw cause instanceof Terminated ? cancelled() : cause
    } finally {
      this.#running = undefined
    }
    return performance.now() - begun
  }
}
