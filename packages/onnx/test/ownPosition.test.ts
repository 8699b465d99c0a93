import { assert, describe, it } from "@effect/vitest"
import { Backend, Prompt, type Token, Usage } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fixture } from "./subjects.ts"

const model = fixture("qwen2")
const prompt = Prompt.user("Is a fox quick?")
const END = { id: 2, text: "", logProb: -1, end: "stop" } as const

const draw = (rest: Partial<Backend.GenerateRequest>) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    Stream.runCollect(backend.generate({ prompt, prefix: [], temperature: 1, seed: 3, ...rest }))
  )
const read = (prefix: ReadonlyArray<Token.Token>) =>
  Effect.flatMap(Backend.Backend, (backend) => backend.logProbs({ prompt, prefix, labels: ["No", "Yes"] }))

/** What an effect costs: forward passes, tokens read to draw and to judge. */
const cost = <A, E>(self: Effect.Effect<A, E, Backend.Backend>) =>
  Effect.gen(function* () {
    const onnx = yield* OnnxBackend.Onnx
    const before = (yield* onnx.describe).steps
    const [{ promptTokens, readTokens }, exit] = yield* Usage.measure(self)
    return { steps: (yield* onnx.describe).steps - before, promptTokens, readTokens, value: yield* exit }
  })

describe("labels at the answer's own next position", () => {
  it.live(
    "of a draft that was cut cost the one token that was not read yet, which then need not be read to go on",
    () =>
      Effect.gen(function* () {
        const whole = yield* draw({ maxTokens: 8 }).pipe(Effect.provide(OnnxBackend.layer({ model })))
        const head = yield* draw({ maxTokens: 4 })
        const { value: labels, ...once } = yield* cost(read(head))
        assert.deepStrictEqual(once, { steps: 1, promptTokens: 0, readTokens: 1 })
        const { value: again, ...twice } = yield* cost(read(head))
        assert.deepStrictEqual([twice, again], [{ steps: 0, promptTokens: 0, readTokens: 0 }, labels])
        const { value: rest, ...on } = yield* cost(draw({ prefix: head, maxTokens: 4 }))
        assert.deepStrictEqual(on, { steps: 3, promptTokens: 0, readTokens: 0 })
        assert.deepStrictEqual(
          rest.map(({ id }) => id),
          whole.slice(4).map(({ id }) => id)
        )
      }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )

  it.live("of a draft that has ended are those before its end, and cost nothing", () =>
    Effect.gen(function* () {
      const head = yield* draw({ maxTokens: 4 })
      // The draft's next step, whose logits its end of text would be drawn from.
      yield* draw({ prefix: head, maxTokens: 1 })
      const { value: open } = yield* cost(read(head))
      const { value, ...ended } = yield* cost(read([...head, END]))
      assert.deepStrictEqual([ended, value], [{ steps: 0, promptTokens: 0, readTokens: 0 }, open])
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )

  it.live("of nothing drawn are the prompt's, which its drafts then share", () =>
    Effect.gen(function* () {
      const { value: none, ...first } = yield* cost(read([]))
      assert.deepStrictEqual([first.steps, first.promptTokens], [1, 0])
      assert.isAbove(first.readTokens, 5)
      for (const seed of [3, 4]) {
        const { value: _, ...drawing } = yield* cost(draw({ seed, maxTokens: 3 }))
        assert.deepStrictEqual(drawing, { steps: 2, promptTokens: 0, readTokens: 0 })
      }
      assert.deepStrictEqual(yield* read([END]), none)
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )

  it.live("of sixteen drafts are one forward pass of one token each", () =>
    Effect.gen(function* () {
      const seeds = Array.from({ length: 16 }, (_, seed) => seed)
      const at = { concurrency: "unbounded" } as const
      const drafts = yield* Effect.forEach(seeds, (seed) => draw({ seed, maxTokens: 6 }), at)
      const distinct = new Set(drafts.map((tokens) => tokens.map(({ id }) => id).join())).size
      const { steps, readTokens } = yield* cost(Effect.forEach(drafts, read, at))
      assert.deepStrictEqual([steps, readTokens], [1, distinct])
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )
})
