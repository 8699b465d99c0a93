/**
 * Attention as one operator of ONNX Runtime (com.microsoft.GroupQueryAttention), as GenAI's builder writes it.
 */
import type { Attention } from "./Attention.ts"
import { type Graph, Unfit } from "./Graph.ts"
import type { Node } from "./Model.ts"

export interface Sizes {
  readonly kvHeads: number
  readonly headDim: number
}

/** What we know the meaning of. Anything else set is a reason to leave the graph alone. */
const known = new Set([
  "num_heads",
  "kv_num_heads",
  "scale",
  "softcap",
  "do_rotary",
  "rotary_interleaved",
  "local_window_size",
  // How long a cache may be that is cut to the window; ours is whole.
  "sliding_window_cache"
])

const checkAttributes = (graph: Graph, node: Node): void => {
  for (const name of node.attributes.keys()) {
    const value = graph.attribute(node, name)
    if (!known.has(name) && value !== 0 && value !== "NONE" && value !== "")
      throw new Unfit(`GroupQueryAttention with ${name}`)
  }
  // query, key, value, past key and value, lengths, cos and sin, position ids; then bias, sinks and what may come.
  if (node.inputs.slice(9).some((name) => name !== "")) throw new Unfit("GroupQueryAttention with a bias or sinks")
}

const rotaryOf = (graph: Graph, node: Node): Attention["rotary"] => {
  if ((graph.attribute(node, "do_rotary") ?? 0) === 0) return undefined
  const [cos, sin] = node.inputs.slice(7, 9)
  const half = cos === undefined ? undefined : graph.tensor(cos)?.dims[1]
  if (cos === undefined || sin === undefined || half === undefined) throw new Unfit("rotary tables that are computed")
  return { cos, sin, isInterleaved: graph.attribute(node, "rotary_interleaved") === 1, size: 2 * half }
}

const number = (graph: Graph, node: Node, name: string): number => {
  const value = graph.attribute(node, name) ?? 0
  return typeof value === "number" ? value : 0
}

/** Reads such a node. Throws `Unfit` where it does something that we do not know. */
export const find = (graph: Graph, node: Node, layer: number, sizes: Sizes): Attention => {
  checkAttributes(graph, node)
  const [queries = "", keys = "", values = ""] = node.inputs
  const [cap, window] = [number(graph, node, "softcap"), number(graph, node, "local_window_size")]
  const scale = number(graph, node, "scale") || 1 / Math.sqrt(sizes.headDim)
  const operand = (name: string) => (name === "" ? undefined : ({ name, layout: "flat" } as const))
  return {
    layer,
    heads: number(graph, node, "num_heads"),
    queries: { name: queries, layout: "flat" },
    keys: operand(keys),
    values: operand(values),
    rotary: rotaryOf(graph, node),
    scale: cap > 0 ? scale / cap : scale,
    factors: [],
    cap: cap > 0 ? cap : undefined,
    window: window > 0 ? window : undefined,
    mask: undefined,
    output: { name: node.outputs[0]!, layout: "flat" },
    node,
    gone: [node]
  }
}
