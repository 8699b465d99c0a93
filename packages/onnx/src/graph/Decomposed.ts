/**
 * Attention written out in plain operators, as torch's and Optimum's exporters do: past and new keys joined, repeated for
 * the heads that share them, multiplied with the queries, scaled, masked, put through a softmax, multiplied with the values.
 */
import type { Attention, Mask } from "./Attention.ts"
import { type Graph, Unfit } from "./Graph.ts"
import type { Sizes } from "./GroupQuery.ts"
import type { Node } from "./Model.ts"

/** Scalars met on the way: numbers are multiplied up, computed ones kept by name. */
interface Scaling {
  readonly number: number
  readonly factors: Attention["factors"]
}
const none: Scaling = { number: 1, factors: [] }

const passing = new Set(["Unsqueeze", "Expand", "Reshape", "Transpose", "Identity", "Cast", "Squeeze"])

/** A node that multiplies or divides by one number; undefined if its other operand may be more. */
const scaled = (graph: Graph, node: Node, name: string, before: Scaling): Scaling | undefined => {
  if (node.op !== "Mul" && node.op !== "Div") return undefined
  if (node.op === "Div" && node.inputs[0] !== name) return undefined
  const other = node.inputs[0] === name ? node.inputs[1]! : node.inputs[0]!
  const value = graph.constant(other)
  if (value === undefined && !isScalar(graph, other)) return undefined
  if (value === undefined)
    return { number: before.number, factors: [...before.factors, { name: other, op: node.op } as const] }
  if (value.length !== 1) return undefined
  return { ...before, number: node.op === "Mul" ? before.number * value[0]! : before.number / value[0]! }
}

/** Whether a computed value is surely one number: arithmetic on sizes of shapes and constants. */
const isScalar = (graph: Graph, name: string): boolean => {
  const node = graph.producer(name)
  if (node === undefined) return false
  if (["Sqrt", "Cast", "Identity"].includes(node.op)) return isScalar(graph, node.inputs[0]!)
  if (["Mul", "Div"].includes(node.op))
    return node.inputs.every((input) => graph.constant(input)?.length === 1 || isScalar(graph, input))
  const isSize = graph.producer(node.inputs[0] ?? "")?.op === "Shape" && node.op !== "Shape"
  return isSize && ["Gather", "Slice", "Squeeze"].includes(node.op)
}

/** What was multiplied or divided by numbers before it came to this, and by which: Optimum scales both sides of the product. */
const before = (graph: Graph, name: string, scaling: Scaling = none): Pick<Found, "name" | "scaling"> => {
  const node = graph.producer(name)
  const input = node?.inputs.find((one) => scaled(graph, node, one, scaling) !== undefined)
  return node === undefined || input === undefined
    ? { name, scaling }
    : before(graph, input, scaled(graph, node, input, scaling))
}

interface Found {
  readonly node: Node
  readonly name: string
  readonly scaling: Scaling
}

/** ONNX's own operator of attention (since version 23) takes keys second and values third; a product its right side. */
const takes = (node: Node, name: string, place: number): boolean =>
  (node.op === "MatMul" && node.inputs[1] === name) ||
  (node.op === "Attention" && node.domain === "" && node.inputs[place] === name)

/** What a joined cache goes into. */
const productOf = (graph: Graph, from: string, place: number): Found | undefined => {
  const open: Array<{ readonly name: string; readonly scaling: Scaling }> = [{ name: from, scaling: none }]
  for (const { name, scaling } of open) {
    for (const node of graph.consumers(name)) {
      if (takes(node, name, place)) return { node, name, scaling }
      const more = scaled(graph, node, name, scaling)
      if (more !== undefined) open.push({ name: node.outputs[0]!, scaling: more })
      else if (passing.has(node.op) && node.inputs[0] === name) open.push({ name: node.outputs[0]!, scaling })
    }
  }
  return undefined
}

interface Scores {
  readonly scaling: Scaling
  readonly cap: number | undefined
  readonly mask: Mask | undefined
}

const only = (graph: Graph, name: string): Node => {
  const [node, ...others] = graph.consumers(name)
  if (node === undefined || others.length > 0) throw new Unfit("scores that go more than one way")
  return node
}

const maskOf = (node: Node, name: string): Mask => {
  if (node.op === "Add") return { name: node.inputs.find((input) => input !== name)!, kind: "term" }
  return { name: node.inputs[0]!, kind: node.inputs[1] === name ? "keep" : "replace" }
}

