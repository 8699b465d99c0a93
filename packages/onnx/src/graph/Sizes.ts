/**
 * Older exporters compute what is known: they ask tensors deep in the model for the number of rows and of new tokens, which
 * the token ids tell, and for sizes that never change. So a part of a graph needs whole layers to know how long it is.
 */
import { Graph } from "./Graph.ts"
import type { Model, Node } from "./Model.ts"

/** A size that never changes, or the first ("rows") or second ("new") of the token ids. */
type Size = number | "rows" | "new"

const IDS = "input_ids"
const alike = new Set([
  "Cast",
  "Identity",
  "Neg",
  "Sqrt",
  "Sigmoid",
  "Tanh",
  "Pow",
  "Softmax",
  "DynamicQuantizeLinear",
  "DequantizeLinear"
])
const products = new Set(["MatMul", "MatMulInteger", "MatMulNBits"])
const passing = new Set(["Cast", "Identity", "Squeeze", "Unsqueeze"])

const arithmetic: Record<string, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => Math.trunc(a / b)
}

class Reader {
  readonly #graph: Graph
  readonly #known = new Map<string, Size | undefined>()
  constructor(graph: Graph) {
    this.#graph = graph
  }

  /** A whole number that is computed from sizes; undefined where it is not surely known. */
  valueOf(name: string): Size | undefined {
    const [value, ...more] = this.#graph.constant(name) ?? []
    if (value !== undefined) return more.length === 0 ? value : undefined
    const node = this.#graph.producer(name)
    if (node === undefined) return undefined
    if (passing.has(node.op)) return this.valueOf(node.inputs[0]!)
    const calculate = arithmetic[node.op]
    if (calculate === undefined) return node.op === "Gather" ? this.asked(node) : undefined
    const [a, b] = node.inputs.map((input) => this.valueOf(input))
    return typeof a === "number" && typeof b === "number" ? calculate(a, b) : undefined
  }

  /** What a node takes out of the shape of a tensor. */
  asked({ inputs }: Node): Size | undefined {
    const [shape, [axis = -1, ...more]] = [this.#graph.producer(inputs[0]!), this.#graph.constant(inputs[1]!) ?? []]
    if (axis < 0 || more.length > 0) return undefined
    if (shape?.op === "Shape" && shape.attributes.size === 0) return this.#sizeOf(shape.inputs[0]!, axis)
    return this.#graph.constant(inputs[0]!)?.[axis]
  }

  #sizeOf(name: string, axis: number): Size | undefined {
    if (name === IDS) return axis === 0 ? "rows" : "new"
    const key = `${axis} ${name}`
    if (!this.#known.has(key)) {
      const node = this.#graph.producer(name)
      this.#known.set(key, node?.outputs[0] === name ? this.#ofResult(node, axis) : undefined)
    }
    return this.#known.get(key)
  }

  #ofResult(node: Node, axis: number): Size | undefined {
    const [first = "", second = ""] = node.inputs
    const isWeighed = products.has(node.op) && this.#graph.tensor(second) !== undefined
    const perm = node.op === "Transpose" ? this.#graph.attribute(node, "perm") : undefined
    if (alike.has(node.op)) return this.#sizeOf(first, axis)
    if (arithmetic[node.op] !== undefined) return this.#ofAny(node.inputs, axis)
    if (isWeighed || this.#keepsRows(node)) return axis < 2 ? this.#sizeOf(first, axis) : undefined
    if (node.op === "Gather" && this.#isTable(first) && (this.#graph.attribute(node, "axis") ?? 0) === 0)
      return axis < 2 ? this.#sizeOf(second, axis) : undefined
    if (typeof perm === "object") return this.#sizeOf(first, perm[axis]!)
    return node.op === "Reshape" ? this.#ofShape(second, axis) : undefined
  }

  #isTable(name: string): boolean {
    return this.#graph.tensor(name)?.dims.length === 2
  }

  /** Means of the last axis. */
  #keepsRows(node: Node): boolean {
    return node.op === "ReduceMean" && String(this.#graph.attribute(node, "axes")) === "-1"
  }

  /** Of what is broadcast, those that are known not to be repeated: all but 1. */
  #ofAny(names: ReadonlyArray<string>, axis: number): Size | undefined {
    const all = new Set(
      names.map((name) => this.#sizeOf(name, axis)).filter((size) => size !== undefined && size !== 1)
    )
    const [size] = all
    return all.size === 1 ? size : undefined
  }

  #ofShape(shape: string, axis: number): Size | undefined {
    const node = this.#graph.producer(shape)
    const part = node?.op === "Concat" ? node.inputs[axis] : undefined
    const size = part === undefined ? this.#graph.constant(shape)?.[axis] : this.valueOf(part)
    // 0 and -1 say that it is another one.
    return typeof size === "number" && size <= 0 ? undefined : size
  }
}

/** A whole number that never changes, however it is computed. */
export const valueOf = (graph: Graph, name: string): number | undefined => {
  const value = new Reader(graph).valueOf(name)
  return typeof value === "number" ? value : undefined
}

/** A vector with a size at a place. */
const holding = (graph: Graph, size: Size, ids: string, at: number): string => {
  const before = Array.from({ length: at }, () => 0)
  if (typeof size === "number") return graph.ints([...before, size])
  const own = graph.op("Gather", [ids, graph.ints([size === "rows" ? 0 : 1])])
  return at === 0 ? own : graph.op("Concat", [graph.ints(before), own], { axis: 0 })
}

/** The model with each size that is known asked of the token ids, or written down. */
export const settled = (model: Model): Model => {
  const graph = new Graph(model)
  const reader = new Reader(graph)
  const found = model.nodes.flatMap((node) => {
    const size = node.op === "Gather" ? reader.asked(node) : undefined
    return size === undefined ? [] : [{ node, size }]
  })
  const ids = graph.op("Shape", [IDS])
  for (const { node, size } of found) {
    const [axis = 0] = graph.constant(node.inputs[1]!) ?? []
    graph.rewire(node, [holding(graph, size, ids, axis), node.inputs[1]!])
  }
  return graph.finish()
}
