import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { open } from "../src/driver/NodeSession.ts"
import type { Tensor as Data } from "../src/driver/Session.ts"
import { Graph, Unfit } from "../src/graph/Graph.ts"
import * as Merged from "../src/graph/Merged.ts"
import { blank, type Model, type Parts, parse, types, write } from "../src/graph/Model.ts"
import { choice, merged, withWeightsInside } from "./mergedGraphs.ts"
import { fixture } from "./subjects.ts"

const numbers = (...values: ReadonlyArray<number>): Data => ({
  type: "float32",
  data: Float32Array.from(values),
  dims: [values.length]
})
const feeds = { x: numbers(1, 2) }
const on = { [Merged.SWITCH]: { type: "bool", data: Uint8Array.of(1), dims: [1] } as const }

const run = async (model: Model, feeds: Record<string, Data>) => {
  const session = await open({ graph: write(model), folder: "." }, { threads: 1 })
  const out = await session.run(feeds)
  await session.close()
  return Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, Array.from(data, Number)]))
}

/** A branch: what it makes, and the names of its results. */
const branch = (names: ReadonlyArray<string>, make: (graph: Graph) => void): Parts => {
  const graph = new Graph(blank(17))
  for (const name of ["x", "w", "v"]) graph.takes({ name, type: types.float32, dims: ["n"] })
  make(graph)
  const outputs = names.map((name) => ({ name, type: types.float32, dims: ["n"] }))
  outputs.forEach((value) => graph.gives(value))
  return { ...graph.finish(), outputs }
}
const other = branch(["y", "z"], (graph) => {
  graph.emit("Neg", ["x"], ["y"])
  graph.emit("Add", ["x", graph.table("unused", [7, 7])], ["z"])
})

const nothing = () => {}
const cases: ReadonlyArray<readonly [what: string, then: Parts, around?: (graph: Graph) => void]> = [
  [
    "its outputs called as those of the If",
    branch(["y", "z"], (graph) => {
      graph.emit("Abs", ["x"], ["y"])
      graph.emit("Mul", ["y", "x"], ["z"])
    })
  ],
  [
    "its outputs called as the others of the If",
    branch(["z", "y"], (graph) => {
      graph.emit("Abs", ["x"], ["y"])
      graph.emit("Mul", ["y", "x"], ["z"])
    })
  ],
  [
    "weights of its own",
    branch(["a", "b"], (graph) => {
      graph.emit("Add", ["x", graph.table("own", [10, 20])], ["a"])
      graph.emit("Mul", ["x", "own"], ["b"])
    })
  ],
  [
    "weights called as some around it",
    branch(["a", "b"], (graph) => {
      graph.emit("Add", ["x", graph.table("w", [10, 20])], ["a"])
      graph.emit("Mul", ["a", "w"], ["b"])
    }),
    (graph) => {
      graph.emit("Mul", ["x", graph.table("w", [3, 4])], ["v"])
      graph.emit("Add", ["v", "y"], ["sum"])
      graph.gives({ name: "sum", type: types.float32, dims: ["n"] })
    }
  ],
  [
    "an inner value called as an output of the If",
    branch(["a", "b"], (graph) => {
      graph.emit("Neg", ["x"], ["z"])
      graph.emit("Mul", ["z", "x"], ["a"])
      graph.emit("Add", ["z", "a"], ["b"])
    })
  ],
  [
    "values from around it",
    branch(["a", "b"], (graph) => {
      graph.emit("Add", ["x", "w"], ["a"])
      graph.emit("Mul", ["x", "v"], ["b"])
    }),
    (graph) => graph.emit("Neg", [graph.table("w", [3, 4])], ["v"])
  ],
  [
    "an output that is a weight",
    branch(["own", "a"], (graph) => graph.emit("Add", ["x", graph.table("own", [5, 6])], ["a"]))
  ],
  [
    "branches of its own, which use what is renamed",
    branch(["a", "b"], (graph) => {
      const inner = (op: string) => branch([op], (inner) => inner.emit(op, ["y", "w"], [op]))
      graph.emit("Neg", ["x"], ["y"])
      graph.emit("Cast", [graph.floats([1], [])], ["condition"], { to: types.bool })
      graph.add(choice("condition", ["a"], inner("Mul"), inner("Add")))
      graph.emit("Add", ["a", graph.table("w", [10, 20])], ["b"])
    }),
    (graph) => {
      graph.emit("Mul", ["x", graph.table("w", [3, 4])], ["v"])
      graph.gives({ name: "v", type: types.float32, dims: ["n"] })
    }
  ]
]

