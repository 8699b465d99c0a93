import { assert, describe, it } from "@effect/vitest"
import { Backend, Prompt } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import * as Effect from "effect/Effect"
import { linkSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Graph } from "../src/graph/Graph.ts"
import { SWITCH } from "../src/graph/Merged.ts"
import { parse, types, write } from "../src/graph/Model.ts"
import { edit, scratch, spoiled } from "./spoiled.ts"

const load = (model: string) =>
  Effect.flip(Effect.provide(Effect.asVoid(Backend.Backend), OnnxBackend.layer({ model })))
const prompt = Prompt.user("hi")
const ask = (model: string) =>
  Effect.flatMap(Backend.Backend, (b) => b.logProbs({ prompt, prefix: [], labels: ["No"] })).pipe(
    Effect.flip,
    Effect.provide(OnnxBackend.layer({ model }))
  )

const replaceByLink = (file: string) => (folder: string) => {
  const path = join(folder, file)
  renameSync(path, `${folder}-${file}`)
  symlinkSync(`${folder}-${file}`, path)
}

/** Swaps one name in the graph for another of the same length. */
const rename = (from: string, to: string) => (folder: string) => {
  const path = join(folder, "model.onnx")
  writeFileSync(path, Buffer.from(readFileSync(path).toString("latin1").replaceAll(from, to), "latin1"))
}

/** A folder of merged decoders, changed. */
const merged = (change: (graph: Graph) => void): string =>
  spoiled("families/merged-gpt-neox", (folder) => {
    const path = join(folder, "decoder_model_merged.onnx")
    const graph = new Graph(parse(readFileSync(path)))
    change(graph)
    writeFileSync(path, write(graph.finish()))
  })

/** Adds to the logits what makes no difference, but must be given. */
const readsToo = (graph: Graph, name: string, type: number): void => {
  graph.takes({ name, type, dims: [1] })
  const [node] = [...graph.nodes].filter(({ op }) => op === "If")
  graph.remove(node!)
  graph.add({ ...node!, outputs: ["before", ...node!.outputs.slice(1)] })
  const none = graph.op("Mul", [graph.op("Cast", [name], { to: types.float32 }), graph.floats([0])])
  graph.emit("Add", ["before", none], ["logits"])
}

describe("a model folder that cannot be used says which file and what to do", () => {
  it.live.each([
    ["no folder", () => join(scratch, "nowhere"), /nowhere\/config\.json cannot be read.*Give the folder/s],
    [
      "no graph",
      () => spoiled("qwen2", (f) => rmSync(join(f, "model.onnx"))),
      /holds no model\.onnx.*past key values/s
    ],
    [
      "config.json that is no JSON",
      () => spoiled("qwen2", (f) => writeFileSync(join(f, "config.json"), "{")),
      /config\.json is not valid JSON/
    ],
    [
      "config.json without layers",
      () =>
        spoiled(
          "qwen2",
          edit("config.json", (j) => ({ ...j, num_hidden_layers: undefined }))
        ),
      /config\.json does not say.*num_hidden_layers/s
    ],
    [
      "tokenizer.json that is cut off",
      () => spoiled("qwen2", (f) => truncateSync(join(f, "tokenizer.json"), 5000)),
      /tokenizer\.json is not valid JSON/
    ],
    [
      "tokenizer.json of an unknown kind",
      () =>
        spoiled(
          "qwen2",
          edit("tokenizer.json", (j) => ({ ...j, model: { type: "Nonsense" } }))
        ),
      /tokenizer\.json cannot be used/
    ],
    [
      "a graph that is cut off",
      () => spoiled("qwen2", (f) => truncateSync(join(f, "model.onnx"), 100_000)),
      /model\.onnx is not a whole ONNX graph/
    ],
    [
      "a graph that is something else",
      () => spoiled("qwen2", (f) => writeFileSync(join(f, "model.onnx"), "hello, I am a graph")),
      /model\.onnx is not a whole ONNX graph/
    ],
    [
      "missing external data",
      () => spoiled("llama-gqa", (f) => rmSync(join(f, "model.onnx.data"))),
      /model\.onnx keeps weights in model\.onnx\.data, which is not beside it.*external data/s
    ],
    [
      "unknown inputs",
      () => spoiled("qwen2", rename("position_ids", "positional_s")),
      /inputs that are not known: positional_s/
    ],
    [
      "too few layers in the graph",
      () =>
        spoiled(
          "qwen2",
          edit("config.json", (j) => ({ ...j, num_hidden_layers: 3 }))
        ),
      /lacks the inputs past_key_values\.2\.key/
    ],
    ...(["vocab_size", "num_key_value_heads", "head_dim"] as const).map(
      (size) =>
        [
          `another ${size} than the graph's`,
          () =>
            spoiled(
              "llama-gqa",
              edit("config.json", (j) => ({ ...j, [size]: 8 }))
            ),
          /model\.onnx has .* where its configuration says 8/
        ] as const
    ),
    [
      "weights outside the folder",
      () => spoiled("llama-gqa", rename("model.onnx.data", "../../etc/hosts")),
      /outside its folder \(\.\.\/\.\.\/etc\/hosts\)/
    ],
    [
      "an encoder-decoder model",
      () =>
        spoiled(
          "qwen2",
          edit("config.json", (j) => ({ is_encoder_decoder: true, model_type: j["model_type"] }))
        ),
      /config\.json is of an encoder-decoder model.*a decoder alone/s
    ],
    [
      "a graph that reads an encoder's states",
      () => merged((graph) => readsToo(graph, "encoder_hidden_states", types.float32)),
      /decoder_model_merged\.onnx reads what an encoder made \(encoder_hidden_states\)\. Use a model/
    ],
    [
      "branches that are others than those of merged decoders",
      () => merged((graph) => readsToo(graph, SWITCH, types.bool)),
      /decoder_model_merged\.onnx has branches that are not a decoder with past and one without: use_cache_branch switches something else than one If\. Export it/
    ],
    ...["config.json", "tokenizer.json", "tokenizer_config.json", "model.onnx", "model.onnx.data"].map(
      (file) =>
        [
          `${file} that is a link out of the folder`,
          () => spoiled("llama-gqa", replaceByLink(file)),
          new RegExp(`${file.replaceAll(".", "\\.")} leads out of its folder.*in place of the link`, "s")
        ] as const
    )
  ] as const)("%s", ([, make, message]) => Effect.map(load(make()), (error) => assert.match(error.message, message)))
})

