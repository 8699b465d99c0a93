/**
 * Attention over [prefix, held once for all rows of a group | a row's own past | new tokens], without ever joining them
 * in memory: the cache stays where it is, and the graph gives only the keys and values of the new tokens. A prompt is so
 * read once per step and not once per row (as in Hydragen, arXiv 2402.05099, and cascade attention).
 */
import type { Attention, Operand } from "./Attention.ts"
import { type Graph, microsoft } from "./Graph.ts"
import type { Sizes } from "./GroupQuery.ts"
import { types } from "./Model.ts"

/**
 * Names of what the new graph takes and gives. Sizes: kvHeads, groups, rows, prefix, own, new, headDim. The 1 stands where
 * queries have the heads that share a key.
 */
export const names = {
  /** [kvHeads, groups, 1, prefix, headDim]; rows stand group by group, equally many in each. */
  prefix: (tensor: number) => `mulligan.prefix.${tensor}`,
  /** [kvHeads, rows, 1, own, headDim] */
  own: (tensor: number) => `mulligan.own.${tensor}`,
  /** [1, rows, 1, new, prefix + own + new] in float32: 0 where a token is seen, very negative elsewhere. One for each window. */
  mask: (window: number | undefined) => (window === undefined ? "mulligan.mask" : `mulligan.mask.${window}`),
  /** [2 * layers * kvHeads, rows, 1, new, headDim] */
  fresh: "mulligan.fresh",
  /** [kvHeads, rows, 1, own + new, headDim]: a row's own with the new ones behind it, for a cache on a device. */
  grown: (tensor: number) => `mulligan.grown.${tensor}`
}

/** Shapes that all layers share, computed once per step. */
interface Shapes {
  /** Queries and scores of the prefix, group by group: [kvHeads, groups, parts, lines, headDim or prefix]. */
  readonly queries: string
  readonly weights: string
  /** The same row by row: [kvHeads, rows, group, new, prefix or headDim]. */
  readonly scores: string
  readonly heads: string
  /** Of the tokens: prefix, own and new, or where own and new are one tensor, prefix and grown. */
  readonly parts: string
}

const size = (graph: Graph, of: string, axis: number): string =>
  graph.op("Gather", [graph.op("Shape", [of]), graph.ints([axis])])

const join = (graph: Graph, ...sizes: ReadonlyArray<string>): string => graph.op("Concat", sizes, { axis: 0 })

/**
 * Lines of one product with the prefix: those of all rows and heads that share a key, so that it is laid out for the product
 * once. A single line needs no such layout: then each head is a product of its own.
 */
const linesOf = (graph: Graph, rows: string, groups: string, fresh: string, group: string) => {
  const each = graph.op("Mul", [graph.op("Div", [rows, groups]), fresh])
  const one = graph.ints([1])
  const parts = graph.op("Where", [graph.op("Equal", [each, one]), group, one])
  return { parts, lines: graph.op("Div", [graph.op("Mul", [each, group]), parts]) }
}

const shapesOf = ({ gives, graph, headDim, ids, kvHeads }: Context, group: number): Shapes => {
  const [rows, fresh] = [size(graph, ids, 0), size(graph, ids, 1)]
  const [groups, prefix] = [size(graph, names.prefix(0), 1), size(graph, names.prefix(0), 3)]
  const own = size(graph, names.own(0), 3)
  const [kv, g, d] = [kvHeads, group, headDim].map((value) => graph.ints([value])) as [string, string, string]
  const { lines, parts } = linesOf(graph, rows, groups, fresh, g)
  return {
    queries: join(graph, kv, groups, parts, lines, d),
    weights: join(graph, kv, groups, parts, lines, prefix),
    scores: join(graph, kv, rows, g, fresh, prefix),
    heads: join(graph, kv, rows, g, fresh, d),
    parts: gives === "fresh" ? join(graph, prefix, own, fresh) : join(graph, prefix, graph.op("Add", [own, fresh]))
  }
}

/**
 * What comes out of a step for the cache. "fresh": the new keys and values alone, for a cache in JavaScript. "grown": each
 * row's own with the new ones behind it, for one that stays on a device and is fed again.
 */
