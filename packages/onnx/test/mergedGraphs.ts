/** Models with branches, put together from graphs and taken apart. */
import { Graph } from "../src/graph/Graph.ts"
import { SWITCH } from "../src/graph/Merged.ts"
import { blank, type Model, type Node, type Parts, partsOf, types, write } from "../src/graph/Model.ts"
import { fields, Message } from "../src/graph/Wire.ts"

/** The GraphProto of parts. */
const graphOf = (parts: Parts): Uint8Array =>
  fields(write({ ...blank(17), ...parts })).find(({ number }) => number === 7)!.bytes

const branch = (name: string, parts: Parts): readonly [string, Uint8Array] => [
  name,
  new Message().text(1, name).bytes(6, graphOf(parts)).int(20, 5).finish()
]

/** An `If` with these branches, which take what they need from around it. */
export const choice = (condition: string, outputs: ReadonlyArray<string>, then: Parts, otherwise: Parts): Node => ({
  op: "If",
  domain: "",
  inputs: [condition],
  outputs,
  attributes: new Map([
    branch("then_branch", { ...then, inputs: [] }),
    branch("else_branch", { ...otherwise, inputs: [] })
  ])
})

/** Takes x, the switch and what else is made; gives y and z. */
export const merged = (then: Parts, otherwise: Parts, change: (graph: Graph) => void = () => {}): Model => {
  const graph = new Graph(blank(17))
  graph.takes({ name: "x", type: types.float32, dims: ["n"] })
  graph.takes({ name: SWITCH, type: types.bool, dims: [1] })
  for (const name of ["y", "z"]) graph.gives({ name, type: types.float32, dims: ["n"] })
  graph.add(choice(SWITCH, ["y", "z"], then, otherwise))
  change(graph)
  return graph.finish()
}

/** The same model with all its weights in its branches. */
export const withWeightsInside = (model: Model): Model => {
  const inside = ({ attributes, inputs, outputs }: Node): Node => {
    const of = (name: string): Parts => {
      const bytes = fields(attributes.get(name)!).find(({ number }) => number === 6)!.bytes
      const parts = partsOf(bytes)
      return { ...parts, tensors: [...parts.tensors, ...model.tensors] }
    }
    return choice(inputs[0]!, outputs, of("then_branch"), of("else_branch"))
  }
  return { ...model, nodes: model.nodes.map(inside), tensors: [] }
}
