// The laws on every dialect: on engines as they were recorded, and on real servers where they can be had.
import * as Effect from "effect/Effect"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import { engines, start } from "../../packages/huggingface/test/subjects.ts"
import { subjects } from "../../packages/onnx/test/subjects.ts"
import type { Engine, layer } from "../../packages/huggingface/test/servers/pocket.ts"
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

const pocket = subjects().find(({ name }) => name === "pocket")!.subject

type Layer = typeof layer

interface Variant {
  readonly name: string
  readonly options: Partial<HuggingFaceBackend.Options>
  readonly subject: Partial<BackendLaws.Subject>
}

const variants: ReadonlyArray<Variant> = [
  {
    name: "",
    options: {},
    // A server of this machine may have drawn a whole answer before the first of its tokens is taken.
    subject: { seeds: "request", ahead: pocket.maxTokens ?? 31 }
  },
  { name: ", token by token", options: { stepTokens: 1 }, subject: {} }
]

const lawsOn = (layer: Layer, url: string, variant: Variant) =>
  Effect.flatMap(HuggingFaceBackend.HuggingFace, ({ describe }) => {
    const openRows = Effect.map(describe, ({ drawing, servers }) =>
      servers.reduce((sum, { open }) => sum + open, drawing)
    )
    return BackendLaws.run({ ...pocket, ...variant.subject, openRows })
  }).pipe(Effect.provide(layer(url, variant.options)))

const skipped = (engine: Engine): Effect.Effect<ReadonlyArray<BackendLaws.Result>> =>
  Effect.succeed(
    BackendLaws.laws.map(({ name }) => ({ law: name, outcome: "unsupported", detail: `skipped: ${engine.skipped}` }))
  )

const onReal = (layer: Layer, engine: Engine) =>
  Effect.scoped(
    Effect.gen(function* () {
      const server =
        engine.skipped === undefined
          ? yield* Effect.acquireRelease(Effect.promise(engine.start), ({ stop }) => Effect.promise(stop))
          : undefined
      return yield* Effect.forEach(variants, (variant) =>
        Effect.map(server === undefined ? skipped(engine) : lawsOn(layer, server.url, variant), (results) =>
          named(`huggingface:${engine.name}${variant.name}`, results)
        )
      )
    })
  ).pipe(Effect.map((lines) => lines.flat()))

/**
 * Recorded engines and real ones, one after the other: each wants the machine for itself. Real ones are brought by what
 * tests them, so only when they are wanted.
 */
export const all: Effect.Effect<ReadonlyArray<Line>, unknown> = Effect.gen(function* () {
  const lines = yield* recorded
  const real = yield* Effect.promise(() => import("../../packages/huggingface/test/servers/pocket.ts"))
  return [...lines, ...(yield* Effect.forEach(real.engines, (engine) => onReal(real.layer, engine))).flat()]
})
