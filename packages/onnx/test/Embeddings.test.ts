import { assert, describe, it } from "@effect/vitest"
import { OnnxBackend } from "@mulligan/onnx"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as Effect from "effect/Effect"
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Driver, Step } from "../src/Driver.ts"
import * as Embeddings from "../src/driver/Embeddings.ts"
import { open } from "../src/driver/NodeSession.ts"
import * as Probe from "../src/driver/Probe.ts"
import { RewrittenDriver } from "../src/driver/Rewritten.ts"
import type { Session } from "../src/driver/Session.ts"
import { parse, type Tensor, tensorOf, write } from "../src/graph/Model.ts"
import { fields, Message } from "../src/graph/Wire.ts"
import { rewrite } from "../src/GraphRewrite.ts"
import * as Config from "../src/ModelConfig.ts"
import { scratch, spoiled } from "./spoiled.ts"
import { fixture, observed, subjects } from "./subjects.ts"

const options = { threads: 1 }
const configOf = (folder: string, file?: string) =>
  Effect.runPromise(Config.read(folder, { file: file === undefined ? undefined : join(folder, file) }))

const rewritten = (config: Config.ModelConfig) => rewrite(config, Probe.make(open, config))

/** The rewritten graph without its table, whatever its size. */
const taken = async (config: Config.ModelConfig) => {
  const made = await rewritten(config)
  return { ...made, ...Embeddings.take(made.graph, made.folder, 0) }
}

/** A prompt, then two rows behind it, with what they draw and whole logits. */
const read = async (driver: Driver): Promise<unknown> => {
  const row = {
    prefix: 1,
    prefixLength: 0,
    own: 0,
    ownLength: 0,
    ids: [3, 0, 5, 3],
    store: "prefix",
    expected: 0
  } as const
  const slot = { row: 0, inverseTemperature: 1, uniform: 0.4, mass: 2, wantsTop: true }
  const own = { ...row, prefixLength: 4, store: "own" } as const
  const steps: ReadonlyArray<Step> = [
    { rows: [row], slots: [slot], labels: [7] },
    {
      rows: [
        { ...own, own: 2, ids: [9] },
        { ...own, own: 3, ids: [4, 8] }
      ],
      slots: [slot, { ...slot, row: 1 }],
      labels: [7]
    }
  ]
  driver.open(1, 4)
  const out: Array<unknown> = []
  for (const step of steps) out.push((await driver.step(step)).readings)
  await driver.close()
  return out
}

describe("embeddings that are read from their file", () => {
  const models = [
    ["llama-gqa", undefined],
    ["gpt-neox", undefined],
    ["families/optimum-gemma2", undefined],
    ["families/community-llama3", "onnx/model_fp16.onnx"],
    ["families/community-llama3", "onnx/model_q4f16.onnx"]
  ] as const

  it.each(models)("are those that ONNX Runtime looks up, bit by bit: %s %s", async (name, file) => {
    const config = await configOf(fixture(name), file)
    const [mapped, { table, ...made }] = [await rewritten(config), await taken(config)]
    assert.isDefined(table)
    const session = Embeddings.around(await open(made, options), table!)
    const found = await read(new RewrittenDriver(session, config, made))
    assert.deepStrictEqual(found, await read(new RewrittenDriver(await open(mapped, options), config, mapped)))
  })

  it.each([
    ["a small table", "llama-gqa", undefined, undefined],
    ["a table of bytes with a scale", "families/community-llama3", "onnx/model_quantized.onnx", 0],
    ["a table in four bits", "families/genai-llama3-int4", undefined, 0],
    ["a table that is turned about first", "families/genai-qwen3", undefined, 0]
  ] as const)("%s stays with ONNX Runtime", async (_, name, file, least) => {
    const made = await rewritten(await configOf(fixture(name), file))
    const { graph, table } = Embeddings.take(made.graph, made.folder, least)
    assert.isUndefined(table)
    assert.strictEqual(graph, made.graph)
  })
})

