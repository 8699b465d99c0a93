/**
 * What a model folder says about its model. The folder is data: nothing of it is run.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join, relative } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { pathsOf, type Precision, precisionOf, precisions } from "./GraphFiles.ts"
import { invalid, unsupported } from "./internal/errors.ts"
import { fileOf, textOf } from "./internal/folder.ts"

export interface ModelConfig {
  readonly folder: string
  /** The graph, under the folder. */
  readonly graph: string
  /** Of the weights, where the graph's name tells. */
  readonly precision?: Precision | undefined
  readonly layers: number
  /** Heads of the queries. */
  readonly heads: number
  /** Heads of the key-value cache. */
  readonly kvHeads: number
  readonly headDim: number
  /** Tokens of prompt and answer together. */
  readonly context: number
  readonly vocabulary: number
  /** Tokens that end an answer. */
  readonly endIds: ReadonlySet<number>
  /** Tokens that are never drawn and take no part in the probability of those that are. */
  readonly suppressed: ReadonlyArray<number>
  /** Names in the graph: keys and values of each layer in turn, before and after a step, and the logits. */
  readonly past: ReadonlyArray<string>
  readonly present: ReadonlyArray<string>
  readonly logits: string
  /** Tokens that some layer sees at most, where the configuration says so. */
  readonly window: number | undefined
}

const Count = Schema.Int.check(Schema.isGreaterThan(0))
const EndIds = Schema.NullOr(Schema.Union([Schema.Int, Schema.Array(Schema.Int)]))

const Optional = Schema.optionalKey(Schema.NullOr(Count))
const Decoder = Schema.Struct({
  num_hidden_layers: Count,
  num_attention_heads: Count,
  num_key_value_heads: Optional,
  hidden_size: Count,
  head_dim: Optional,
  max_position_embeddings: Count,
  vocab_size: Count,
  sliding_window: Optional,
  eos_token_id: Schema.optionalKey(EndIds)
})
/** A model of more than text keeps what we need under `text_config`. */
const ConfigJson = Schema.Union([Schema.Struct({ text_config: Decoder }), Decoder])
const Kind = Schema.Struct({ is_encoder_decoder: Schema.optionalKey(Schema.Unknown) })
const Names = Schema.Struct({ past_key_names: Schema.String, past_value_names: Schema.String })
const GenAiJson = Schema.Struct({
  model: Schema.Struct({
    context_length: Count,
    vocab_size: Count,
    eos_token_id: EndIds,
    decoder: Schema.Struct({
      filename: Schema.String,
      head_size: Count,
      num_attention_heads: Count,
      num_hidden_layers: Count,
      num_key_value_heads: Count,
      inputs: Names,
      outputs: Schema.Struct({
        logits: Schema.String,
        present_key_names: Schema.String,
        present_value_names: Schema.String
      })
    })
  })
})
const GenerationJson = Schema.Struct({
  eos_token_id: Schema.optionalKey(EndIds),
  suppress_tokens: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Int)))
})

/** Reads one JSON file of the folder; fails naming the file. */
export const readJson = <T, E>(
  folder: string,
  file: string,
  schema: Schema.Codec<T, E>
): Effect.Effect<T, BackendError.BackendError> =>
  textOf(folder, file).pipe(
    Effect.flatMap((text) => parsed(join(folder, file), text)),
    Effect.flatMap((json) =>
      Effect.mapError(Schema.decodeUnknownEffect(schema)(json), (error) =>
        invalid(
          `${join(folder, file)} does not say what is needed: ${error.message}.`,
          "Export the model again with its configuration."
        )
      )
    )
  )

const parsed = (path: string, text: string | undefined): Effect.Effect<unknown, BackendError.BackendError> =>
  text === undefined
    ? invalid(
        `${path} cannot be read.`,
        "Give the folder of an exported model: config.json, tokenizer.json, model.onnx."
      )
    : Effect.try({
        try: () => JSON.parse(text) as unknown,
        catch: () => invalid(`${path} is not valid JSON.`, "Fetch or export the file again.")
      })

const asIds = (ids: number | ReadonlyArray<number> | null | undefined): ReadonlyArray<number> =>
  typeof ids === "number" ? [ids] : (ids ?? [])

