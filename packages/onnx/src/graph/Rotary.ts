/**
 * Rotary positions written out in plain operators (twelve of them, twice a layer), recognised so that one operator of ONNX
 * Runtime can take their place: x · cos + (−x₂, x₁) · sin, by tables of the cosines and sines of all positions.
 */
import type { Attention, Operand } from "./Attention.ts"
import type { Graph } from "./Graph.ts"
import type { Node } from "./Model.ts"
import * as Sizes from "./Sizes.ts"

/** Where the graph turns a tensor, and by what. */
export interface Turned {
  readonly input: string
  readonly cos: string
  readonly sin: string
}

const isHalfSwap = (graph: Graph, node: Node | undefined, input: string): boolean => {
  const [left = "", right = "", ...more] = node?.op === "Concat" ? node.inputs : []
  const negated = graph.producer(left)
  if (negated?.op !== "Neg" || more.length > 0) return false
  const [upper, lower] = [graph.producer(negated.inputs[0]!), graph.producer(right)]
  if (upper === undefined || lower === undefined || upper.inputs[0] !== input || lower.inputs[0] !== input) return false
  if (upper === lower) return upper.op === "Split" && upper.outputs[1] === negated.inputs[0]
  // The upper half begins where the lower one begins no more.
  return upper.op === "Slice" && lower.op === "Slice" && startOf(graph, upper) > 0 && startOf(graph, lower) === 0
}

const startOf = (graph: Graph, slice: Node): number => Sizes.valueOf(graph, slice.inputs[1] ?? "") ?? NaN

const factors = (graph: Graph, name: string): ReadonlyArray<readonly [string, string]> => {
  const [left = "", right = ""] = graph.producer(name)?.op === "Mul" ? graph.producer(name)!.inputs : []
  return left === ""
    ? []
    : [
        [left, right],
        [right, left]
      ]
}

/** What a tensor was before it was turned; undefined where it was not, or otherwise. */
export const find = (graph: Graph, name: string): Turned | undefined => {
  const sum = graph.producer(name)
  if (sum?.op !== "Add") return undefined
  const [left = "", right = ""] = sum.inputs
  for (const [plain, swapped] of [
    [left, right],
    [right, left]
  ] as const) {
    for (const [input, cos] of factors(graph, plain)) {
      for (const [swap, sin] of factors(graph, swapped)) {
        if (isHalfSwap(graph, graph.producer(swap), input)) return { input, cos, sin }
      }
    }
  }
  return undefined
}

/** [rows, new, heads * headDim] where a tensor of heads is only that, reshaped and transposed. */
const flattened = (graph: Graph, operand: Operand): Operand => {
  const turned = graph.producer(operand.name)
  const isTurn = turned?.op === "Transpose" && String(graph.attribute(turned, "perm")) === "0,2,1,3"
  const split = isTurn ? graph.producer(turned.inputs[0]!) : undefined
  return split?.op === "Reshape" ? { name: split.inputs[0]!, layout: "flat" } : operand
}

/** The result as [rows, new, heads * headDim], where the graph goes on with that alone. */
const flatOutput = (graph: Graph, { name }: Operand): Operand | undefined => {
  const [turn, ...others] = graph.consumers(name)
  if (turn?.op !== "Transpose" || others.length > 0 || String(graph.attribute(turn, "perm")) !== "0,2,1,3")
    return undefined
  const [join, ...more] = graph.consumers(turn.outputs[0]!)
  const isJoin = join?.op === "Reshape" && join.inputs[0] === turn.outputs[0] && more.length === 0
  return isJoin ? { name: join.outputs[0]!, layout: "flat" } : undefined
}

/** Tables by the names of the cosines and sines that they stand for; undefined where they cannot. */
export type Tables = ReadonlyMap<
  string,
  { readonly cos: string; readonly sin: string; readonly size: number } | undefined
>

export const keyOf = ({ cos, sin }: Turned): string => `${cos} ${sin}`

/** The attention with its turns as one operator, and without what only turns its tensors about. */
export const simplify = (graph: Graph, found: Attention, tables: Tables): Attention => {
  const { keys, queries, values } = found
  if (keys === undefined || values === undefined || queries.layout === "flat") return found
  const [q, k] = [find(graph, queries.name), find(graph, keys.name)]
  const table = q === undefined || k === undefined || keyOf(q) !== keyOf(k) ? undefined : tables.get(keyOf(q))
  const rotary = table === undefined ? undefined : { ...table, isInterleaved: false }
  const before = (operand: Operand, turned: Turned | undefined): Operand =>
    flattened(graph, rotary === undefined ? operand : { ...operand, name: turned!.input })
  const output = flatOutput(graph, found.output)
  return {
    ...found,
    queries: before(queries, q),
    keys: before(keys, k),
    values: flattened(graph, values),
    rotary,
    output: output ?? found.output,
    gone: output === undefined ? [found.node] : [found.node, graph.producer(output.name)!]
  }
}
