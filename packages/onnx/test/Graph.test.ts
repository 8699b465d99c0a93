import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join, relative } from "node:path"
import { open } from "../src/driver/NodeSession.ts"
import type { Session, Source, Tensor as Data } from "../src/driver/Session.ts"
import * as Constants from "../src/graph/Constants.ts"
import { Graph, Unfit } from "../src/graph/Graph.ts"
import {
  attribute,
  type Model,
  type Node,
  parse,
  readAttribute,
  type Tensor,
  tensorOf,
  types,
  write
} from "../src/graph/Model.ts"
import * as Skeleton from "../src/graph/Skeleton.ts"
import { fields, integers, Message, textOf } from "../src/graph/Wire.ts"
import * as Config from "../src/ModelConfig.ts"
import { withWeightsInside } from "./mergedGraphs.ts"
import { scratch } from "./spoiled.ts"
import { fixture, pocketFolder } from "./subjects.ts"

const rest = [new Message().int(1, 8).finish(), new Message().message(8, new Message().text(1, "").int(2, 17)).finish()]
const empty: Model = {
  rest,
  graphRest: [],
  opsets: new Map([["", 17]]),
  nodes: [],
  tensors: [],
  inputs: [],
  outputs: []
}
const floats = (values: ReadonlyArray<number>): Data => ({
  type: "float32",
  data: Float32Array.from(values),
  dims: [values.length]
})
const run = async (model: Model, feeds: Record<string, Data>) => {
  const session = await open({ graph: write(model), folder: "." }, { threads: 1 })
  const out = await session.run(feeds)
  await session.close()
  return Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, Array.from(data, Number)]))
}

describe("a message", () => {
  it("gives back what was written", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.string(),
        fc.uint8Array(),
        fc.float(),
        (int, text, bytes, float) => {
          const inner = new Message().int(7, int)
          const made = new Message().int(1, int).text(2, text).bytes(300, bytes).float(4, float).message(5, inner)
          const written = made.finish()
          const all = fields(written)
          assert.deepStrictEqual(
            all.map(({ number }) => number),
            [1, 2, 300, 4, 5]
          )
          assert.strictEqual(all[0]!.value, int)
          assert.strictEqual(textOf(all, 2), text.toWellFormed())
          assert.deepStrictEqual([...all[2]!.bytes], [...bytes])
          assert.deepStrictEqual([...all[3]!.bytes], [...new Uint8Array(Float32Array.of(float).buffer)])
          assert.strictEqual(fields(all[4]!.bytes)[0]!.value, int)
          assert.deepStrictEqual(
            all.flatMap(({ raw }) => [...raw]),
            [...written]
          )
        }
      )
    )
  })

  it("that is cut off is refused, never half read", () => {
    const whole = new Message().text(1, "graph").bytes(2, new Uint8Array(300)).float(3, 1).finish()
    const ends = new Set([0, 7, 7 + 303])
    for (let end = 0; end < whole.length; end++) {
      if (ends.has(end)) continue
      assert.throws(() => fields(whole.subarray(0, end)), /cut off|not a protobuf/, `${end} bytes`)
    }
    assert.throws(() => fields(new Uint8Array(11).fill(0xff)), /too long/)
  })

  it("holds repeated integers packed or one by one", () => {
    const single = new Message().int(1, 5).int(1, -1).int(1, 300).finish()
    const packed = new Message()
      .bytes(1, Uint8Array.of(5, ...Array.from({ length: 9 }, () => 0xff), 1, 0xac, 2))
      .finish()
    for (const bytes of [single, packed]) assert.deepStrictEqual(integers(fields(bytes), 1), [5, -1, 300])
  })
})

describe("an attribute", () => {
  it.each([[3], [-1], ["text"], [[1, 2, -3]], [{ float: 0.5 }]])("%j is read as it was written", (value) =>
    assert.deepStrictEqual(
      readAttribute(attribute("name", value)),
      typeof value === "object" && "float" in value ? value.float : value
    )
  )
})

