import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { select, type Wanted } from "../src/hub/Select.ts"

const GB = 1e9
const hash = "0".repeat(64)
const about = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja"
]
/** Paths, with sizes behind `:` in gigabytes. */
const repository = (...paths: ReadonlyArray<string>) =>
  ["README.md", "model.safetensors", ...about, ...paths].map((text) => {
    const [path = "", size = "0"] = text.split(":")
    return { path, size: Number(size) * GB, hash }
  })
const genai = (...folders: ReadonlyArray<string>) =>
  folders.flatMap((folder) =>
    ["genai_config.json", "tokenizer.json", "tokenizer_config.json", "model.onnx:1", "model.onnx.data:3"].map(
      (file) => `${folder}/${file}`
    )
  )
const chosen = (paths: ReadonlyArray<string>, wanted: Partial<Wanted>) =>
  select(repository(...paths), { model: "a/b", device: "cpu", ...wanted })
const graphs = (found: Effect.Success<ReturnType<typeof select>>) =>
  found.files.map(({ path }) => path).filter((path) => path.includes(".onnx"))

const all = ["", "_fp16", "_q4", "_q4f16", "_int8", "_uint8", "_quantized", "_bnb4"].map(
  (end) => `onnx/model${end}.onnx:0.1`
)

describe("one graph with its data, and what tells of model and text", () => {
  it.effect("files that are not needed are left", () =>
    Effect.gen(function* () {
      const { files, folder } = yield* chosen(
        [...all, "genai_config.json", "special_tokens_map.json", "onnx/notes.txt"],
        {}
      )
      assert.strictEqual(folder, "")
      assert.deepStrictEqual(
        files.map(({ path }) => path),
        [...about, "genai_config.json", "onnx/model.onnx"]
      )
    })
  )

  it.effect.each([
    ["onnx/m", ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx_data_1", "onnx/model.onnx_data_12"]],
    ["onnx/m", ["onnx/model.onnx", "onnx/model.onnx.data"]],
    ["m", ["model.onnx", "model.onnx.data", "model.onnx.data_1"]],
    ["onnx/d", ["onnx/decoder_model_merged.onnx", "onnx/decoder_model_merged.onnx_data"]]
  ] as const)("external data %#", ([, paths]) =>
    Effect.gen(function* () {
      const others = [
        "onnx/model_q4.onnx_data",
        "onnx/model.onnx_database",
        "onnx/model.onnx_data.txt",
        "other/model.onnx_data"
      ]
      assert.deepStrictEqual(graphs(yield* chosen([...paths, ...others], {})), [...paths])
    })
  )
})

describe("which precision", () => {
  it.effect.each([
    ["cpu, small: full", all, {}, "onnx/model.onnx"],
    [
      "cpu, up to 2 GiB with its data: full",
      ["onnx/model.onnx:0.1", "onnx/model.onnx_data:2.04", "onnx/model_q4.onnx"],
      {},
      "onnx/model.onnx"
    ],
    [
      "cpu, more: four bits",
      ["onnx/model.onnx:0.1", "onnx/model.onnx_data:2.05", "onnx/model_q4.onnx", "onnx/model_int8.onnx"],
      {},
      "onnx/model_q4.onnx"
    ],
    ["cpu, more, no four bits: eight", ["onnx/model.onnx:3", "onnx/model_int8.onnx"], {}, "onnx/model_int8.onnx"],
    ["cpu, more, nothing else: full", ["onnx/model.onnx:3", "onnx/model_fp16.onnx"], {}, "onnx/model.onnx"],
    ["cpu, no full one", ["onnx/model_q4.onnx", "onnx/model_fp16.onnx"], {}, "onnx/model_q4.onnx"],
    ["cuda: half", all, { device: "cuda" }, "onnx/model_fp16.onnx"],
    [
      "cuda, no half: four bits with half",
      ["onnx/model.onnx", "onnx/model_q4f16.onnx", "onnx/model_q4.onnx"],
      { device: "cuda" },
      "onnx/model_q4f16.onnx"
    ],
    ["cuda, neither: full", ["onnx/model.onnx:9", "onnx/model_q4.onnx"], { device: "cuda" }, "onnx/model.onnx"],
    ["fp32 asked", ["onnx/model.onnx:9", "onnx/model_q4.onnx"], { precision: "fp32" }, "onnx/model.onnx"],
    ["fp16 asked", all, { precision: "fp16" }, "onnx/model_fp16.onnx"],
    ["q4 asked", all, { precision: "q4" }, "onnx/model_q4.onnx"],
    ["q4 asked, another kind", ["onnx/model_bnb4.onnx"], { precision: "q4" }, "onnx/model_bnb4.onnx"],
    ["q4f16 asked", all, { precision: "q4f16" }, "onnx/model_q4f16.onnx"],
    ["int8 asked", all, { precision: "int8" }, "onnx/model_int8.onnx"],
    [
      "int8 asked, other names",
      ["onnx/model_uint8.onnx", "onnx/model_quantized.onnx"],
      { precision: "int8" },
      "onnx/model_quantized.onnx"
    ],
    ["at the root", ["model.onnx", "decoder_model_merged.onnx"], {}, "model.onnx"],
    ["one decoder before merged ones", ["onnx/decoder_model_merged.onnx", "onnx/model.onnx"], {}, "onnx/model.onnx"],
    [
      "precision before that",
      ["onnx/decoder_model_merged.onnx", "onnx/model_q4.onnx"],
      {},
      "onnx/decoder_model_merged.onnx"
    ],
    [
      "merged decoders",
      ["onnx/decoder_model.onnx", "onnx/decoder_model_merged.onnx", "onnx/decoder_with_past_model.onnx"],
      {},
      "onnx/decoder_model_merged.onnx"
    ],
    [
      "merged decoders, smaller",
      ["onnx/decoder_model_merged_quantized.onnx"],
      {},
      "onnx/decoder_model_merged_quantized.onnx"
    ]
  ] as ReadonlyArray<readonly [string, ReadonlyArray<string>, Partial<Wanted>, string]>)(
    "%s",
    ([, paths, wanted, graph]) =>
      Effect.map(chosen(paths, wanted), (found) => assert.strictEqual(found.graph.path, graph))
  )

  it.effect.each([
    [
      "what is not there",
      ["onnx/model.onnx", "onnx/model_q4.onnx"],
      { precision: "int8" },
      /a\/b has no int8, but fp32, q4\. Give one of these as `precision`/
    ],
    [
      "half of a model",
      ["onnx/encoder_model.onnx", "onnx/encoder_model_q4.onnx", "onnx/decoder_model_merged.onnx"],
      {},
      /a\/b is an encoder-decoder model\. Use a model that is a decoder alone/
    ],
    [
      "half of a model at the root",
      ["encoder_model_quantized.onnx", "decoder_model_merged_quantized.onnx"],
      {},
      /encoder-decoder model/
    ],
    [
      "half precision on the CPU, unless asked for",
      ["onnx/model_fp16.onnx", "onnx/model_q4f16.onnx"],
      {},
      /no graph for the CPU, but fp16, q4f16/
    ]
  ] as ReadonlyArray<readonly [string, ReadonlyArray<string>, Partial<Wanted>, RegExp]>)(
    "not %s",
    ([, paths, wanted, message]) =>
      Effect.map(Effect.flip(chosen(paths, wanted)), (error) => assert.match(error.message, message))
  )
})

const cpu = "cpu_and_mobile/cpu-int4-rtn-block-32"
const phi = [
  cpu,
  `${cpu}-acc-level-4`,
  "cuda/cuda-fp16",
  "cuda/cuda-int4-rtn-block-32",
  "directml/directml-int4-awq-block-128"
]

describe("folders of ONNX Runtime GenAI", () => {
  it.effect.each([
    ["the one for the CPU", [cpu, "gpu/gpu-int4-awq-block-128"], {}, cpu],
    ["the one for CUDA", [cpu, "gpu/gpu-int4-awq-block-128"], { device: "cuda" }, "gpu/gpu-int4-awq-block-128"],
    ["the one that names no device", ["model", "webgpu/int4"], {}, "model"],
    ["by precision", phi, { device: "cuda", precision: "fp16" }, "cuda/cuda-fp16"],
    ["as asked", phi, { subfolder: `${cpu}-acc-level-4/` }, `${cpu}-acc-level-4`]
  ] as ReadonlyArray<readonly [string, ReadonlyArray<string>, Partial<Wanted>, string]>)(
    "%s",
    ([, folders, wanted, folder]) =>
      Effect.gen(function* () {
        const found = yield* chosen(genai(...folders), wanted)
        assert.strictEqual(found.folder, folder)
        const expected = [
          "genai_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "model.onnx",
          "model.onnx.data"
        ]
        assert.deepStrictEqual(
          found.files.map(({ path }) => path),
          expected.map((file) => `${folder}/${file}`)
        )
      })
  )

  it.effect("a graph of any name, where it is the only one", () =>
    Effect.gen(function* () {
      const paths = ["g/genai_config.json", "g/tokenizer.json", "g/phi3-cpu.onnx", "g/phi3-cpu.onnx.data"]
      assert.deepStrictEqual(graphs(yield* chosen(paths, {})), ["g/phi3-cpu.onnx", "g/phi3-cpu.onnx.data"])
      assert.match((yield* Effect.flip(chosen([...paths, "g/other.onnx"], {}))).message, /no graph in g\./)
    })
  )

  it.effect("at the root the exporter has chosen the precision", () =>
    Effect.map(chosen(["genai_config.json", "model.onnx:9", "model.onnx.data:9"], {}), (found) =>
      assert.deepStrictEqual(graphs(found), ["model.onnx", "model.onnx.data"])
    )
  )

  it.effect("graphs of the usual names go first", () =>
    Effect.map(chosen([...all, ...genai(cpu)], {}), ({ graph }) => assert.strictEqual(graph.path, "onnx/model.onnx"))
  )

  it.effect.each([
    ["more than one fits", phi, {}, `2 fit the CPU. Give one of these as \`subfolder\`: ${cpu}, ${cpu}-acc-level-4.`],
    ["none fits", ["directml/x"], { device: "cuda" }, "none fits CUDA. Give one of these as `subfolder`: directml/x."],
    ["none of the precision", phi, { precision: "fp32" }, "none fits the CPU in fp32."],
    ["one that is not there", phi, { subfolder: "cuda" }, "a/b has no graph in cuda."]
  ] as ReadonlyArray<readonly [string, ReadonlyArray<string>, Partial<Wanted>, string]>)(
    "%s: says which there are",
    ([, folders, wanted, message]) =>
      Effect.map(Effect.flip(chosen(genai(...folders), wanted)), (error) => assert.include(error.message, message))
  )

  it.effect("without a tokenizer", () =>
    Effect.map(Effect.flip(chosen(["g/genai_config.json", "g/model.onnx"], {})), (error) =>
      assert.match(error.message, /a\/b has no g\/tokenizer\.json/)
    )
  )
})
