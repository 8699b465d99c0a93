/**
 * The pocket model on real servers: brought once, or the reason why it cannot be had.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import { pocketFolder } from "../../../onnx/test/subjects.ts"
import * as LlamaServer from "../../../../scripts/servers/LlamaServer.ts"
import * as PocketFormats from "../../../../scripts/servers/PocketFormats.ts"
import * as SecondEngine from "../../../../scripts/servers/SecondEngine.ts"

const json = (name: string): unknown => JSON.parse(readFileSync(join(pocketFolder, name), "utf8"))

/** The tokenizer as it ships, for a server of this machine has no hub. */
export const tokenizer = { tokenizer: json("tokenizer.json"), config: json("tokenizer_config.json") }

const [llama, formats] = [await LlamaServer.bring(), await PocketFormats.bring()]

/** Why there is no llama-server here; undefined: there is one. */
export const skipped = "skipped" in llama ? llama.skipped : "skipped" in formats ? formats.skipped : undefined

/** An engine with the pocket model on it. */
export interface Engine {
  readonly name: string
  /** Why it cannot be had here; undefined: it can. */
  readonly skipped: string | undefined
  readonly start: () => Promise<{ readonly url: string; readonly stop: () => Promise<void> }>
}

/** Nothing is rounded more than in the reference: the cache is kept and attention counted in float32. */
const exact = ["--flash-attn", "off", "--cache-type-k", "f32", "--cache-type-v", "f32"]

export const start = (model: "pocket" | "random" | "bytes", slots = 16, context = 0) => {
  if ("skipped" in formats) throw new Error(formats.skipped)
  return LlamaServer.start({ model: formats[model], slots, context, args: exact })
}

export const layer = (url: string, options: Partial<HuggingFaceBackend.Options> = {}) =>
  HuggingFaceBackend.layer({ model: "pocket", endpointUrl: url, tokenizer, ...options })

const vllm = await SecondEngine.bring()

export const engines: ReadonlyArray<Engine> = [
  { name: "llama-server", skipped, start: () => start("pocket") },
  {
    name: "vLLM",
    skipped: "skipped" in vllm ? vllm.skipped : "skipped" in formats ? formats.skipped : undefined,
    start: () => SecondEngine.start({ model: "skipped" in formats ? "" : formats.folder, name: "pocket" })
  }
]
