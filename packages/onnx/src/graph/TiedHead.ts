/**
 * Many models use one matrix for embeddings and head. ONNX Runtime would turn it about for the head and keep that beside the
 * original; here the head takes it as it lies, and the embeddings get a name of their own for the same place in the file: a
 * mapping of which only the rows that are looked up are ever read. Saves the matrix once, 113 MB of SmolLM2-135M's 538.
 */
import { type Graph, microsoft } from "./Graph.ts"
import { type Node, type Tensor, tensorOf } from "./Model.ts"
import { fields, Message } from "./Wire.ts"

const NAME = 8

const renamed = ({ raw }: Tensor, name: string): Tensor => {
  const out = new Message()
  for (const field of fields(raw)) if (field.number !== NAME) out.raw(field.raw)
  return tensorOf(out.text(NAME, name).finish())
}

/** The matrix that a product takes turned about; undefined where it takes none or another turn. */
const turnedBy = (graph: Graph, { inputs, op }: Node): Tensor | undefined => {
  const turn = op === "MatMul" ? graph.producer(inputs[1]!) : undefined
  const isTurn = turn?.op === "Transpose" && String(graph.attribute(turn, "perm") ?? "1,0") === "1,0"
  return isTurn ? graph.tensor(turn.inputs[0]!) : undefined
}

/** The head with the matrix as it lies; the same head where there is nothing to gain. */
export const untie = (graph: Graph, head: Node): Node => {
  const matrix = turnedBy(graph, head)
  if (matrix === undefined || matrix.type !== 1) return head
  graph.remove(head)
  graph.emit("FusedMatMul", [head.inputs[0]!, matrix.name], head.outputs, { transB: 1 }, microsoft)
  const alias = `mulligan.rows.${matrix.name}`
  for (const node of graph.consumers(matrix.name)) {
    if (node.op !== "Gather" || node.inputs[0] !== matrix.name) continue
    graph.put(renamed(matrix, alias))
    graph.rewire(node, [alias, ...node.inputs.slice(1)])
  }
  return graph.producer(head.outputs[0]!)!
}
