import { assert, describe, it } from "@effect/vitest"
import { open } from "../src/driver/NodeSession.ts"
import { Graph } from "../src/graph/Graph.ts"
import { blank, type Model, types, write } from "../src/graph/Model.ts"
import * as Sizes from "../src/graph/Sizes.ts"

const [ROWS, NEW, WIDTH] = [2, 3, 4]

const run = async (model: Model) => {
  const session = await open({ graph: write(model), folder: "." }, { threads: 1 })
  const data = BigInt64Array.from({ length: ROWS * NEW }, (_, i) => BigInt(i))
  const out = await session.run({ input_ids: { type: "int64", data, dims: [ROWS, NEW] } })
  await session.close()
  return Array.from(out["size"]!.data, Number)
}

/** Hidden states, [rows, new, width]. */
const embedded = (graph: Graph): string =>
  graph.op("Gather", [
    graph.table(
      "embeddings",
      Array.from({ length: 40 }, (_, i) => i),
      [10, WIDTH]
    ),
    "input_ids"
  ])
const product = (graph: Graph, name: string): string =>
  graph.op("MatMul", [
    name,
    graph.table(
      "weights",
      Array.from({ length: 16 }, (_, i) => i),
      [WIDTH, WIDTH]
    )
  ])
const size = (graph: Graph, name: string, axis: number): string =>
  graph.op("Gather", [graph.op("Shape", [name]), graph.ints([axis], [])], { axis: 0 })
const heads = (graph: Graph, name: string, last = 2): string => {
  const parts = [size(graph, name, 0), size(graph, name, 1)].map((one) => graph.op("Unsqueeze", [one, graph.ints([0])]))
  const shape = graph.op("Concat", [...parts, graph.ints([2]), graph.ints([last])], { axis: 0 })
  return graph.op("Transpose", [graph.op("Reshape", [name, shape])], { perm: [0, 2, 1, 3] })
}

const made = (make: (graph: Graph) => string): Model => {
  const graph = new Graph(blank(17))
  graph.takes({ name: "input_ids", type: types.int64, dims: ["rows", "new"] })
  const out = make(graph)
  graph.emit("Identity", [out], ["size"])
  graph.gives({ name: "size", type: types.int64, dims: [] })
  return graph.finish()
}

const known: ReadonlyArray<readonly [what: string, make: (graph: Graph) => string]> = [
  ["rows of the token ids themselves", (graph) => size(graph, "input_ids", 0)],
  ["new tokens of hidden states", (graph) => size(graph, embedded(graph), 1)],
  ["rows of a product with weights", (graph) => size(graph, product(graph, embedded(graph)), 0)],
  [
    "new tokens behind a norm and a sum",
    (graph) => {
      const hidden = embedded(graph)
      const mean = graph.op("ReduceMean", [graph.op("Pow", [hidden, graph.floats([2], [])])], { axes: [-1] })
      const scaled = graph.op("Mul", [hidden, graph.op("Div", [graph.floats([1], []), graph.op("Sqrt", [mean])])])
      return size(graph, graph.op("Add", [hidden, product(graph, scaled)]), 1)
    }
  ],
  ["new tokens of heads", (graph) => size(graph, heads(graph, product(graph, embedded(graph))), 2)],
  ["size of a head", (graph) => size(graph, heads(graph, product(graph, embedded(graph))), 3)],
  [
    "new tokens among other sizes",
    (graph) => {
      const turned = heads(graph, product(graph, embedded(graph)))
      return graph.op("Gather", [graph.op("Shape", [turned]), graph.ints([2])], { axis: 0 })
    }
  ]
]

const unknown: typeof known = [
  ["what a Reshape finds out", (graph) => size(graph, heads(graph, product(graph, embedded(graph)), -1), 3)],
  [
    "a slice",
    (graph) => {
      const ends = [graph.ints([0]), graph.ints([1]), graph.ints([1])]
      return size(graph, graph.op("Slice", [product(graph, embedded(graph)), ...ends]), 1)
    }
  ],
  [
    "columns of a table",
    (graph) => {
      const values = Array.from({ length: 24 }, (_, i) => i)
      const columns = graph.op("Gather", [graph.table("table", values, [4, 6]), "input_ids"], { axis: 1 })
      return size(graph, product(graph, graph.op("Transpose", [columns], { perm: [1, 2, 0] })), 0)
    }
  ],
  [
    "several sizes at once",
    (graph) =>
      graph.op("Gather", [graph.op("Shape", [product(graph, embedded(graph))]), graph.ints([0, 1])], { axis: 0 })
  ]
]

const operators = ({ nodes }: Model) => nodes.map(({ op }) => op)

describe("a size", () => {
  it.each(known)("that is known is told without layers: %s", async (_, make) => {
    const model = made(make)
    const settled = Sizes.settled(model)
    assert.notIncludeMembers(operators(settled), ["MatMul"])
    assert.notInclude(operators(settled), "Reshape")
    assert.deepStrictEqual(await run(settled), await run(model))
  })

  it.each(unknown)("that is not surely known is left: %s", async (_, make) => {
    const model = made(make)
    const settled = Sizes.settled(model)
    assert.include(operators(settled), "MatMul")
    assert.deepStrictEqual(await run(settled), await run(model))
  })
})

describe("a whole number", () => {
  const valueOf = (make: (graph: Graph) => string) => {
    const graph = new Graph(made((graph) => graph.op("Identity", [make(graph)])))
    return Sizes.valueOf(graph, graph.producer(graph.producer("size")!.inputs[0]!)!.inputs[0]!)
  }
  const headDim = (graph: Graph) => size(graph, heads(graph, product(graph, embedded(graph))), 3)

  it.each<[string, (graph: Graph) => string, number | undefined]>([
    ["written down", (graph) => graph.ints([5], []), 5],
    ["half a head", (graph) => graph.op("Div", [headDim(graph), graph.ints([2], [])]), 1],
    ["towards nought", (graph) => graph.op("Div", [graph.ints([-7], []), graph.ints([2], [])]), -3],
    [
      "by all four operations",
      (graph) => {
        const two = headDim(graph)
        return graph.op("Sub", [graph.op("Mul", [two, graph.op("Add", [two, two])]), graph.ints([1], [])])
      },
      7
    ],
    [
      "behind what passes it on",
      (graph) => graph.op("Unsqueeze", [graph.op("Cast", [headDim(graph)], { to: types.int64 }), graph.ints([0])]),
      2
    ],
    ["out of a list", (graph) => graph.op("Gather", [graph.ints([4, 6]), graph.ints([1], [])], { axis: 0 }), 6],
    ["that changes", (graph) => size(graph, "input_ids", 1), undefined],
    ["of two", (graph) => graph.ints([1, 2]), undefined]
  ])("%s", (_, make, wanted) => assert.strictEqual(valueOf(make), wanted))
})
