/**
 * Some graphs take no position ids: they count on from the length of the cache. The new graph has no such length, so it is
 * given the positions in the counter's place.
 */
import type { Graph } from "./Graph.ts"
import { types } from "./Model.ts"

const passing = new Set(["Cast", "Identity", "Squeeze", "Reshape"])

/** Whether a value is the number of tokens in the cache: the third size of a tensor of it. */
const isPastLength = (graph: Graph, name: string, past: ReadonlySet<string>): boolean => {
  const node = graph.producer(name)
  if (node === undefined) return false
  if (passing.has(node.op)) return isPastLength(graph, node.inputs[0]!, past)
  if (node.op === "Shape") return past.has(node.inputs[0]!) && graph.attribute(node, "start") === 2
  if (node.op !== "Gather") return false
  const shape = graph.producer(node.inputs[0]!)
  const [index] = graph.constant(node.inputs[1]!) ?? []
  return shape?.op === "Shape" && past.has(shape.inputs[0]!) && index === 2
}

/** Gives the name of the position ids, [rows, new]; where the graph counted by itself, it takes them now. */
export const take = (graph: Graph, pastNames: ReadonlyArray<string>): string => {
  const known = graph.input("position_ids")
  const positions = graph.takes(known ?? { name: "position_ids", type: types.int64, dims: ["rows", "new"] })
  if (known !== undefined) return positions
  const past = new Set(pastNames)
  for (const node of graph.nodes) {
    if (node.op !== "Range" || !isPastLength(graph, node.inputs[0]!, past)) continue
    for (const reader of graph.consumers(node.outputs[0]!)) {
      const [axis, ...more] = reader.op === "Unsqueeze" ? (graph.constant(reader.inputs[1] ?? "") ?? []) : []
      if (axis !== 0 || more.length > 0) continue
      graph.remove(reader)
      graph.emit("Identity", [positions], reader.outputs)
    }
  }
  return positions
}

/** Tells whoever asks how large the cache is that nothing is in it. */
export const forget = (graph: Graph, pastNames: ReadonlyArray<string>, heads: number, headDim: number): void => {
  for (const name of pastNames) {
    for (const node of graph.consumers(name)) {
      if (node.op !== "Shape" || node.attributes.size > 0) continue
      graph.remove(node)
      graph.emit("Identity", [graph.ints([1, heads, 0, headDim])], node.outputs)
    }
  }
}