describe("a branch in the place of its If, with", () => {
  it.each(cases)("%s, gives what the If gives", async (...one) => {
    const [, then, around = nothing] = one as unknown as (typeof cases)[number]
    const model = merged(then, other, around)
    const inlined = Merged.inline(model)
    assert.deepStrictEqual(await run(inlined, feeds), await run(model, { ...feeds, ...on }))
    assert.isFalse(inlined.nodes.some(({ inputs }) => inputs.includes(Merged.SWITCH)))
    assert.isFalse(Merged.isMerged(inlined))
  })

  it("an output given twice, gives it twice (ONNX Runtime dies of such an If)", async () => {
    const twice = branch(["a", "a"], (graph) => graph.emit("Add", ["x", "x"], ["a"]))
    assert.deepStrictEqual(await run(Merged.inline(merged(twice, other)), feeds), { y: [2, 4], z: [2, 4] })
  })

  it("nothing of the other branch, nor what that alone needed", () => {
    const [, then] = cases[5]!
    const model = merged(
      then,
      branch(["y", "z"], (graph) => {
        graph.emit("Add", ["x", "left"], ["y"])
        graph.emit("Add", ["x", "x"], ["z"])
      }),
      (graph) => {
        graph.emit("Neg", [graph.table("w", [3, 4])], ["v"])
        graph.table("left", [1, 1])
      }
    )
    assert.include(
      model.tensors.map(({ name }) => name),
      "left"
    )
    const inlined = Merged.inline(model)
    assert.deepStrictEqual(
      inlined.tensors.map(({ name }) => name),
      ["w"]
    )
    assert.deepStrictEqual(inlined.nodes.map(({ op }) => op).toSorted(), ["Add", "Mul", "Neg"])
  })
})

describe("branches are left alone, and it is said why, where", () => {
  const simple = cases[0]![1]
  const wrong: ReadonlyArray<readonly [string, RegExp, Model]> = [
    [
      "two nodes are switched",
      /use_cache_branch switches something else than one If/,
      merged(simple, other, (graph) => {
        graph.add(choice(Merged.SWITCH, ["more", "most"], simple, other))
        graph.gives({ name: "more", type: types.float32, dims: ["n"] })
      })
    ],
    [
      "it is another node",
      /something else than one If/,
      merged(simple, other, (graph) => {
        for (const node of graph.nodes) graph.remove(node)
        graph.emit("Cast", [Merged.SWITCH], ["as"], { to: types.float32 })
        graph.emit("Mul", ["x", "as"], ["y"])
        graph.emit("Add", ["x", "as"], ["z"])
      })
    ],
    [
      "the branch gives more",
      /gives something else/,
      merged({ ...simple, outputs: [...simple.outputs, { name: "y", type: types.float32, dims: ["n"] }] }, other)
    ],
    [
      "the branch does not read what the other one reads",
      /does not read past/,
      merged(
        simple,
        branch(["y", "z"], (graph) => {
          graph.emit("Add", ["x", "past"], ["y"])
          graph.emit("Neg", ["x"], ["z"])
        }),
        (graph) => graph.takes({ name: "past", type: types.float32, dims: ["n"] })
      )
    ]
  ]
  it.each(wrong)("%s", (...one) => {
    const [, reason, model] = one as unknown as (typeof wrong)[number]
    assert.throws(() => Merged.inline(model), Unfit, reason)
  })
})

describe.each([
  "merged-llama3/onnx/decoder_model_merged.onnx",
  "merged-llama3/onnx/decoder_model_merged_q4.onnx",
  "merged-llama3/onnx/decoder_model_merged_quantized.onnx",
  "merged13-llama2/onnx/decoder_model_merged.onnx",
  "merged13-llama2/onnx/decoder_model_merged_quantized.onnx",
  "merged13-gpt-neox/decoder_model_merged.onnx"
])("%s", (file) => {
  const model = parse(readFileSync(fixture(`families/${file}`)))
  const ints = (...values: ReadonlyArray<number>): Data => ({
    type: "int64",
    data: BigInt64Array.from(values, BigInt),
    dims: [1, values.length]
  })
  const known: Record<string, Data> = {
    input_ids: ints(7),
    attention_mask: ints(1, 1, 1, 1),
    position_ids: ints(3),
    ...on
  }
  const feedsOf = ({ inputs }: Model) =>
    Object.fromEntries(
      inputs.map(({ dims, name }, at): [string, Data] => {
        const [heads, headDim] = [Number(dims[1]), Number(dims[3])]
        const data = Float32Array.from({ length: heads * 3 * headDim }, (_, i) => Math.sin(i + 10 * at))
        return [name, known[name] ?? { type: "float32", data, dims: [1, heads, 3, headDim] }]
      })
    )

  it.each([
    ["", model],
    [", its weights in its branches", withWeightsInside(model)]
  ])("gives for a token behind others the same without branches%s", async (_, model) => {
    const [wanted, found] = [
      await run(model, feedsOf(model)),
      await run(Merged.inline(model), feedsOf(Merged.inline(model)))
    ]
    assert.deepStrictEqual(Object.keys(found), Object.keys(wanted))
    // ONNX Runtime orders operators otherwise.
    for (const [name, values] of Object.entries(wanted))
      values.forEach((value, i) => assert.approximately(found[name]![i]!, value, 1e-4, name))
  })
})
