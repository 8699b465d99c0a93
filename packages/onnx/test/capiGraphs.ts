/** Small graphs, written byte by byte. */
import { Message } from "../src/graph/Wire.ts"
import { type ElementType, types } from "../src/graph/Model.ts"

export type Sizes = ReadonlyArray<number | string>

const value = (name: string, type: ElementType, dims: Sizes): Message => {
  const shape = new Message()
  for (const size of dims)
    shape.message(1, typeof size === "number" ? new Message().int(1, size) : new Message().text(2, size))
  const tensor = new Message().int(1, types[type]).message(2, shape)
  return new Message().text(1, name).message(2, new Message().message(1, tensor))
}

export type Ports = Readonly<Record<string, readonly [ElementType, Sizes]>>
export type Node = readonly [op: string, inputs: ReadonlyArray<string>, output: string]

/** Weights that lie in another file, or in the graph. */
export interface Weight {
  readonly dims: ReadonlyArray<number>
  readonly at: { readonly location: string; readonly offset: number } | Float32Array
}

const weight = (name: string, { at, dims }: Weight): Message => {
  const tensor = new Message()
  for (const size of dims) tensor.int(1, size)
  tensor.int(2, types.float32).text(8, name)
  if (at instanceof Float32Array) return tensor.bytes(9, new Uint8Array(at.buffer))
  const length = dims.reduce((all, size) => all * size, 4)
  for (const [key, text] of Object.entries({ ...at, length }))
    tensor.message(13, new Message().text(1, key).text(2, String(text)))
  return tensor.int(14, 1)
}

export const graph = (
  nodes: ReadonlyArray<Node>,
  inputs: Ports,
  outputs: Ports,
  weights: Readonly<Record<string, Weight>> = {}
): Uint8Array => {
  const out = new Message()
  for (const [op, from, to] of nodes) {
    const node = new Message()
    for (const name of from) node.text(1, name)
    out.message(1, node.text(2, to).text(4, op))
  }
  out.text(2, "graph")
  for (const [name, one] of Object.entries(weights)) out.message(5, weight(name, one))
  for (const [name, [type, dims]] of Object.entries(inputs)) out.message(11, value(name, type, dims))
  for (const [name, [type, dims]] of Object.entries(outputs)) out.message(12, value(name, type, dims))
  return new Message().int(1, 8).message(7, out).message(8, new Message().text(1, "").int(2, 13)).finish()
}

/** sum = a + b, of any length. */
export const add = (type: ElementType = "float32"): Uint8Array =>
  graph([["Add", ["a", "b"], "sum"]], { a: [type, ["n"]], b: [type, ["n"]] }, { sum: [type, ["n"]] })

/** A chain of matrix products: `count` operators, each of `size` cubed multiplications. */
export const chain = (count: number, size: number): Uint8Array =>
  graph(
    Array.from({ length: count }, (_, i): Node => ["MatMul", [i === 0 ? "x" : `y${i - 1}`, "w"], `y${i}`]),
    { x: ["float32", [size, size]], w: ["float32", [size, size]] },
    { [`y${count - 1}`]: ["float32", [size, size]] }
  )
