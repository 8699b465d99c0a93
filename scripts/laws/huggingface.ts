// The laws on every dialect: on engines as they were recorded, and on real servers where they can be had.
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import { engines, start } from "../../packages/huggingface/test/subjects.ts"
import { pocketFolder, subjects } from "../../packages/onnx/test/subjects.ts"
import * as LlamaServer from "../servers/LlamaServer.ts"
import * as PocketFormats from "../servers/PocketFormats.ts"
import * as SecondEngine from "../servers/SecondEngine.ts"
import { type Line, named } from "./Line.ts"

/** Engines of `packages/huggingface/test/engines`, which behave as those did that they were recorded from. */
export const recorded = Effect.forEach(engines, (engine) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { layer, subject } = yield* Effect.acquireRelease(
        Effect.promise(() => start(engine)),
        ({ stop }) => Effect.promise(stop)
      )
      const results = yield* Effect.provide(BackendLaws.run(subject), layer)
      return named(`huggingface:${engine.name} (recorded)`, results)
    })
  )
).pipe(Effect.map((lines) => lines.flat()))

interface Running {
  readonly url: string
  readonly stop: () => Promise<void>
}

interface Real {
  readonly name: string
  /** Starts it, or says why it cannot be had. */
  readonly start: () => Promise<Running | { readonly skipped: string }>
}

const json = (name: string): unknown => JSON.parse(readFileSync(join(pocketFolder, name), "utf8"))
const tokenizer = { tokenizer: json("tokenizer.json"), config: json("tokenizer_config.json") }

/** Nothing is rounded more than in the reference: the cache is kept and attention counted in float32. */
const exact = ["--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attn", "off", "--kv-unified"]

const reals: ReadonlyArray<Real> = [
  {
    name: "llama.cpp",
    start: async () => {
      const [brought, formats] = [await LlamaServer.bring(), await PocketFormats.bring()]
      if ("skipped" in brought) return brought
      if ("skipped" in formats) return formats
      return LlamaServer.start({ model: formats.pocket, slots: 16, args: exact })
    }
  },
  {
    name: "vllm",
    start: async () => {
      const [brought, formats] = [await SecondEngine.bring(), await PocketFormats.bring()]
      if ("skipped" in brought) return brought
      if ("skipped" in formats) return formats
      return SecondEngine.start({ model: formats.folder, name: "pocket" })
    }
  }
]

const pocket = subjects().find(({ name }) => name === "pocket")!.subject

/** A server of this machine may have drawn a whole answer before the first of its tokens is taken. */
const subject = { ...pocket, seeds: "request", ahead: pocket.maxTokens ?? 31 } as const

const lawsOn = ({ url }: Running) =>
  Effect.flatMap(HuggingFaceBackend.HuggingFace, ({ describe }) => {
    const openRows = Effect.map(describe, ({ drawing, servers }) =>
      servers.reduce((sum, { open }) => sum + open, drawing)
    )
    return BackendLaws.run({ ...subject, openRows })
  }).pipe(Effect.provide(HuggingFaceBackend.layer({ model: "pocket", endpointUrl: url, tokenizer })))

const skipped = (why: string): ReadonlyArray<BackendLaws.Result> =>
  BackendLaws.laws.map(({ name }) => ({ law: name, outcome: "unsupported", detail: `skipped: ${why}` }))

const onReal = ({ name, start }: Real) =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(Effect.promise(start), (running) =>
        "skipped" in running ? Effect.void : Effect.promise(running.stop)
      )
      const results = "skipped" in server ? skipped(server.skipped) : yield* lawsOn(server)
      return named(`huggingface:${name}`, results)
    })
  )

/** Recorded engines and real ones, one after the other: each wants the machine for itself. */
export const all: Effect.Effect<ReadonlyArray<Line>, unknown> = Effect.gen(function* () {
  const lines = yield* recorded
  return [...lines, ...(yield* Effect.forEach(reals, onReal)).flat()]
})