describe("constants", () => {
  const holding = (type: number, data: Message) =>
    Constants.read({ name: "c", type, dims: [2], raw: data.int(2, type).finish() })

  it.each([
    [
      "floats in place",
      types.float32,
      new Message().bytes(9, new Uint8Array(Float32Array.of(1.5, -2).buffer)),
      [1.5, -2]
    ],
    ["floats in a list", types.float32, new Message().float(4, 1.5).float(4, -2), [1.5, -2]],
    ["integers", types.int64, new Message().int(7, 4).int(7, -9), [4, -9]],
    ["short integers", types.int32, new Message().int(5, 4).int(5, -9), [4, -9]],
    ["half precision in place", types.float16, new Message().bytes(9, Uint8Array.of(0, 0x3c, 0, 0xc0)), [1, -2]],
    ["half precision in a list", types.float16, new Message().int(5, 0x3c00).int(5, 0xc000), [1, -2]],
    ["conditions", types.bool, new Message().bytes(9, Uint8Array.of(1, 0)), [1, 0]],
    ["what stands in another file", types.float32, new Message().int(14, 1), undefined]
  ])("%s are numbers", (_, type, data, wanted) => assert.deepStrictEqual(holding(type, data), wanted))

  it("are found as weights, as nodes and behind Identity, and are nothing else", () => {
    const graph = new Graph(empty)
    graph.takes({ name: "x", type: types.float32, dims: [2] })
    const raw = Constants.tensor("value", "int64", [3, 4]).raw
    const value = new Message().text(1, "value").bytes(5, raw).int(20, 4).finish()
    const node: Node = {
      op: "Constant",
      domain: "",
      inputs: [],
      outputs: ["node"],
      attributes: new Map([["value", value]])
    }
    graph.add(node)
    graph.emit("Constant", [], ["ints"], { value_ints: [5, 6] })
    graph.emit("Constant", [], ["float"], { value_float: { float: 0.25 } })
    assert.deepStrictEqual(graph.constant(graph.op("Identity", [graph.floats([0.5])])), [0.5])
    assert.deepStrictEqual(
      [graph.constant("node"), graph.constant("ints"), graph.constant("float")],
      [[3, 4], [5, 6], [0.25]]
    )
    assert.isUndefined(graph.constant("x"))
    assert.isUndefined(graph.constant(graph.op("Neg", ["node"])))
  })
})

describe("a graph", () => {
  it("is written in an order in which it runs, with only what its outputs need", async () => {
    const graph = new Graph(empty)
    graph.gives({ name: "y", type: types.float32, dims: ["n"] })
    graph.emit("Add", ["doubled", "one"], ["y"])
    graph.emit("Mul", ["x", graph.floats([2])], ["doubled"])
    graph.emit("Identity", [graph.floats([1])], ["one"])
    graph.emit("Neg", ["unused"], ["nobody"])
    graph.takes({ name: "unused", type: types.float32, dims: ["n"] })
    graph.takes({ name: "x", type: types.float32, dims: ["n"] })
    const model = graph.finish()
    assert.deepStrictEqual(model.nodes.map(({ op }) => op).toSorted(), ["Add", "Identity", "Mul"])
    assert.strictEqual(model.nodes.at(-1)!.op, "Add")
    assert.deepStrictEqual(
      model.inputs.map(({ name }) => name),
      ["x"]
    )
    assert.deepStrictEqual((await run(model, { x: floats([1, 2, 3]) }))["y"], [3, 5, 7])
  })

  it("knows who gives and takes a value, through what is added, rewired and removed", () => {
    const graph = new Graph(empty)
    const a = graph.op("Neg", ["x"])
    const b = graph.op("Add", [a, a])
    const [neg, add] = [graph.producer(a)!, graph.producer(b)!]
    assert.deepStrictEqual(graph.consumers(a), [add])
    graph.rewire(add, [a, "x"])
    assert.deepStrictEqual(
      graph.consumers("x").map(({ op }) => op),
      ["Neg", "Add"]
    )
    graph.remove(neg)
    assert.isUndefined(graph.producer(a))
    assert.deepStrictEqual(
      graph.consumers("x").map(({ op }) => op),
      ["Add"]
    )
    assert.strictEqual(new Set([a, b, graph.name(), graph.name()]).size, 4)
  })

  it("keeps what a node's own graphs use", async () => {
    const branch = (op: string) => {
      const node = new Message().text(1, "outside").text(2, "out").text(4, op)
      const info = new Message().text(1, "out").message(2, new Message().message(1, new Message().int(1, 1)))
      return new Message().message(1, node).text(2, "branch").message(12, info)
    }
    const sub = (name: string, op: string) => new Message().text(1, name).message(6, branch(op)).int(20, 5).finish()
    const attributes = new Map([
      ["then_branch", sub("then_branch", "Neg")],
      ["else_branch", sub("else_branch", "Abs")]
    ])
    const graph = new Graph(empty)
    graph.takes({ name: "x", type: types.float32, dims: ["n"] })
    graph.takes({ name: "is", type: types.bool, dims: [1] })
    graph.gives({ name: "y", type: types.float32, dims: ["n"] })
    graph.add({ op: "If", domain: "", inputs: ["is"], outputs: ["y"], attributes })
    graph.emit("Mul", ["x", graph.floats([3])], ["outside"])
    const model = parse(write(graph.finish()))
    const is = (yes: number): Data => ({ type: "bool", data: Uint8Array.of(yes), dims: [1] })
    assert.deepStrictEqual(await run(model, { x: floats([1]), is: is(1) }), { y: [-3] })
    assert.deepStrictEqual(await run(model, { x: floats([-1]), is: is(0) }), { y: [3] })
  })
})