describe("weights outside the folder are found wherever a graph may name them", () => {
  // A protobuf message of one field, of less than 128 bytes.
  const field = (number: number, body: string | Buffer) => {
    const bytes = Buffer.from(body)
    return Buffer.concat([
      Buffer.from(number < 16 ? [number * 8 + 2] : [(number % 16) * 8 + 130, number >> 4]),
      Buffer.from([bytes.length]),
      bytes
    ])
  }
  const tensor = field(13, Buffer.concat([field(1, "location"), field(2, "../../secret")]))
  const wrapped = (...path: ReadonlyArray<number>) => path.reduceRight<Buffer>((body, n) => field(n, body), tensor)
  it.live.each([
    ["an initializer", wrapped(7, 5)],
    ["a sparse initializer", wrapped(7, 15, 1)],
    ["a constant", wrapped(7, 1, 5, 5)],
    ["constants", wrapped(7, 1, 5, 10)],
    ["a node's own graph", wrapped(7, 1, 5, 6, 5)],
    ["a function", wrapped(25, 7, 5, 5)],
    ["training", wrapped(20, 1, 5)]
  ] as const)("%s", ([, bytes]) => {
    const folder = spoiled("qwen2", (f) => writeFileSync(join(f, "model.onnx"), bytes))
    return Effect.map(load(folder), (error) => assert.match(error.message, /outside its folder \(\.\.\/\.\.\/secret\)/))
  })
})

describe("merged decoders run rewritten, and as they are:", () => {
  const secondName = (folder: string) => {
    const path = join(folder, "onnx/decoder_model_merged.onnx")
    linkSync(path, `${path}.another`)
  }
  it.live.each([
    ["with external data", () => merged(() => {}), "auto", "rewritten"],
    ["with external data", () => merged(() => {}), "plain", "plain"],
    ["in a file that has a second name", () => spoiled("families/merged13-llama2", secondName), "auto", "rewritten"],
    ["in a file that has a second name", () => spoiled("families/merged13-llama2", secondName), "plain", "plain"]
  ] as const)("%s, %s, %s", ([, make, graph, wanted]) =>
    Effect.gen(function* () {
      const onnx = yield* OnnxBackend.Onnx
      assert.deepInclude(yield* onnx.describe, { graph: wanted })
    }).pipe(Effect.provide(OnnxBackend.layer({ model: make(), graph })))
  )
})

describe("a chat template is data", () => {
  const template = (text: string) =>
    spoiled(
      "gpt-neox",
      edit("tokenizer_config.json", (j) => ({ ...j, chat_template: text }))
    )

  it.live(
    "one that never ends is stopped",
    () =>
      Effect.map(
        ask(
          template(
            "{% for i in range(100000) %}{% for j in range(100000) %}{% set x = i * j %}{% endfor %}{% endfor %}"
          )
        ),
        (error) => assert.match(error.message, /chat template of .* took more than 2 seconds.*Use another template/s)
      ),
    20_000
  )

  it.live(
    "one that fills the memory breaks nothing but its renderer",
    () =>
      Effect.map(
        ask(
          template(
            "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(40) %}{% set ns.x = ns.x + ns.x %}{{ ns.x }}{% endfor %}"
          )
        ),
        (error) => assert.match(error.message, /chat template/)
      ),
    20_000
  )

  it.live("one that writes without end is cut short, though it is quick and fits the memory", () =>
    Effect.map(ask(template("{% for i in range(40000) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}")), (error) =>
      assert.match(error.message, /chat template of .* failed: it wrote \d+ characters/)
    )
  )

  it.live("one that is wrong says so", () =>
    Effect.map(ask(template("{{ raise_exception('no system turn') }}")), (error) =>
      assert.match(error.message, /failed: no system turn/)
    )
  )

  it.live("a folder without one takes text, and says so of chat", () =>
    Effect.gen(function* () {
      const folder = spoiled(
        "gpt-neox",
        edit("tokenizer_config.json", (j) => ({ ...j, chat_template: undefined }))
      )
      const error = yield* ask(folder)
      assert.isTrue(error.reason._tag === "Unsupported" && error.reason.capability === "chat")
      const asText = Effect.flatMap(Backend.Backend, (b) => b.logProbs({ prompt: "hi", prefix: [], labels: ["No"] }))
      assert.strictEqual((yield* Effect.provide(asText, OnnxBackend.layer({ model: folder }))).labels.length, 1)
    })
  )
})
