/**
 * From a folder, or a name on the Hub, to a model that answers.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { statSync } from "node:fs"
import type * as BackendError from "@mulligan/core/BackendError"
import * as ChatTemplate from "@mulligan/tokenizer/ChatTemplate"
import * as Tokenizer from "@mulligan/tokenizer/Tokenizer"
import type * as Driver from "./Driver.ts"
import type { DriverOptions } from "./driver/Open.ts"
import * as Engine from "./Engine.ts"
import * as ExternalData from "./ExternalData.ts"
import type { Precision } from "./GraphFiles.ts"
import type { FetchOptions } from "./Hub.ts"
import { fromLoad } from "./internal/errors.ts"
import * as ModelConfig from "./ModelConfig.ts"
import * as ModelFolder from "./ModelFolder.ts"

/** Of a model on the Hub; a folder needs none of them. */
export type HubOptions = Pick<FetchOptions, "revision" | "subfolder" | "token" | "onProgress">

export interface Options extends Engine.EngineOptions, DriverOptions, HubOptions {
  /**
   * A model on the Hugging Face Hub (`owner/name`), which is downloaded once into the cache that Hugging Face's libraries
   * share; or a folder, of an Optimum-style export (config.json, tokenizer.json, tokenizer_config.json, model.onnx or
   * decoder_model_merged.onnx, there or under onnx/) or of ONNX Runtime GenAI (genai_config.json). generation_config.json is optional; its `suppress_tokens` are
   * never drawn, and a drawn token's log-probability is that among the others. `logProbs` reads the whole vocabulary.
   */
  readonly model: string
  /**
   * Which of several graphs. Default of a folder: the first that is there, in the order fp32, fp16, q4, q4f16, int8; of the
   * Hub: see `Hub.fetchModel`.
   */
  readonly precision?: Precision | undefined
  /** The session runs in a thread of its own, so that the event loop is free. Default true; of no meaning for "capi". */
  readonly worker?: boolean | undefined
}

export interface Model {
  readonly config: ModelConfig.ModelConfig
  readonly tokenizer: Tokenizer.Tokenizer
  readonly template: ChatTemplate.ChatTemplate
  readonly driver: Driver.Driver
  readonly engine: Engine.Engine
}

/** What loads the model is loaded itself only where it is wanted: the main thread needs no ONNX Runtime of its own. */
const load = async (
  config: ModelConfig.ModelConfig,
  { worker = true, ...options }: Options
): Promise<Driver.Driver> => {
  const { arena, binding, cache, cudaOptions, device, deviceId, graph, spinning, threads, verify } = options
  const all = { arena, binding, cache, cudaOptions, device, deviceId, graph, spinning, threads, verify }
  const isCapi = device === "cuda" || binding === "capi" || cache === "device"
  if (isCapi) return (await import("./driver/OpenCapi.ts")).openCapi(config, all)
  if (worker) return (await import("./driver/InWorker.ts")).openInWorker(config, all)
  const [{ openDriver }, { open }] = await Promise.all([import("./driver/Open.ts"), import("./driver/NodeSession.ts")])
  return openDriver(config, all, open)
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** A folder that is there; else what looks like a name on the Hub is fetched. */
const found = (options: Options) =>
  Effect.gen(function* () {
    const { model, onProgress, precision, revision, subfolder, token } = options
    if (isFolder(model) || !/^[\w-][\w.-]*\/[\w.-]+$/.test(model)) return { folder: model, file: undefined }
    const Hub = yield* Effect.promise(() => import("./Hub.ts"))
    const device = options.device === "cuda" ? "cuda" : "cpu"
    const { folder, graph } = yield* Hub.fetchModel({
      model,
      device,
      precision,
      revision,
      subfolder,
      token,
      onProgress
    })
    return { folder, file: graph }
  })

/** Opens a model; closing the scope frees it. */
export const open = (options: Options): Effect.Effect<Model, BackendError.BackendError, Scope.Scope> =>
  Effect.gen(function* () {
    const { file, folder } = yield* found(options)
    const config = yield* ModelConfig.read(folder, { precision: options.precision, file })
    const [files, origin] = [yield* ModelFolder.files(folder), ModelFolder.origin(folder)]
    const tokenizer = yield* Tokenizer.make(files, origin)
    const template = yield* ChatTemplate.make(files, tokenizer, origin)
    yield* ExternalData.check(config.graph)
    const driver = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: () => load(config, options), catch: fromLoad }),
      (driver) => Effect.promise(() => driver.close())
    )
    return { config, tokenizer, template, driver, engine: Engine.make(config, driver, options) }
  })