describe("a table of embeddings", () => {
  const numbers = Float32Array.from({ length: 12 }, (_, i) => i)
  const path = join(scratch, "table")
  writeFileSync(path, Buffer.concat([Buffer.from("before"), Buffer.from(numbers.buffer)]))
  const table = { input: "rows", type: "float32", path, offset: 6, tokens: 4, width: 3 } as const

  /** What the session around is fed, and whether it was closed. */
  const spied = (of: Embeddings.Table) => {
    const seen = { closed: 0 }
    const session: Session = {
      inputs: [
        { name: "input_ids", type: "int64", dims: [] },
        { name: "rows", type: "float32", dims: [] }
      ],
      outputs: [],
      run: async (feeds) => feeds,
      close: async () => void seen.closed++
    }
    const around = Embeddings.around(session, of)
    const ids = (...all: ReadonlyArray<bigint>) =>
      around.run({ input_ids: { type: "int64", data: BigInt64Array.from(all), dims: [1, all.length] } })
    return { around, ids, seen }
  }

  it("gives each token its row, and is no input that somebody else must feed", async () => {
    const { around, ids } = spied(table)
    assert.deepStrictEqual(
      around.inputs.map(({ name }) => name),
      ["input_ids"]
    )
    const { input_ids, rows } = await ids(2n, 0n, 2n)
    assert.deepStrictEqual(rows, { type: "float32", data: Float32Array.of(6, 7, 8, 0, 1, 2, 6, 7, 8), dims: [1, 3, 3] })
    assert.deepStrictEqual(input_ids!.dims, [1, 3])
  })

  it.each([
    ["above", 4n, table, /no token 4/],
    ["below", -1n, table, /no token -1/],
    ["in a file that is cut off", 3n, { ...table, offset: 12 }, /ends before token 3/]
  ] as const)("has no row for a token %s", async (_, id, of, message) => {
    const cause = await spied(of)
      .ids(0n, id)
      .catch((cause: unknown) => cause)
    assert.match(String(cause), message)
  })

  it("closes its file with the session, and only then", async () => {
    const { around, ids, seen } = spied(table)
    await ids(1n)
    await around.close()
    assert.strictEqual(seen.closed, 1)
    assert.match(String(await ids(1n).catch((cause: unknown) => cause)), /EBADF/)
  })

  it("that is not there fails at once", () => {
    assert.throws(() => spied({ ...table, path: join(scratch, "none") }), /ENOENT/)
  })
})

/** A table of 64 MB, almost all of it a hole behind the weights, which take no room on the disk. */
const TOKENS = 2 ** 18
const EXTERNAL = 13
const entry = (key: string, value: string) => new Message().text(1, key).text(2, value)

const large = () =>
  spoiled("llama-gqa", (folder) => {
    const [graph, data] = [join(folder, "model.onnx"), join(folder, "model.onnx.data")]
    const model = parse(readFileSync(graph))
    const lookup = model.nodes.find(({ inputs, op }) => op === "Gather" && inputs[1] === "input_ids")!
    const end = statSync(data).size
    const grown = (tensor: Tensor): Tensor => {
      if (tensor.name !== lookup.inputs[0]) return tensor
      const [tokens = 0, width = 0] = tensor.dims
      const places = fields(tensor.raw).filter(({ number }) => number === EXTERNAL)
      const known = new Map(
        places.map(({ bytes }) => fields(bytes).map(({ bytes }) => Buffer.from(bytes).toString()) as [string, string])
      )
      const offset = Number(known.get("offset") ?? 0)
      const whole = readFileSync(data)
      const rows = whole.subarray(offset, offset + tokens * width * 4)
      writeFileSync(data, Buffer.concat([whole, rows]))
      truncateSync(data, end + TOKENS * width * 4)
      const out = new Message().int(1, TOKENS).int(1, width).int(2, tensor.type).text(8, tensor.name).int(14, 1)
      out.message(EXTERNAL, entry("location", "model.onnx.data")).message(EXTERNAL, entry("offset", String(end)))
      return tensorOf(out.message(EXTERNAL, entry("length", String(TOKENS * width * 4))).finish())
    }
    writeFileSync(graph, write({ ...model, tensors: model.tensors.map(grown) }))
  })

it.live("a model with a large table holds the laws", () =>
  Effect.gen(function* () {
    const model = large()
    const { folder, graph } = yield* Effect.promise(async () => rewritten(await configOf(model)))
    assert.strictEqual(Embeddings.take(graph, folder).table?.tokens, TOKENS)
    const { subject } = subjects()[0]!
    yield* Effect.gen(function* () {
      for (const law of BackendLaws.laws.filter(({ name }) => name === "greedy" || name === "probability")) {
        const { detail, outcome } = yield* BackendLaws.check(law, yield* observed(subject))
        assert.include(["passed", "bounded"], outcome, detail)
      }
      const { graph, reason } = yield* Effect.flatMap(OnnxBackend.Onnx, (onnx) => onnx.describe)
      assert.deepStrictEqual([graph, reason], ["rewritten", undefined])
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  })
)
