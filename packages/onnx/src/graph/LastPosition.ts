/**
 * The head of a model costs a row of the vocabulary for every position it is given; only the last new token's is read. So
 * the hidden states are picked before it.
 */
import type { Graph } from "./Graph.ts"
import { types } from "./Model.ts"
import type { Node } from "./Model.ts"
import { names } from "./SamplerTail.ts"

const products = new Set(["MatMul", "Gemm", "MatMulNBits", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"])
const single = new Set(["Cast", "Tanh", "Identity"])

/** From the logits back through what is done to each alone, to the product with the head's weights. */
const headOf = (graph: Graph, logits: string): Node | undefined => {
  for (let name = logits; ;) {
    const node = graph.producer(name)
    if (node === undefined || graph.consumers(name).length > (name === logits ? 0 : 1)) return undefined
    if (products.has(node.op)) return isFromWeights(graph, node) ? node : undefined
    const isAlone = single.has(node.op) || (["Mul", "Div", "Add"].includes(node.op) && hasConstant(graph, node))
    if (!isAlone) return undefined
    name = node.inputs.find((input) => graph.producer(input) !== undefined && graph.constant(input) === undefined) ?? ""
  }
}

const hasConstant = (graph: Graph, { inputs }: Node): boolean =>
  inputs.some((input) => graph.tensor(input) !== undefined || graph.constant(input) !== undefined)

const isFromWeights = (graph: Graph, node: Node): boolean => {
  const [, weight = ""] = node.inputs
  const before = graph.producer(weight)
  return graph.tensor(weight) !== undefined || before?.inputs.every((name) => graph.tensor(name) !== undefined) === true
}

/** Some exporters pick the last position themselves; ours may be another one. */
const unpicked = (graph: Graph, name: string): string => {
  const node = graph.producer(name)
  const [index] = graph.constant(node?.inputs[1] ?? "") ?? []
  if (node === undefined || index !== -1) return name
  const axis = node.op === "Slice" ? graph.constant(node.inputs[3] ?? "")?.[0] : graph.attribute(node, "axis")
  const isLast = (node.op === "Slice" || node.op === "Gather") && (axis === 1 || axis === -2)
  return isLast ? node.inputs[0]! : name
}

/** [rows, new, n] to [slots, n], where each slot says its row and position. */
const pick = (graph: Graph, name: string): string => graph.op("GatherND", [name, names.at])

/** The logits of each slot, [slots, vocabulary], in float32. */
export const logits = (graph: Graph, output: string): string => {
  graph.takes({ name: names.at, type: types.int64, dims: ["slots", 2] })
  const type = graph.output(output)?.type ?? types.float32
  const head = headOf(graph, output)
  graph.drop(output)
  if (head !== undefined) graph.rewire(head, [pick(graph, unpicked(graph, head.inputs[0]!)), ...head.inputs.slice(1)])
  const picked = head === undefined ? pick(graph, output) : output
  return type === types.float32 ? picked : graph.op("Cast", [picked], { to: types.float32 })
}