it("a graph that goes round in a circle is refused", () => {
  const graph = new Graph(empty)
  graph.takes({ name: "x", type: types.float32, dims: ["n"] })
  graph.gives({ name: "y", type: types.float32, dims: ["n"] })
  graph.emit("Add", ["x", "b"], ["a"])
  graph.emit("Neg", ["a"], ["b"])
  graph.emit("Abs", ["b"], ["y"])
  assert.throws(() => graph.finish(), Unfit, /needs what it makes/)
})

const feedsOf = (session: Session, { headDim, kvHeads }: Config.ModelConfig): Record<string, Data> => {
  const ints = (values: ReadonlyArray<number>): Data => ({
    type: "int64",
    data: BigInt64Array.from(values, BigInt),
    dims: [1, values.length]
  })
  const known: Record<string, Data> = {
    input_ids: ints([5, 6, 7]),
    position_ids: ints([0, 1, 2]),
    attention_mask: ints([1, 1, 1]),
    use_cache_branch: { type: "bool", data: Uint8Array.of(0), dims: [1] }
  }
  const none: Data = { type: "float32", data: new Float32Array(0), dims: [1, kvHeads, 0, headDim] }
  return Object.fromEntries(session.inputs.map(({ name }) => [name, known[name] ?? none]))
}

const logitsOf = async (source: Source, config: Config.ModelConfig) => {
  const session = await open(source, { threads: 1 })
  const { [config.logits]: logits } = await session.run(feedsOf(session, config))
  await session.close()
  return logits!.data
}

/** As the cache of Hugging Face keeps a folder: links to blobs beside each other. */
const linked = (folder: string): string => {
  const repository = mkdtempSync(join(scratch, "models--some--model"))
  const [blobs, snapshot] = [join(repository, "blobs"), join(repository, "snapshots", "0".repeat(40))]
  for (const made of [blobs, snapshot]) mkdirSync(made, { recursive: true })
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())
  files.forEach(({ name }, i) => {
    copyFileSync(join(folder, name), join(blobs, `blob${i}`))
    symlinkSync(join(blobs, `blob${i}`), join(snapshot, name))
  })
  return snapshot
}

const merged = fixture("families/merged-gpt-neox")
const embeddings = readFileSync(join(merged, "decoder_model_merged.onnx_data"))

/** A merged decoder with its weights in its branches, in one file. */
const inside = (): string => {
  const folder = mkdtempSync(join(scratch, "inside"))
  cpSync(merged, folder, { recursive: true })
  const weight = (tensor: Tensor): Tensor => {
    const [offset, length] = ["offset", "length"].map((key) => placeOf(tensor, key))
    if (offset === undefined || length === undefined) return tensor
    const rest = fields(tensor.raw).filter(({ number }) => number !== 13 && number !== 14)
    const out = rest.reduce((out, { raw }) => out.raw(raw), new Message())
    return tensorOf(out.bytes(9, embeddings.subarray(offset, offset + length)).finish())
  }
  const file = join(folder, "decoder_model_merged.onnx")
  const model = parse(readFileSync(file))
  writeFileSync(file, write(withWeightsInside({ ...model, tensors: model.tensors.map(weight) })))
  rmSync(`${file}_data`)
  return folder
}