export type Gives = "fresh" | "grown"

export interface Context extends Sizes {
  readonly graph: Graph
  readonly gives: Gives
  /** Element type of queries, keys and values in the graph. */
  readonly type: number
  /** That of the cache, in which attention is computed: float32, or the graph's. */
  readonly kept: number
  readonly positions: string
  readonly ids: string
  readonly shapes: Map<number, Shapes>
  /** The masks in the element type of the cache, by their names. */
  readonly masks: Map<string, string>
}

/** A value of the graph as the cache has it. */
const kept = ({ graph, kept: to, type }: Context, name: string): string =>
  type === to ? name : graph.op("Cast", [name], { to })

/** A number as the cache has it, which is folded when the graph is loaded. */
const number = ({ graph, kept: to }: Context, value: number): string => {
  const made = graph.floats([value], [])
  return to === types.float32 ? made : graph.op("Cast", [made], { to })
}

/** The least that half precision can add to a score without leaving its range; its exponential is 0 all the same. */
const LEAST = -3e4

const maskOf = (context: Context, window: number | undefined): string => {
  const { graph, kept: to, masks } = context
  const name = names.mask(window)
  if (to === types.float32) return name
  const known = masks.get(name) ?? graph.op("Cast", [graph.op("Max", [name, graph.floats([LEAST], [])])], { to })
  masks.set(name, known)
  return known
}

const rotated = (context: Context, { name }: Operand, heads: number, { rotary }: Attention): string => {
  const { graph, positions } = context
  const input = kept(context, name)
  if (rotary === undefined) return input
  const [cos, sin] = [rotary.cos, rotary.sin].map((table) => kept(context, table)) as [string, string]
  const attributes = {
    num_heads: heads,
    interleaved: rotary.isInterleaved ? 1 : 0,
    rotary_embedding_dim: rotary.size === context.headDim ? 0 : rotary.size
  }
  return graph.op("RotaryEmbedding", [input, positions, cos, sin], attributes, microsoft)
}

/**
 * [kvHeads, rows, heads of each, new, headDim], scaled; on a device the products scale, which on the CPU is slower for a
 * single line.
 */
const queriesOf = (context: Context, found: Attention, queries: Operand): string => {
  const { graph, headDim, kvHeads } = context
  const group = found.heads / kvHeads
  const own = rotated(context, queries, found.heads, found)
  const given = found.factors.reduce((name, factor) => graph.op(factor.op, [name, kept(context, factor.name)]), own)
  const isScaled = found.scale === 1 || context.gives === "grown"
  const all = isScaled ? given : graph.op("Mul", [given, number(context, found.scale)])
  if (queries.layout === "heads") {
    const split = graph.op("Reshape", [all, graph.ints([0, kvHeads, group, -1, headDim])])
    return graph.op("Transpose", [split], { perm: [1, 0, 2, 3, 4] })
  }
  const split = graph.op("Reshape", [all, graph.ints([0, 0, kvHeads, group, headDim])])
  return graph.op("Transpose", [split], { perm: [2, 0, 3, 1, 4] })
}

/** [kvHeads, rows, 1, new, headDim] */
const freshOf = (context: Context, name: string, { layout }: Operand): string => {
  const { graph, headDim, kvHeads } = context
  if (layout === "heads") {
    const split = graph.op("Reshape", [name, graph.ints([0, kvHeads, 1, -1, headDim])])
    return graph.op("Transpose", [split], { perm: [1, 0, 2, 3, 4] })
  }
  const split = graph.op("Reshape", [name, graph.ints([0, 0, kvHeads, 1, headDim])])
  return graph.op("Transpose", [split], { perm: [2, 0, 3, 1, 4] })
}

/** Queries, keys and values on their own, where one tensor held all three. */
const unpacked = ({ graph, headDim, kvHeads }: Context, found: Attention): readonly [Operand, Operand, Operand] => {
  if (found.keys !== undefined && found.values !== undefined) return [found.queries, found.keys, found.values]
  const parts = [graph.name(), graph.name(), graph.name()] as const
  const sizes = graph.ints([found.heads * headDim, kvHeads * headDim, kvHeads * headDim])
  graph.emit("Split", [found.queries.name, sizes], parts, { axis: -1 })
  const [queries, keys, values] = parts.map((name) => ({ name, layout: "flat" }) as const)
  return [queries!, keys!, values!]
}

