/**
 * What a model folder says about its model. The folder is data: nothing of it is run.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { access, readFile } from "node:fs/promises"
import { join } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid } from "./internal/errors.ts"

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
const GenerationJson = Schema.Struct({ eos_token_id: Schema.optionalKey(EndIds) })

/** Reads one JSON file of the folder; fails naming the file. A missing optional file is `undefined`. */
export const readJson = <T, E>(
  folder: string,
  file: string,
  schema: Schema.Codec<T, E>
): Effect.Effect<T, BackendError.BackendError> =>
  Effect.tryPromise({
    try: async () => JSON.parse(await readFile(join(folder, file), "utf8")) as unknown,
    catch: (cause) => unreadable(folder, file, cause)
  }).pipe(
    Effect.flatMap((json) =>
      Effect.mapError(Schema.decodeUnknownEffect(schema)(json), (error) =>
        invalid(
          `${join(folder, file)} does not say what is needed: ${error.message}.`,
          "Export the model again with its configuration."
        )
      )
    )
  )

const unreadable = (folder: string, file: string, cause: unknown) =>
  cause instanceof SyntaxError
    ? invalid(`${join(folder, file)} is not valid JSON.`, "Fetch or export the file again.")
    : invalid(
        `${join(folder, file)} cannot be read.`,
        "Give the folder of an exported model: config.json, tokenizer.json, model.onnx."
      )

export const exists = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    access(path).then(
      () => true,
      () => false
    )
  )

const asIds = (ids: number | ReadonlyArray<number> | null | undefined): ReadonlyArray<number> =>
  typeof ids === "number" ? [ids] : (ids ?? [])

/** Optimum puts the graph beside the configuration, the transformers.js exports under `onnx/`. */
const findGraph = Effect.fnUntraced(function* (folder: string) {
  for (const path of ["model.onnx", "onnx/model.onnx", "decoder_model_merged.onnx"]) {
    if (yield* exists(join(folder, path))) return join(folder, path)
  }
  return yield* invalid(`${folder} holds no model.onnx.`, "Export the model with past key values, or fetch the file.")
})

/** Reads `config.json` and `generation_config.json` and finds the graph. */
export const read = (folder: string): Effect.Effect<ModelConfig, BackendError.BackendError> =>
  Effect.gen(function* () {
    const config = yield* readJson(folder, "config.json", ConfigJson)
    const generation = (yield* exists(join(folder, "generation_config.json")))
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
      endIds: new Set([...asIds(generation.eos_token_id), ...asIds(config.eos_token_id)])
    }
  })
