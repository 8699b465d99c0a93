/**
 * What answers: a model in this process, or a server. Every command that runs a model takes the same options for it.
 */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { existsSync } from "node:fs"
import type { Backend } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Options as ServerOptions } from "@mulligan/huggingface/Options"
import type { Options as OnnxOptions } from "@mulligan/onnx/Model"
import * as Problem from "./Problem.ts"
import type { Screen } from "./Screen.ts"
import * as Token from "./Token.ts"

const precisions = ["fp32", "fp16", "q4", "q4f16", "int8"] as const
const devices = ["cpu", "cuda", "dml", "coreml", "webgpu"] as const
const dialects = ["vllm", "sglang", "llama.cpp", "tgi", "transformers", "openai", "router"] as const

/** A flag of any text; left out: undefined. */
export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.withDefault(undefined))

export const flags = {
  model: Flag.String("model").pipe(
    Flag.withAlias("m"),
    Flag.withMetavar("NAME"),
    Flag.withDescription("an ONNX model's folder or owner/name on the Hub; on a server: its name there"),
    Flag.withDefault(undefined)
  ),
  precision: Flag.Literals("precision", precisions).pipe(
    Flag.withDescription("ONNX: of the weights; default: what suits the device"),
    Flag.withDefault(undefined)
  ),
  device: Flag.Literals("device", devices).pipe(
    Flag.withDescription("ONNX: where it runs; default cpu"),
    Flag.withDefault(undefined)
  ),
  threads: Flag.Int("threads").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("ONNX: CPU threads; default: all cores"),
    Flag.withDefault(undefined)
  ),
  revision: text("revision", "NAME", "ONNX, from the Hub: a branch, tag or commit; default main"),
  subfolder: text("subfolder", "PATH", "ONNX, from the Hub: the model's folder in its repository"),
  endpoint: Flag.String("endpoint").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("a server: vLLM, SGLang, llama.cpp, TGI, OpenAI-compatible; several share the work"),
    Flag.atLeast(0)
  ),
  provider: text("provider", "NAME", "Hugging Face's router to providers: one of them, or auto"),
  dialect: Flag.Literals("dialect", dialects).pipe(
    Flag.withDescription("how the server is spoken to; default: it is asked"),
    Flag.withDefault(undefined)
  ),
  tokenizer: text("tokenizer", "owner/name", "a server's: the tokenizer on the Hub; default: that of --model"),
  tokenEnv: text(
    "token-env",
    "VARIABLE",
    "the variable that holds the access token; default HF_TOKEN, to Hugging Face alone"
  )
}

/** What the options of a command say about its model. */
export interface Flags {
  readonly model: string | undefined
  readonly precision: OnnxOptions["precision"]
  readonly device: OnnxOptions["device"]
  readonly threads: number | undefined
  readonly revision: string | undefined
  readonly subfolder: string | undefined
  readonly endpoint: ReadonlyArray<string>
  readonly provider: string | undefined
  readonly dialect: string | undefined
  readonly tokenizer: string | undefined
  readonly tokenEnv: string | undefined
}

export type Target =
  | { readonly _tag: "Onnx"; readonly options: OnnxOptions }
  | { readonly _tag: "Server"; readonly options: ServerOptions }

const which =
  "Give --model FOLDER or owner/name (ONNX, in this process), or --endpoint URL --model NAME (a server), or --provider auto --model owner/name."

const optionOf = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** The first option that says nothing to this kind of model. */
const stray = (given: Flags, names: ReadonlyArray<keyof Flags>): string | undefined => {
  const name = names.find((name) => given[name] !== undefined)
  return name === undefined ? undefined : optionOf(name)
}

const onnx = (given: Flags, model: string, token: Redacted.Redacted | undefined): Target => {
  const { device, precision, revision, subfolder, threads } = given
  return { _tag: "Onnx", options: { model, device, precision, revision, subfolder, threads, token } }
}

const server = (given: Flags, model: string, token: Redacted.Redacted | undefined): Target => {
  const { dialect, endpoint, provider, tokenizer } = given
  return {
    _tag: "Server",
    options: {
      model,
      dialect,
      tokenizer,
      accessToken: token,
      provider: provider === "auto" ? undefined : provider,
      endpointUrl: endpoint.length === 0 ? undefined : endpoint
    }
  }
}

/** Refuses what does not go together, before anything is loaded or asked. */
export const of = (given: Flags): Effect.Effect<Target, Problem.UsageError> =>
  Effect.gen(function* () {
    const { endpoint, model, provider, threads } = given
    const isServer = endpoint.length > 0 || provider !== undefined
    if (model === undefined) return yield* Problem.usage("Which model?", which)
    if (endpoint.length > 0 && provider !== undefined)
      return yield* Problem.usage(
        "--endpoint and --provider are both given.",
        "A provider is the router's: leave out one of them."
      )
    const other = isServer
      ? stray(given, ["precision", "device", "threads", "revision", "subfolder"])
      : stray(given, ["dialect", "tokenizer"])
    if (other !== undefined)
      return yield* Problem.usage(
        `${other} says nothing to ${isServer ? "a server" : "an ONNX model in this process"}.`,
        isServer ? "Leave it out." : "Leave it out, or name a server by --endpoint."
      )
    if (threads !== undefined && threads < 1)
      return yield* Problem.usage("--threads is below 1.", "Give a number from 1.")
    const token = yield* Token.of(endpoint, "--token-env", given.tokenEnv)
    return isServer ? server(given, model, token) : onnx(given, model, token)
  })

/** What a recording calls it: whatever changes its answers, and no secret. */
export const nameOf = ({ _tag, options }: Target): string => {
  if (_tag === "Onnx") {
    const { model, precision, revision, subfolder } = options
    return [`${model}${revision === undefined ? "" : `@${revision}`}`, subfolder, precision].filter(Boolean).join(" ")
  }
  return `${options.model}${options.provider === undefined ? "" : `:${options.provider}`}`
}

const percent = (part: number, all: number) => `${((100 * part) / Math.max(1, all)).toFixed(0)}%`

const isHubName = (model: string): boolean => /^[\w.-]+\/[\w.-]+$/.test(model) && !existsSync(model)

/** Each backend is loaded where it is wanted: the other one costs nothing. */
export const layerOf = (target: Target, screen: Screen): Effect.Effect<Layer.Layer<Backend, BackendError>> =>
  Effect.promise(async () => {
    if (target._tag === "Server")
      return (await import("@mulligan/huggingface/HuggingFaceBackend")).layer(target.options)
    const { layer } = await import("@mulligan/onnx/OnnxBackend")
    const { model } = target.options
    if (isHubName(model)) screen.note(screen.paint("gray", `There is no folder ${model} here; looking on the Hub.`))
    screen.show(`Loading ${model} ...`)
    return layer({
      ...target.options,
      onProgress: ({ file, receivedBytes, totalBytes }) => {
        screen.show(`Fetching ${file} ${percent(receivedBytes, totalBytes)}`)
      }
    })
  })