const reshape = (graph: Graph, name: string, shape: string) => graph.op("Reshape", [name, shape], { allowzero: 1 })

/** How much of each token a query takes: of the prefix, and of the others' tensors in their order. */
const weightsOf = (context: Context, found: Attention, queries: string, others: ReadonlyArray<string>) => {
  const { gives, graph } = context
  const shapes = context.shapes.get(found.heads / context.kvHeads)!
  const attributes = gives === "grown" ? { transB: 1, alpha: { float: found.scale } } : { transB: 1 }
  const product = (left: string, right: string) => graph.op("FusedMatMul", [left, right], attributes, microsoft)
  const prefix = product(graph.op("Reshape", [queries, shapes.queries]), names.prefix(2 * found.layer))
  const scores = [reshape(graph, prefix, shapes.scores), ...others.map((keys) => product(queries, keys))]
  const all = graph.op("Concat", scores, { axis: -1 })
  const capped = found.cap === undefined ? all : graph.op("Mul", [graph.op("Tanh", [all]), number(context, found.cap)])
  const masked = graph.op("Add", [capped, maskOf(context, found.window)])
  const parts = scores.map(() => graph.name())
  graph.emit("Split", [graph.op("Softmax", [masked], { axis: -1 }), shapes.parts], parts, { axis: -1 })
  const [first, ...rest] = parts
  return { prefix: reshape(graph, first!, shapes.weights), others: rest }
}

/** A row's own keys or values with the new ones: as two tensors, or joined as the cache takes them. */
const withOwn = ({ gives, graph }: Context, tensor: number, fresh: string): ReadonlyArray<string> => {
  if (gives === "fresh") return [names.own(tensor), fresh]
  graph.emit("Concat", [names.own(tensor), fresh], [names.grown(tensor)], { axis: 3 })
  return [names.grown(tensor)]
}

/** Puts the new attention in place of the found one; gives the names of its new keys and values. */
export const replace = (context: Context, found: Attention): readonly [keys: string, values: string] => {
  const { graph, kvHeads } = context
  const group = found.heads / kvHeads
  const shapes = context.shapes.get(group) ?? shapesOf(context, group)
  context.shapes.set(group, shapes)
  const [q, k, v] = unpacked(context, found)
  const [keyAt, valueAt] = [2 * found.layer, 2 * found.layer + 1]
  const keys = freshOf(context, rotated(context, k, kvHeads, found), k)
  const values = freshOf(context, kept(context, v.name), v)
  const weights = weightsOf(context, found, queriesOf(context, found, q), withOwn(context, keyAt, keys))
  const prefix = graph.op("MatMul", [weights.prefix, names.prefix(valueAt)])
  const others = withOwn(context, valueAt, values).map((all, i) => graph.op("MatMul", [weights.others[i]!, all]))
  const rest = others.reduce((sum, one) => graph.op("Add", [sum, one]))
  give(context, found, graph.op("Add", [graph.op("Reshape", [prefix, shapes.heads]), rest]))
  return [keys, values]
}

/** What the attention found there gave is now this, [kvHeads, rows, group, new, headDim]. */
const give = ({ graph, headDim, kept, type }: Context, found: Attention, heads: string): void => {
  found.gone.forEach((node) => graph.remove(node))
  const isFlat = found.output.layout === "flat"
  const turned = graph.op("Transpose", [heads], { perm: isFlat ? [1, 3, 0, 2, 4] : [1, 0, 2, 3, 4] })
  const shape = graph.ints(isFlat ? [0, 0, found.heads * headDim] : [0, found.heads, -1, headDim])
  if (type === kept) graph.emit("Reshape", [turned, shape], [found.output.name])
  else graph.emit("Cast", [graph.op("Reshape", [turned, shape])], [found.output.name], { to: type })
}
