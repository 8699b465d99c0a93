/**
 * Puts slots of several caches into a new one without leaving the device: a small graph for each number of caches, run where
 * the model is.
 */
import { Binding } from "../capi/Binding.ts"
import type { Provider } from "../capi/Cuda.ts"
import type { Library } from "../capi/Library.ts"
import { Session } from "../capi/Session.ts"
import { Value } from "../capi/Value.ts"
import { Graph } from "../graph/Graph.ts"
import { blank, types, write } from "../graph/Model.ts"

/** Of keys and values. */
export type Element = "float32" | "float16"

const from = (source: number, tensor: number): string => `from.${source}.${tensor}`
const to = (tensor: number): string => `to.${tensor}`

/** Each tensor: its sources [heads, slots of each, size] one behind the other, of which `at` picks [heads, slots, size]. */
export const graphOf = (sources: number, tensors: number, type: Element = "float32"): Uint8Array => {
  const graph = new Graph(blank(13))
  const floats = (name: string) => ({ name, type: types[type], dims: ["heads", `${name}.slots`, "size"] })
  graph.takes({ name: "at", type: types.int64, dims: ["slots"] })
  for (let tensor = 0; tensor < tensors; tensor++) {
    const names = Array.from({ length: sources }, (_, source) => graph.takes(floats(from(source, tensor))))
    const all = sources > 1 ? graph.op("Concat", names, { axis: 1 }) : names[0]!
    graph.emit("Gather", [all, "at"], [to(tensor)], { axis: 1 })
    graph.gives(floats(to(tensor)))
  }
  return write(graph.finish())
}

/** Owned: `close` it. */
export class Gather {
  readonly #library: Library
  readonly #provider: Provider
  readonly #threads: number
  readonly #tensors: number
  readonly #type: Element
  /** Milliseconds in ONNX Runtime, in all. */
  time = 0
  readonly #sessions = new Map<number, Promise<Session>>()

  constructor(library: Library, provider: Provider, threads: number, tensors: number, type: Element) {
    this.#library = library
    this.#provider = provider
    this.#threads = threads
    this.#tensors = tensors
    this.#type = type
  }

  #session(sources: number): Promise<Session> {
    const known = this.#sessions.get(sources)
    if (known !== undefined) return known
    const options = { threads: this.#threads, spinning: 0, provider: this.#provider }
    const opened = Session.open(this.#library, { graph: graphOf(sources, this.#tensors, this.#type) }, options)
    this.#sessions.set(sources, opened)
    return opened
  }

  /**
   * Fills `targets` from the slots of the sources, counted through all of them. Sources: the tensors of each cache, [heads,
   * rows, 1, slots, size]; targets the same, with as many rows times slots as there are places. Rejects with a `BackendError`.
   */
  async run(
    sources: ReadonlyArray<ReadonlyArray<Value>>,
    targets: ReadonlyArray<Value>,
    places: BigInt64Array<ArrayBuffer>
  ): Promise<void> {
    const session = await this.#session(sources.length)
    const made: Array<Value> = []
    const flat = (value: Value): Value => {
      const [heads = 0, rows = 0, , slots = 0, size = 0] = value.dims
      made.push(value.view([heads, rows * slots, size]))
      return made.at(-1)!
    }
    const binding = Binding.of(session)
    try {
      const at = Value.over(this.#library, "int64", places)
      made.push(at)
      binding.input("at", at)
      sources.forEach((values, i) => values.forEach((value, tensor) => binding.input(from(i, tensor), flat(value))))
      targets.forEach((value, tensor) => binding.output(to(tensor), flat(value)))
      const begun = performance.now()
      await binding.runAsync()
      this.time += performance.now() - begun
    } finally {
      for (const one of [binding, ...made]) one.close()
    }
  }

  async close(): Promise<void> {
    for (const opened of this.#sessions.values()) (await opened.catch(() => undefined))?.close()
  }
}