const placeOf = ({ raw }: Tensor, key: string): number | undefined => {
  const entries = fields(raw).filter(({ number }) => number === 13)
  const [entry] = entries.map(({ bytes }) => fields(bytes)).filter((entry) => textOf(entry, 1) === key)
  return entry === undefined ? undefined : Number(textOf(entry, 2))
}

/** The same, its branches naming weights in another file. */
const outside = (): string => {
  const folder = inside()
  const file = join(folder, "decoder_model_merged.onnx")
  const { graph } = Skeleton.read(file, { branches: true })
  writeFileSync(join(folder, "model.onnx"), graph)
  return folder
}

/** ONNX Runtime takes a file with a second name for weights, but not for constants of nodes. */
const twice = (): string => {
  const folder = mkdtempSync(join(scratch, "twice"))
  cpSync(fixture("families/merged13-gpt-neox"), folder, { recursive: true })
  linkSync(join(folder, "decoder_model_merged.onnx"), join(folder, "second.onnx"))
  return folder
}

const models: ReadonlyArray<readonly [name: string, folder: string, files: string]> = [
  ["one file", pocketFolder],
  ["external data", fixture("llama-gqa")],
  ["branches", fixture("families/genai-phi4-mini")],
  ["large constants, a file with a second name", twice()],
  ["merged decoders, external data", merged],
  ["merged decoders, weights in the branches", inside()],
  ["merged decoders, weights of the branches in another file", outside()]
].flatMap(([name = "", folder = ""]) => [
  [name, folder, folder] as const,
  [`${name}, links to blobs`, linked(folder), folder] as const
])

describe.each(models)("the skeleton of a model (%s)", (_, folder, files) => {
  it("runs as the model does on the weights in the files, read and written again too", async () => {
    const config = await Effect.runPromise(Config.read(folder))
    const skeleton = Skeleton.read(config.graph)
    // Where all are links, ONNX Runtime itself does not find the weights.
    const wanted = await logitsOf(join(files, relative(folder, config.graph)), config)
    assert.deepStrictEqual(await logitsOf(skeleton, config), wanted)
    assert.deepStrictEqual(await logitsOf({ ...skeleton, graph: write(parse(skeleton.graph)) }, config), wanted)
  })
})

it("a skeleton is small, because its weights stay in the file", async () => {
  const { graph } = await Effect.runPromise(Config.read(pocketFolder))
  assert.isBelow(Skeleton.read(graph).graph.length, 0.1 * statSync(graph).size)
})

it("weights stay in the file where they stand in branches, and constants of these too", async () => {
  const { graph } = await Effect.runPromise(Config.read(inside()))
  const part = embeddings.subarray(4096, 4160)
  assert.include(readFileSync(graph).toString("latin1"), part.toString("latin1"))
  assert.notInclude(
    Buffer.from(Skeleton.read(graph, { branches: true }).graph).toString("latin1"),
    part.toString("latin1")
  )
  const { graph: older } = await Effect.runPromise(Config.read(fixture("families/merged13-gpt-neox")))
  // Two masks of 256 by 256 tokens, and all weights.
  assert.isBelow(Skeleton.read(older, { branches: true }).graph.length, statSync(older).size - 2 * 256 ** 2 - 140_000)
})

it("a file that is no model, or is cut off, is refused", () => {
  const file = join(scratch, "cut.onnx")
  copyFileSync(fixture("llama-gqa/model.onnx.data"), join(scratch, "model.onnx.data"))
  const whole = readFileSync(fixture("llama-gqa/model.onnx"))
  for (const end of [whole.length - 1, Math.floor(whole.length / 2), 1000, 3]) {
    writeFileSync(file, whole.subarray(0, end))
    assert.throws(() => Skeleton.read(file), /cut off|not a protobuf|too long/, `${end} bytes`)
  }
  writeFileSync(file, "<!doctype html><html>404</html>")
  assert.throws(() => Skeleton.read(file))
})