/** What happens to the scores from the product to the softmax. */
const scoresOf = (graph: Graph, product: Node): Scores & { readonly softmax: Node } => {
  let [scaling, after, isCapped, mask]: [Scaling, number, boolean, Mask | undefined] = [none, 1, false, undefined]
  for (let name = product.outputs[0]!; ;) {
    const node = only(graph, name)
    const more =
      mask === undefined ? scaled(graph, node, name, isCapped ? { ...none, number: after } : scaling) : undefined
    if (node.op === "Softmax") return { scaling, cap: isCapped ? after : undefined, mask, softmax: node }
    if (more !== undefined && isCapped && more.factors.length === 0) after = more.number
    else if (more !== undefined && !isCapped) scaling = more
    else if (node.op === "Tanh" && !isCapped && mask === undefined) isCapped = true
    else if ((node.op === "Add" || node.op === "Where") && mask === undefined) mask = maskOf(node, name)
    else if (node.op !== "Cast" && node.op !== "Identity") throw new Unfit(`${node.op} on the scores of attention`)
    name = node.outputs[0]!
  }
}

/** The product with the values; a guard against rows that see nothing may stand before it. */
const weighed = (graph: Graph, softmax: Node, values: Found): Node => {
  const open = [softmax.outputs[0]!]
  for (const name of open) {
    for (const node of graph.consumers(name)) {
      if (node === values.node && node.inputs[0] === name) return node
      if (["IsNaN", "Where", "Cast", "Identity"].includes(node.op)) open.push(node.outputs[0]!)
      else throw new Unfit(`${node.op} on the weights of attention`)
    }
  }
  throw new Unfit("weights of attention that do not meet the values")
}

const join = (graph: Graph, past: string): Node => {
  const node = graph.consumers(past).find(({ op }) => op === "Concat")
  if (node === undefined || node.inputs.length !== 2 || node.inputs[0] !== past)
    throw new Unfit(`a cache that is not joined as known (${past})`)
  return node
}

const number = (graph: Graph, node: Node, name: string): number => {
  const value = graph.attribute(node, name)
  return typeof value === "number" ? value : 0
}

/** What ONNX's own operator does to the scores. */
const operatorOf = (graph: Graph, node: Node, headDim: number): Pick<Attention, "scale" | "cap" | "mask"> => {
  const [mask = "", ...caches] = node.inputs.slice(3)
  const isCausal = number(graph, node, "is_causal") === 1
  if (caches.some((name) => name !== "")) throw new Unfit("Attention with a cache")
  if (number(graph, node, "q_num_heads") > 0) throw new Unfit("Attention with heads side by side")
  if (node.outputs.slice(1).some((name) => name !== "")) throw new Unfit("Attention that gives more than its result")
  if (isCausal === (mask !== "")) throw new Unfit("Attention with both masks or none")
  const cap = number(graph, node, "softcap")
  const scale = number(graph, node, "scale") || 1 / Math.sqrt(headDim)
  return {
    scale: cap > 0 ? scale / cap : scale,
    cap: cap > 0 ? cap : undefined,
    mask: mask === "" ? undefined : { name: mask, kind: "term" }
  }
}

/** What written-out operators do to them, and the node that gives the result. */
const writtenOf = (graph: Graph, product: Node, values: Found) => {
  const { cap, mask, scaling, softmax } = scoresOf(graph, product)
  const { factors, number: scale } = scaling
  return { cap, mask, scale, factors, node: weighed(graph, softmax, values) }
}

/** Reads the attention whose cache is `pastKeys` and `pastValues`. Throws `Unfit` where it is not as known. */
export const find = (
  graph: Graph,
  past: readonly [string, string],
  layer: number,
  sizes: Sizes & { heads: number }
): Attention => {
  const [joinedKeys, joinedValues] = [join(graph, past[0]), join(graph, past[1])]
  const keys = productOf(graph, joinedKeys.outputs[0]!, 1)
  const values = productOf(graph, joinedValues.outputs[0]!, 2)
  if (keys === undefined || values === undefined) throw new Unfit("attention that is not as known")
  if (values.scaling.number !== 1 || values.scaling.factors.length > 0) throw new Unfit("values that are scaled")
  const isOne = keys.node.op === "Attention"
  if (isOne && keys.node !== values.node) throw new Unfit("keys and values of unlike attention")
  const { cap, factors, mask, node, scale } = isOne
    ? { ...operatorOf(graph, keys.node, sizes.headDim), factors: [], node: keys.node }
    : writtenOf(graph, keys.node, values)
  const queries = before(graph, keys.node.inputs[0]!)
  return {
    layer,
    heads: sizes.heads,
    queries: { name: queries.name, layout: "heads" },
    keys: { name: joinedKeys.inputs[1]!, layout: "heads" },
    values: { name: joinedValues.inputs[1]!, layout: "heads" },
    rotary: undefined,
    scale: scale * keys.scaling.number * queries.scaling.number,
    factors: [...queries.scaling.factors, ...keys.scaling.factors, ...factors],
    cap,
    window: undefined,
    mask,
    output: { name: node.outputs[0]!, layout: "heads" },
    node,
    gone: [node]
  }
}
