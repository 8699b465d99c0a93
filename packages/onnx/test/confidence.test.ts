import { assert, describe, it } from "@effect/vitest"
import { Backend } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fixture, reference } from "./subjects.ts"

/** What `transformers` says follows the prompt. */
const { logits, prompt } = reference("llama-gqa").cases[0]!
const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0))
const falling = logits.map((x) => x - total).toSorted((a, b) => b - a)
const mean = (count: number) => falling.slice(0, count).reduce((sum, x) => sum + x, 0) / Math.min(count, logits.length)

const ways: ReadonlyArray<Partial<OnnxBackend.Options>> = [
  {},
  { graph: "plain" },
  { binding: "capi" },
  { cache: "device" }
]
const knobs: ReadonlyArray<Partial<Backend.GenerateRequest>> = [
  { temperature: 0 },
  { temperature: 1 },
  { temperature: 0.3, topK: 5 },
  { temperature: 2, topP: 0.4 },
  { temperature: 1, repetitionPenalty: 1.3 }
]

const first = (request: Partial<Backend.GenerateRequest>) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    Stream.runHead(backend.generate({ prompt, prefix: [], temperature: 1, seed: 4, maxTokens: 1, ...request }))
  ).pipe(Effect.flatMap(Effect.fromOption))

describe.each(ways)("what %j tells of a token's distribution", (way) => {
  it.live("is what transformers says of it, however the token is drawn, and changes none", () =>
    Effect.gen(function* () {
      for (const knob of knobs) {
        const plain = yield* first(knob)
        assert.isUndefined(plain.confidence ?? plain.certainty)
        for (const confidence of [1, 20, 300, 1e9]) {
          const token = yield* first({ ...knob, confidence, certainty: true })
          assert.strictEqual(token.id, plain.id)
          assert.closeTo(token.confidence!, -mean(confidence), 1e-4, `over ${confidence}`)
          assert.closeTo(token.certainty!, -mean(logits.length) - Math.log(logits.length), 1e-4)
        }
      }
    }).pipe(Effect.provide(OnnxBackend.layer({ model: fixture("llama-gqa"), ...way })))
  )
})

describe("later tokens, whose logits stay in the graph", () => {
  const told = (way: Partial<OnnxBackend.Options>, rest: Partial<Backend.GenerateRequest>) =>
    Effect.flatMap(Backend.Backend, (backend) =>
      Stream.runCollect(
        backend.generate({ prompt, prefix: [], temperature: 1, seed: 4, maxTokens: 8, certainty: true, ...rest })
      )
    ).pipe(Effect.provide(OnnxBackend.layer({ model: fixture("llama-gqa"), ...way })))

  it.live.each(ways)("on %j tell what the plain graph tells", (way) =>
    Effect.gen(function* () {
      for (const rest of [
        { temperature: 0, confidence: 20 },
        { confidence: 5 },
        { confidence: 300 },
        { topK: 9, confidence: 20 }
      ]) {
        const [own, plain] = [yield* told(way, rest), yield* told({ graph: "plain" }, rest)]
        assert.deepStrictEqual(
          own.map(({ id }) => id),
          plain.map(({ id }) => id)
        )
        own.forEach(({ certainty, confidence }, i) => {
          assert.closeTo(confidence!, plain[i]!.confidence!, 1e-4)
          assert.closeTo(certainty!, plain[i]!.certainty!, 1e-4)
        })
      }
    })
  )
})
