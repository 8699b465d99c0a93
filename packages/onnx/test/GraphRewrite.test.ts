import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cpSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Driver } from "../src/Driver.ts"
import { open } from "../src/driver/NodeSession.ts"
import { openDriver, plain } from "../src/driver/Open.ts"
import * as Probe from "../src/driver/Probe.ts"
import { ProblemError } from "../src/driver/Problem.ts"
import type { Open, Tensor } from "../src/driver/Session.ts"
import { difference, measure } from "../src/driver/Verify.ts"
import { Graph } from "../src/graph/Graph.ts"
import { attribute, type Model, type Node, parse, write } from "../src/graph/Model.ts"
import { names as tail } from "../src/graph/SamplerTail.ts"
import { names } from "../src/graph/SharedPrefix.ts"
import * as Skeleton from "../src/graph/Skeleton.ts"
import { Message } from "../src/graph/Wire.ts"
import { rewrite, Unfit } from "../src/GraphRewrite.ts"
import * as Config from "../src/ModelConfig.ts"
import { scratch } from "./spoiled.ts"
import { families, fixture, json, pocketFolder, type Reference } from "./subjects.ts"

const options = { threads: 1 }
const configOf = (folder: string, file?: string) => Effect.runPromise(Config.read(folder, { file }))

/** Every graph of every folder: `onnx-community` puts one for each precision under `onnx/`. */
const graphsOf = (
  name: string,
  folder: string
): ReadonlyArray<readonly [name: string, folder: string, file: string | undefined]> => {
  const under = readdirSync(folder).includes("onnx") ? readdirSync(join(folder, "onnx")) : []
  const files = under.filter((file) => file.endsWith(".onnx"))
  if (files.length === 0) return [[name, folder, undefined]]
  return files.map((file) => [`${name} ${file}`, folder, join(folder, "onnx", file)])
}
const graphs = [
  ...readdirSync(fixture("families"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => graphsOf(name, fixture(`families/${name}`))),
  ...families.flatMap((name) => graphsOf(name, fixture(name))),
  ...graphsOf("pocket", pocketFolder)
]

/**
 * "only rewritten": attention within a window whose cache ONNX Runtime wants full before the first token. "dynamic": scales
 * are found for all rows of a step at once, so the plain graph itself differs between a batch and a row alone.
 */
type Fate = "only rewritten" | "dynamic" | { readonly plain: RegExp } | { readonly refused: RegExp }

/** All others are rewritten, and run plain too. */
const exceptions: Readonly<Record<string, Fate>> = {
  "community-llama3 model_quantized.onnx": "dynamic",
  "community-qwen3 model_int8.onnx": "dynamic",
  "merged-llama3 decoder_model_merged_quantized.onnx": "dynamic",
  "merged13-llama2 decoder_model_merged_quantized.onnx": "dynamic",
  "merged13-gpt-neox": { plain: /Reshape on the scores of attention/ },
  "genai18-gemma2-ring": "only rewritten",
  "genai-phi4-mini": { plain: /rotary tables that are computed/ },
  "genai-phi4-mini-int4": { plain: /rotary tables that are computed/ },
  "genai-qwen3-q4f16": { refused: /qk_norm_epsilon/ }
}

const limitOf = (graph: string): number => (/f(loat)?p?16/.test(graph) ? 2e-2 : 1e-4)

/** How far the rewritten graph's first logits are from those of `transformers`, as a probability. */
const fromReference = async (driver: Driver, folder: string): Promise<number> => {
  const { logits, promptIds } = json<Reference>(join(folder, "reference.json")).cases[0]!
  driver.open(100, promptIds.length)
  const row = {
    prefix: 100,
    prefixLength: 0,
    own: 0,
    ownLength: 0,
    ids: promptIds,
    store: "prefix",
    expected: 0
  } as const
  const slots = [{ row: 0, inverseTemperature: 1, uniform: 0, mass: 2, wantsTop: false }]
  const { readings } = await driver.step({ rows: [row], slots, labels: [] })
  driver.drop([100])
  return difference(readings[0]!.logits!, Float32Array.from(logits))
}

describe("the graph of", () => {
  const check = async (driver: Driver, fate: Fate | undefined, config: Config.ModelConfig): Promise<void> => {
    const { graph, reason } = driver.abilities
    if (typeof fate === "object") {
      assert.strictEqual(graph, "plain")
      assert.match(reason ?? "", "plain" in fate ? fate.plain : /^$/)
      // Four bits that round the activations too are off by some hundredths.
      return assert.isBelow(await fromReference(driver, config.folder), /int4/.test(config.folder) ? 5e-2 : 1e-4)
    }
    assert.deepStrictEqual([graph, reason], ["rewritten", undefined])
    const oracle = await plain(config, options, open).catch((cause: unknown) => cause as ProblemError)
    if (fate === "only rewritten") {
      assert.instanceOf(oracle, ProblemError)
      return assert.isBelow(await fromReference(driver, config.folder), limitOf(config.graph))
    }
    if (oracle instanceof ProblemError) throw oracle
    const worst = await measure(driver, oracle, config)
    const limit = fate === "dynamic" ? 1.5 * (await measure(oracle, oracle, config)) : limitOf(config.graph)
    await oracle.close()
    assert.isBelow(worst, limit)
  }

  it.each(graphs)("%s runs as it should", async (name, folder, file) => {
    const config = await configOf(folder, file)
    const fate = exceptions[name]
    const driver = await openDriver(config, options, open).catch((cause: unknown) => cause)
    if (typeof fate === "object" && "refused" in fate) {
      assert.instanceOf(driver, ProblemError)
      return assert.match(driver.problem.problem, fate.refused)
    }
    if (driver instanceof Error) throw driver
    await check(driver as Driver, fate, config).finally(() => (driver as Driver).close())
  })

  it("no folder is left out: there are some of each exporter, and no exception of a folder that is not there", () => {
    for (const [exporter, count] of [
      ["genai", 8],
      ["optimum-", 8],
      ["torch-", 8],
      ["merged-", 4],
      ["merged13-", 3]
    ] as const)
      assert.isAtLeast(graphs.filter(([name]) => name.startsWith(exporter)).length, count, exporter)
    const known = new Set(graphs.map(([name]) => name))
    for (const name of Object.keys(exceptions)) assert.isTrue(known.has(name), name)
  })
})

it("layers that turn alike share one table, where each made its own", async () => {
  const config = await configOf(fixture("families/merged13-llama2"))
  const { graph } = await rewrite(config, Probe.make(open, config))
  const tables = parse(graph).tensors.filter(({ name }) => /^mulligan\.(cos|sin)/.test(name))
  assert.deepStrictEqual(
    tables.map(({ dims, name }) => [name, ...dims]),
    [
      ["mulligan.cos.0", 256, 8],
      ["mulligan.sin.0", 256, 8]
    ]
  )
})

/** As written out by exporters it is twelve operators for the queries of a layer, and as many for the keys. */
it.each([
  ["community-llama3", 2],
  ["merged-llama3", 2],
  ["optimum-gemma2", 2],
  ["optimum-gemma3", 6],
  ["optimum-llama3", 2],
  ["optimum-mistral", 2],
  ["optimum-qwen2.5", 2],
  ["optimum-qwen3", 2],
  ["optimum-smollm2", 2],
  ["optimum-smollm3", 1]
])("%s turns by one operator in its %i layers that turn", async (name, layers) => {
  const config = await configOf(fixture(`families/${name}`))
  const { nodes } = parse((await rewrite(config, Probe.make(open, config))).graph)
  assert.strictEqual(nodes.filter(({ op }) => op === "RotaryEmbedding").length, 2 * layers)
  assert.isUndefined(nodes.find(({ op }) => op === "Neg"))
})

/** The rewritten graph, wrong in one way. */
const broken =
  (change: (graph: Graph) => void, feed: (feeds: Readonly<Record<string, Tensor>>) => Record<string, Tensor>): Open =>
  async (source, options) => {
    const model = typeof source === "string" ? undefined : parse(source.graph)
    if (typeof source === "string" || !model?.outputs.some(({ name }) => name === tail.token))
      return open(source, options)
    const graph = new Graph(model)
    change(graph)
    const session = await open({ ...source, graph: write(graph.finish()) }, options)
    return { ...session, run: (feeds) => session.run(feed(feeds)) }
  }
const same = () => {}
const replace = (graph: Graph, node: Node, by: Partial<Node>): void => {
  graph.remove(node)
  graph.add({ ...node, ...by })
}
const all = (graph: Graph, op: string): ReadonlyArray<Node> => [...graph.nodes].filter((node) => node.op === op)

describe("verify sees a rewritten graph", () => {
  const window = /^mulligan\.mask\.\d+$/
  const wrong: ReadonlyArray<readonly [what: string, family: string, Open]> = [
    [
      "whose scores have another scale",
      "optimum-llama3",
      broken(
        (graph) => {
          const node = all(graph, "FusedMatMul")[0]!
          const alpha = Number(graph.attribute(node, "alpha") ?? 1)
          const attributes = new Map([...node.attributes, ["alpha", attribute("alpha", { float: 1.3 * alpha })]])
          replace(graph, node, { attributes })
        },
        (feeds) => ({ ...feeds })
      )
    ],
    [
      "without its window",
      "optimum-gemma2",
      broken(same, (feeds) =>
        Object.fromEntries(
          Object.entries(feeds).map(([name, one]) => [name, window.test(name) ? feeds[names.mask(undefined)]! : one])
        )
      )
    ],
    [
      "without its cap",
      "optimum-gemma2",
      broken(
        (graph) => all(graph, "Tanh").forEach((node) => replace(graph, node, { op: "Identity" })),
        (feeds) => ({ ...feeds })
      )
    ],
    [
      "that forgets a draft's own tokens",
      "genai-qwen3",
      broken(same, (feeds) => {
        const own = feeds[names.own(1)]!
        return { ...feeds, [names.own(1)]: { ...own, data: new Float32Array(own.data.length) } }
      })
    ]
  ]

  it.each(wrong)("%s, and runs the plain one instead", async (_, family, open) => {
    const config = await configOf(fixture(`families/${family}`))
    const driver = await openDriver(config, { ...options, verify: true }, open)
    assert.strictEqual(driver.abilities.graph, "plain")
    assert.match(driver.abilities.reason ?? "", /differ from the plain graph's by \d/)
    await driver.close()
    const unseen = await openDriver(config, options, open)
    assert.strictEqual(unseen.abilities.graph, "rewritten", "only who asks for it pays for it")
    await unseen.close()
  })

  it.each(["optimum-gemma2", "genai-qwen3", "genai18-gemma2-ring"])(
    "that is right, and keeps it (%s)",
    async (family) => {
      const driver = await openDriver(await configOf(fixture(`families/${family}`)), { ...options, verify: true }, open)
      assert.deepInclude(driver.abilities, { graph: "rewritten" })
      await driver.close()
    }
  )
})

/** A copy of a model with its graph changed; its weights stay where they were. */
let copies = 0
const changed = async (
  from: string,
  change: (graph: Graph) => void,
  more: (model: Model) => Model = (model) => model
) => {
  const folder = join(scratch, `changed${copies++}`)
  cpSync(fixture(from), folder, { recursive: true })
  const config = await configOf(folder)
  const graph = new Graph(parse(Skeleton.read(config.graph).graph))
  change(graph)
  const file = join(folder, "changed.onnx")
  writeFileSync(file, write(more(graph.finish())))
  return { ...config, graph: file }
}
const attention = (graph: Graph, by: (node: Node) => Partial<Node>): void =>
  all(graph, "GroupQueryAttention").forEach((node) => replace(graph, node, by(node)))

let values = 0
const emit = (graph: Graph, op: string, inputs: ReadonlyArray<string>, attributes = {}): string => {
  const name = `changed.${values++}`
  graph.emit(op, inputs, [name], attributes)
  return name
}

/** Between a node and what takes its output. */
const insert = (graph: Graph, name: string, op: string, more: ReadonlyArray<string> = []): void => {
  const takers = graph.consumers(name)
  const made = emit(graph, op, [name, ...more])
  for (const taker of takers)
    graph.rewire(
      taker,
      taker.inputs.map((input) => (input === name ? made : input))
    )
}
const beforeSoftmax = (graph: Graph): string => {
  const found = all(graph, "Softmax")[0]!.inputs[0]!
  return graph.producer(found)!.op === "Cast" ? graph.producer(found)!.inputs[0]! : found
}
const maskOf = (graph: Graph): string => graph.producer(beforeSoftmax(graph))!.inputs[1]!

/** For the scores of all layers. */
const replaceMask = (graph: Graph, by: string): void => {
  const mask = maskOf(graph)
  for (const node of graph.consumers(mask)) {
    if (node.op !== "Add" || node.outputs[0] === by) continue
    const inputs = node.inputs.map((input) => (input === mask ? by : input))
    graph.rewire(node, inputs)
  }
}
const oldOperators = new Message().message(8, new Message().text(1, "").int(2, 11)).finish()

describe("a graph that does what is not known is left alone:", () => {
  const genai = "families/genai-qwen3"
  const optimum = "families/optimum-qwen3"
  const cases: ReadonlyArray<readonly [string, RegExp, string, (graph: Graph) => void, ((model: Model) => Model)?]> = [
    [
      "an attribute of its attention",
      /GroupQueryAttention with smooth_softmax/,
      genai,
      (graph) =>
        attention(graph, ({ attributes }) => ({
          attributes: new Map([...attributes, ["smooth_softmax", attribute("smooth_softmax", 1)]])
        }))
    ],
    [
      "an input of its attention",
      /bias or sinks/,
      genai,
      (graph) =>
        attention(graph, ({ inputs }) => ({
          inputs: [...Array.from({ length: 11 }, (_, i) => inputs[i] ?? ""), graph.floats([0])]
        }))
    ],
    ["another attention", /^PagedAttention/, genai, (graph) => attention(graph, () => ({ op: "PagedAttention" }))],
    [
      "an operator on its scores",
      /Relu on the scores/,
      optimum,
      (graph) => insert(graph, beforeSoftmax(graph), "Relu")
    ],
    ["a bias", /scores with a bias/, optimum, (graph) => insert(graph, maskOf(graph), "Add", [graph.floats([0.5])])],
    [
      "a mask of its own",
      /mask/,
      optimum,
      (graph) => replaceMask(graph, emit(graph, "Max", [maskOf(graph), graph.floats([0])]))
    ],
    [
      "a mask that hides a token",
      /mask that is not known/,
      optimum,
      (graph) => {
        const total = emit(graph, "Gather", [emit(graph, "Shape", [maskOf(graph)]), graph.ints([-1], [])])
        const places = emit(graph, "Range", [graph.ints([0], []), total, graph.ints([1], [])])
        const isHidden = emit(graph, "Equal", [places, graph.ints([5])])
        const term = emit(graph, "Where", [isHidden, graph.floats([-1e9]), graph.floats([0])])
        replaceMask(graph, emit(graph, "Add", [maskOf(graph), term]))
      }
    ],
    [
      "a cache that is joined otherwise",
      /not joined as known/,
      optimum,
      (graph) => {
        const node = graph.consumers("past_key_values.0.key").find(({ op }) => op === "Concat")!
        graph.rewire(node, [...node.inputs, node.inputs[1]!])
      }
    ],
    [
      "a cache that is used elsewhere",
      /needs past_key_values\.0\.key elsewhere/,
      optimum,
      (graph) => {
        const [logits] = graph.output("logits") === undefined ? [] : [graph.producer("logits")!]
        replace(graph, logits!, { outputs: ["before"] })
        const sum = emit(graph, "ReduceSum", ["past_key_values.0.key"], { keepdims: 0 })
        graph.emit("Add", ["before", sum], ["logits"])
      }
    ],
    [
      "old operators",
      /operators of version 11/,
      optimum,
      () => {},
      (model) => ({ ...model, rest: [...model.rest.filter((raw) => raw[0] !== 8 * 8 + 2), oldOperators] })
    ]
  ]

  it.each(cases)("%s", async (...one) => {
    const [, reason, from, change, more] = one as unknown as (typeof cases)[number]
    const config = await changed(from, change, more)
    const cause = await rewrite(config, Probe.make(open, config)).catch((cause: unknown) => cause)
    assert.instanceOf(cause, Unfit)
    assert.match(cause.message, reason)
  })

  it("it runs plain, and says why", async () => {
    const [, , from, change] = cases[0]!
    const config = await changed(from, change)
    const driver = await openDriver(config, options, open)
    assert.deepInclude(driver.abilities, { graph: "plain", reason: "GroupQueryAttention with smooth_softmax" })
    await driver.close()
  })

  it("the change itself is nothing of it", async () => {
    const config = await changed(optimum, same)
    const { windows } = await rewrite(config, Probe.make(open, config))
    assert.deepStrictEqual(windows, [undefined])
  })
})
