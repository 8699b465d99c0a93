/**
 * A graph being changed: who gives and who takes a value, and new nodes by name of their operator. What nothing needs any
 * longer falls away when it is finished.
 */
import * as Constants from "./Constants.ts"
import {
  type Attribute,
  attribute,
  captured,
  type Model,
  type Node,
  readAttribute,
  type Tensor,
  type Value
} from "./Model.ts"

export type Attributes = Readonly<Record<string, Attribute>>

/** The graph cannot be changed without a risk to what it computes; says why. */
export class Unfit extends Error {}

export const microsoft = "com.microsoft"

export class Graph {
  readonly #model: Model
  readonly #nodes: Set<Node>
  readonly #tensors: Map<string, Tensor>
  readonly #producers = new Map<string, Node>()
  readonly #consumers = new Map<string, Array<Node>>()
  readonly #inputs: Map<string, Value>
  readonly #outputs: Map<string, Value>
  #count = 0

  constructor(model: Model) {
    this.#model = model
    this.#nodes = new Set()
    this.#tensors = new Map(model.tensors.map((tensor) => [tensor.name, tensor]))
    this.#inputs = new Map(model.inputs.map((value) => [value.name, value]))
    this.#outputs = new Map(model.outputs.map((value) => [value.name, value]))
    model.nodes.forEach((node) => this.add(node))
  }

  get opset(): number {
    return this.#model.opsets.get("") ?? 1
  }
  get nodes(): Iterable<Node> {
    return this.#nodes
  }
  producer(name: string): Node | undefined {
    return this.#producers.get(name)
  }
  consumers(name: string): ReadonlyArray<Node> {
    return this.#consumers.get(name) ?? []
  }
  input(name: string): Value | undefined {
    return this.#inputs.get(name)
  }
  output(name: string): Value | undefined {
    return this.#outputs.get(name)
  }
  tensor(name: string): Tensor | undefined {
    return this.#tensors.get(name)
  }

  /** Elements of a small constant; undefined for what is computed or too large to stand in the graph. */
  constant(name: string): ReadonlyArray<number> | undefined {
    const tensor = this.#tensors.get(name)
    if (tensor !== undefined) return Constants.read(tensor)
    const node = this.producer(name)
    if (node?.op === "Identity") return this.constant(node.inputs[0]!)
    return node?.op === "Constant" ? Constants.ofNode(node) : undefined
  }

  attribute(node: Node, name: string): number | string | ReadonlyArray<number> | undefined {
    const raw = node.attributes.get(name)
    return raw === undefined ? undefined : readAttribute(raw)
  }

  add(node: Node): void {
    this.#nodes.add(node)
    for (const name of node.outputs) if (name !== "") this.#producers.set(name, node)
    for (const name of new Set(node.inputs)) this.#consumers.set(name, [...this.consumers(name), node])
  }

  remove(node: Node): void {
    this.#nodes.delete(node)
    for (const name of node.outputs) if (this.#producers.get(name) === node) this.#producers.delete(name)
    for (const name of new Set(node.inputs)) {
      this.#consumers.set(
        name,
        this.consumers(name).filter((other) => other !== node)
      )
    }
  }

  /** The node with other inputs. */
  rewire(node: Node, inputs: ReadonlyArray<string>): void {
    this.remove(node)
    this.add({ ...node, inputs })
  }

  /** Adds a node that gives `outputs`. */
  emit(
    op: string,
    inputs: ReadonlyArray<string>,
    outputs: ReadonlyArray<string>,
    attributes: Attributes = {},
    domain = ""
  ): void {
    const all = Object.entries(attributes).map(([name, value]) => [name, attribute(name, value)] as const)
    this.add({ op, domain, inputs, outputs, attributes: new Map(all) })
  }

  /** Adds a node with one output and gives its name. */
  op(op: string, inputs: ReadonlyArray<string>, attributes: Attributes = {}, domain = ""): string {
    const name = this.name()
    this.emit(op, inputs, [name], attributes, domain)
    return name
  }

  /** A name that nothing has. */
  name(): string {
    const name = `mulligan.${this.#count++}`
    const isTaken = this.#producers.has(name) || this.#tensors.has(name) || this.#inputs.has(name)
    return isTaken ? this.name() : name
  }

  ints(values: ReadonlyArray<number>, dims?: ReadonlyArray<number>): string {
    return this.#constant("int64", values, dims)
  }
  floats(values: ReadonlyArray<number>, dims?: ReadonlyArray<number>): string {
    return this.#constant("float32", values, dims)
  }
  #constant(type: "int64" | "float32", values: ReadonlyArray<number>, dims?: ReadonlyArray<number>): string {
    const name = `mulligan.${type}.${values.join("_")}.${(dims ?? ["v"]).join("x")}`
    if (!this.#tensors.has(name)) this.#tensors.set(name, Constants.tensor(name, type, values, dims))
    return name
  }

  /** A larger tensor, under a name of its own. */
  table(name: string, values: ArrayLike<number>, dims?: ReadonlyArray<number>): string {
    this.#tensors.set(name, Constants.tensor(name, "float32", values, dims))
    return name
  }

  takes(value: Value): string {
    this.#inputs.set(value.name, value)
    return value.name
  }
  gives(value: Value): void {
    this.#outputs.set(value.name, value)
  }
  drop(name: string): void {
    this.#inputs.delete(name)
    this.#outputs.delete(name)
  }

  /** The model with its nodes in an order in which they can run, and only what its outputs need. */
  finish(): Model {
    const nodes = this.#ordered()
    const used = new Set(nodes.flatMap((node) => [...node.inputs, ...this.#captured(node)]))
    return {
      ...this.#model,
      nodes,
      tensors: [...this.#tensors.values()].filter(({ name }) => used.has(name) || this.#outputs.has(name)),
      inputs: [...this.#inputs.values()].filter(({ name }) => used.has(name)),
      outputs: [...this.#outputs.values()]
    }
  }

  #ordered(): ReadonlyArray<Node> {
    const [done, open] = [new Set<Node>(), new Set<Node>()]
    const out: Array<Node> = []
    const stack = [...this.#outputs.keys()].map((name) => this.producer(name)).filter((node) => node !== undefined)
    stack.reverse()
    while (stack.length > 0) {
      const node = stack.at(-1)!
      const missing = [...node.inputs, ...this.#captured(node)]
        .map((name) => this.producer(name))
        .filter((other) => other !== undefined && !done.has(other) && other !== node)
      if (missing.length > 0 && !done.has(node)) {
        if (missing.some((other) => open.has(other!))) throw new Unfit("a graph that needs what it makes")
        open.add(node)
        stack.push(...(missing as Array<Node>))
        continue
      }
      stack.pop()
      if (!done.has(node)) out.push(node)
      done.add(node)
    }
    return out
  }

  /** Values of this graph that a node's own graphs (If, Loop) use. */
  #captured(node: Node): ReadonlyArray<string> {
    if (!["If", "Loop", "Scan"].includes(node.op)) return []
    const known = memory.get(node) ?? captured(node)
    memory.set(node, known)
    return known
  }
}

const memory = new WeakMap<Node, ReadonlyArray<string>>()
