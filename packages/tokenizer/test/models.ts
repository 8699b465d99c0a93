/** The text side of the models in the repository, and what `transformers` says of it. */
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Prompt } from "@mulligan/core"
import { ChatTemplate, type Files, Tokenizer } from "@mulligan/tokenizer"

export interface Reference {
  readonly spellings: Record<string, ReadonlyArray<number>>
  readonly unicode: ReadonlyArray<{ readonly text: string; readonly ids: ReadonlyArray<number> }>
  readonly cases: ReadonlyArray<{ readonly prompt: Prompt.Prompt; readonly promptIds: ReadonlyArray<number> }>
}
type Json = Record<string, unknown>

const folders = {
  "llama-gqa": "../../onnx/test/fixtures/llama-gqa",
  qwen2: "../../onnx/test/fixtures/qwen2",
  "gpt-neox": "../../onnx/test/fixtures/gpt-neox",
  "pocket-1": "fixtures/pocket-1",
  "added-tokens": "fixtures/added-tokens"
}
export type Model = keyof typeof folders
export const families = ["llama-gqa", "qwen2", "gpt-neox"] as const

const path = (model: Model, file: string) => join(fileURLToPath(new URL(folders[model], import.meta.url)), file)
const json = (model: Model, file: string): Json => JSON.parse(readFileSync(path(model, file), "utf8"))

export const reference = (model: Model): Reference => json(model, "reference.json") as unknown as Reference

export const files = (model: Model): Files.Files & { readonly tokenizer: Json; readonly config: Json } => ({
  tokenizer: json(model, "tokenizer.json"),
  config: json(model, "tokenizer_config.json"),
  template: existsSync(path(model, "chat_template.jinja"))
    ? readFileSync(path(model, "chat_template.jinja"), "utf8")
    : undefined
})

export const origin: Files.Origin = { backend: "test", name: "some/model" }

export const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect)

export const tokenizerOf = (from: Files.Files) => Tokenizer.make(from, origin)

/** What a model's template does, its renderer closed afterwards. */
export const chat = <A, E>(from: Files.Files, f: (template: ChatTemplate.ChatTemplate) => Effect.Effect<A, E>) =>
  tokenizerOf(from).pipe(
    Effect.flatMap((tokenizer) => ChatTemplate.make(from, tokenizer, origin)),
    Effect.flatMap(f),
    Effect.scoped,
    run
  )
