import { assert, it } from "@effect/vitest"
import { Backend, Prompt } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { leastGrowth } from "./growth.ts"
import { fixture } from "./subjects.ts"

/** Drafts of a round; what is left over is told from what heaps and pools take by looking at several (`leastGrowth`). */
const DRAFTS = 5000
const AT_ONCE = 64
/** MiB by which heaps may wander in a round; a cache that is not freed grows by more than a hundred. */
const SLACK = 32
const MIB = 2 ** 20

/** The same every time. */
const random = (seed: number) => ((Math.imul(seed + 1, 0x9e3779b1) >>> 8) % 1000) / 1000

/** Ten drafts of each of many prompts; a third are interrupted somewhere, a third are asked about. */
const draft = (seed: number) =>
  Effect.gen(function* () {
    const backend = yield* Backend.Backend
    const prompt = Prompt.user(
      `Is fox ${Math.floor(seed / 10)} quick, and does it jump over dogs, hedges and ditches, or ${"on ".repeat(20)}?`
    )
    const drawing = Stream.runCollect(
      backend.generate({ prompt, prefix: [], temperature: 1, seed, maxTokens: 1 + Math.floor(6 * random(seed)) })
    )
    if (seed % 3 === 0) return yield* Effect.timeoutOption(drawing, 20 * random(seed))
    const prefix = yield* drawing
    if (seed % 3 === 1 && prefix.at(-1)?.end === undefined)
      yield* backend.logProbs({ prompt, prefix, question: "Again?", labels: ["No"] })
    return undefined
  })

const many = (from: number, to: number) =>
  Effect.forEach(
    Array.from({ length: to - from }, (_, i) => from + i),
    draft,
    { concurrency: AT_ONCE, discard: true }
  )

it.live(
  "ten thousand drafts, many of them interrupted, leave nothing behind",
  () =>
    Effect.gen(function* () {
      const onnx = yield* OnnxBackend.Onnx
      const context = yield* Effect.context<Backend.Backend>()
      let drawn = 0
      const round = () => {
        const from = drawn
        drawn += DRAFTS
        return Effect.runPromiseWith(context)(many(from, drawn))
      }
      const grown = yield* Effect.promise(() => leastGrowth(round))
      yield* Effect.sleep(50)
      const { bytes, drawing, rows, waiting } = yield* onnx.describe
      assert.isAtLeast(drawn, 10_000)
      assert.deepStrictEqual([drawing, waiting], [0, 0])
      assert.isAtMost(bytes, MIB)
      assert.isBelow(rows, 1000)
      assert.isBelow(grown, SLACK)
    }).pipe(Effect.provide(OnnxBackend.layer({ model: fixture("gpt-neox"), cacheBytes: MIB }))),
  120_000
)
