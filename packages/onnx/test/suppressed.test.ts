import { assert, describe, it } from "@effect/vitest"
import { Backend, type Token } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { distribution, suppress } from "../src/Sampler.ts"
import { edit, spoiled } from "./spoiled.ts"
import { fixture, reference } from "./subjects.ts"

const known = reference("qwen2").cases[1]!
/** The second greedy token comes without what is suppressed only as long as the first is the same. */
const [first, likeliest] = known.greedyIds as [number, number]

const suppressing = (tokens: unknown) =>
  spoiled(
    "qwen2",
    edit("generation_config.json", (json) => ({ ...json, suppress_tokens: tokens }))
  )

const draw = (rest: Partial<Backend.GenerateRequest>) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    Stream.runCollect(
      backend.generate({ prompt: known.prompt, prefix: [], temperature: 0, seed: 1, maxTokens: 2, ...rest })
    )
  )
const idsOf = (tokens: ReadonlyArray<Token.Token>) => tokens.map(({ id }) => id)
const ask = (prefix: ReadonlyArray<Token.Token>) =>
  Effect.flatMap(Backend.Backend, (b) => b.logProbs({ prompt: known.prompt, prefix, labels: ["No", "Yes"] }))
const on =
  (model: string) =>
  <A, E>(self: Effect.Effect<A, E, Backend.Backend>) =>
    Effect.provide(self, OnnxBackend.layer({ model }))

describe("suppress", () => {
  const logits = Float32Array.of(1, 4, 2, 3)

  it("leaves the others' logits as they are, and the given array untouched", () => {
    assert.deepStrictEqual([...suppress(logits, [1, 2])], [1, -Infinity, -Infinity, 3])
    assert.deepStrictEqual([...logits], [1, 4, 2, 3])
  })

  it.each([[[]], [[-1, 4, 1000]]])("of nothing that is in the vocabulary changes nothing: %j", (ids) => {
    assert.deepStrictEqual([...suppress(logits, ids)], [...logits])
  })

  it.each([
    ["greedy", { temperature: 0 }, [0, 0, 0, 1]],
    ["a nucleus", { temperature: 1, topP: 0.5 }, [0, 0, 0, 1]],
    ["a penalty below 1, which lifts what was seen", { temperature: 0, repetitionPenalty: 0.01 }, [0, 0, 0, 1]],
    ["a high temperature", { temperature: 1e300 }, [0.5, 0, 0, 0.5]]
  ] as const)("comes before %s", (_, options, wanted) => {
    assert.deepStrictEqual<unknown>([...distribution(suppress(logits, [1, 2]), [1, 3], options)], wanted)
  })
})

describe("suppress_tokens of generation_config.json", () => {
  it.live("are never drawn: the next best is, with its probability among the others", () =>
    Effect.gen(function* () {
      const plain = yield* draw({}).pipe(on(fixture("qwen2")))
      assert.deepStrictEqual<unknown>(idsOf(plain), [first, likeliest])
      const [same, other] = yield* draw({}).pipe(on(suppressing([likeliest])))
      assert.strictEqual(same?.id, first)
      assert.notStrictEqual(other?.id, likeliest)
      // What the model itself says of the other, divided by what is left once the likeliest is out.
      const topTwo = { prefix: plain.slice(0, 1), maxTokens: 1, topK: 2, temperature: 1e6 }
      const own = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (seed) => draw({ ...topTwo, seed })).pipe(
        on(fixture("qwen2"))
      )
      const second = own.flat().find(({ id }) => id === other?.id)
      const wanted = second!.logProb! - Math.log1p(-Math.exp(plain[1]!.logProb!))
      assert.isBelow(Math.abs(other!.logProb! - wanted), 1e-4)
    })
  )

  it.live("stand in no way of what labels are read", () =>
    Effect.gen(function* () {
      const ids = Object.values(reference("qwen2").spellings).flat()
      const suppressed = yield* ask([]).pipe(on(suppressing(ids)))
      assert.deepStrictEqual(suppressed, yield* ask([]).pipe(on(fixture("qwen2"))))
      assert.isTrue(suppressed.labels.every(({ lower }) => lower > -Infinity))
    })
  )

  it.live.each([[null], [[]]])("%j suppresses nothing", ([none]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual<unknown>(idsOf(yield* draw({}).pipe(on(suppressing(none)))), [first, likeliest])
    })
  )

  it.live("that are no ids are refused by the file's name", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(draw({}).pipe(on(suppressing(["<|no|>"]))))
      assert.match(error.message, /generation_config\.json does not say.*suppress_tokens/s)
    })
  )
})
