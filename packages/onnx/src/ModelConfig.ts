/**
 * What a model folder says about its model. The folder is data: nothing of it is run.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid } from "./internal/errors.ts"
import { fileOf, textOf } from "./internal/folder.ts"

export interface ModelConfig {
  readonly folder: string
  /** The graph, under the folder. */
  readonly graph: string
  readonly layers: number
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
}

const Count = Schema.Int.check(Schema.isGreaterThan(0))
const EndIds = Schema.NullOr(Schema.Union([Schema.Int, Schema.Array(Schema.Int)]))

const ConfigJson = Schema.Struct({
  num_hidden_layers: Count,
  num_attention_heads: Count,
  num_key_value_heads: Schema.optionalKey(Schema.NullOr(Count)),
  hidden_size: Count,
  head_dim: Schema.optionalKey(Schema.NullOr(Count)),
  max_position_embeddings: Count,
  vocab_size: Count,
  eos_token_id: Schema.optionalKey(EndIds)
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

/** Optimum puts the graph beside the configuration, the transformers.js exports under `onnx/`. */
const findGraph = Effect.fnUntraced(function* (folder: string) {
  for (const name of ["model.onnx", "onnx/model.onnx", "decoder_model_merged.onnx"]) {
    const path = yield* fileOf(folder, name)
    if (path !== undefined) return path
  }
  return yield* invalid(`${folder} holds no model.onnx.`, "Export the model with past key values, or fetch the file.")
})

/** Reads `config.json` and `generation_config.json` and finds the graph. */
export const read = (folder: string): Effect.Effect<ModelConfig, BackendError.BackendError> =>
  Effect.gen(function* () {
    const config = yield* readJson(folder, "config.json", ConfigJson)
    const generation = (yield* fileOf(folder, "generation_config.json"))
      ? yield* readJson(folder, "generation_config.json", GenerationJson)
      : {}
    const heads = config.num_attention_heads
    return {
      folder,
      graph: yield* findGraph(folder),
      layers: config.num_hidden_layers,
      kvHeads: config.num_key_value_heads ?? heads,
      headDim: config.head_dim ?? config.hidden_size / heads,
      context: config.max_position_embeddings,
      vocabulary: config.vocab_size,
      endIds: new Set([...asIds(generation.eos_token_id), ...asIds(config.eos_token_id)]),
      suppressed: generation.suppress_tokens ?? []
    }
  })