const findGraph = Effect.fnUntraced(function* (folder: string, precision: Precision | undefined) {
  for (const name of (precision === undefined ? precisions : [precision]).flatMap(pathsOf)) {
    const path = yield* fileOf(folder, name)
    if (path !== undefined) return path
  }
  const wanted = pathsOf(precision ?? "fp32").find((name) => name.startsWith("model"))
  return yield* invalid(`${folder} holds no ${wanted}.`, "Export the model with past key values, or fetch the file.")
})

const numbered = (layers: number, ...patterns: ReadonlyArray<string>): ReadonlyArray<string> =>
  Array.from({ length: layers }, (_, i) => patterns.map((pattern) => pattern.replace("%d", String(i)))).flat()

/** A folder of ONNX Runtime GenAI says by itself where the graph is and what its tensors are called. */
const readGenAi = (folder: string): Effect.Effect<ModelConfig, BackendError.BackendError> =>
  Effect.gen(function* () {
    const { model } = yield* readJson(folder, "genai_config.json", GenAiJson)
    const { decoder } = model
    const graph = yield* fileOf(folder, decoder.filename)
    if (graph === undefined)
      return yield* invalid(`${folder} holds no ${decoder.filename}.`, "Fetch the graph that genai_config.json names.")
    const { inputs, num_hidden_layers: layers, outputs } = decoder
    return {
      folder,
      graph,
      layers,
      heads: decoder.num_attention_heads,
      kvHeads: decoder.num_key_value_heads,
      headDim: decoder.head_size,
      context: model.context_length,
      vocabulary: model.vocab_size,
      endIds: new Set(asIds(model.eos_token_id)),
      suppressed: yield* suppressedOf(folder),
      past: numbered(layers, inputs.past_key_names, inputs.past_value_names),
      present: numbered(layers, outputs.present_key_names, outputs.present_value_names),
      logits: outputs.logits,
      window: undefined
    }
  })

const readGeneration = (folder: string) =>
  Effect.gen(function* () {
    return (yield* fileOf(folder, "generation_config.json"))
      ? yield* readJson(folder, "generation_config.json", GenerationJson)
      : {}
  })

const suppressedOf = (folder: string) =>
  Effect.map(readGeneration(folder), (generation) => generation.suppress_tokens ?? [])

const checkKind = (folder: string) =>
  Effect.flatMap(readJson(folder, "config.json", Kind), ({ is_encoder_decoder }) =>
    is_encoder_decoder === true
      ? unsupported(
          "encoder-decoder models",
          `${join(folder, "config.json")} is of an encoder-decoder model.`,
          "Use a model that is a decoder alone."
        )
      : Effect.void
  )

const readOptimum = (folder: string, precision: Precision | undefined, file: string | undefined) =>
  Effect.gen(function* () {
    yield* checkKind(folder)
    const json = yield* readJson(folder, "config.json", ConfigJson)
    const config = "text_config" in json ? json.text_config : json
    const generation = yield* readGeneration(folder)
    const [heads, layers] = [config.num_attention_heads, config.num_hidden_layers]
    const graph = file ?? (yield* findGraph(folder, precision))
    return {
      folder,
      graph,
      precision: precisionOf(relative(folder, graph)),
      layers,
      heads,
      kvHeads: config.num_key_value_heads ?? heads,
      headDim: config.head_dim ?? config.hidden_size / heads,
      context: config.max_position_embeddings,
      vocabulary: config.vocab_size,
      endIds: new Set([...asIds(generation.eos_token_id), ...asIds(config.eos_token_id)]),
      suppressed: generation.suppress_tokens ?? [],
      past: numbered(layers, "past_key_values.%d.key", "past_key_values.%d.value"),
      present: numbered(layers, "present.%d.key", "present.%d.value"),
      logits: "logits",
      window: config.sliding_window ?? undefined
    }
  })

export interface Which {
  /** Default: the first that is there, in the order fp32, fp16, q4, q4f16, int8. */
  readonly precision?: Precision | undefined
  /** The graph, where it is already known which. */
  readonly file?: string | undefined
}

/** Reads `genai_config.json`, or `config.json` and `generation_config.json`, and finds the graph. */
export const read = (
  folder: string,
  { file, precision }: Which = {}
): Effect.Effect<ModelConfig, BackendError.BackendError> =>
  Effect.flatMap(fileOf(folder, "genai_config.json"), (path) =>
    path === undefined ? readOptimum(folder, precision, file) : readGenAi(folder)
  )
