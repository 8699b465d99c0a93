import { assert, describe, it } from "@effect/vitest"
import { Backend, BackendError } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const request = { prompt: "p", prefix: [], temperature: 1, seed: 1 }
const draw = (rest: Partial<Backend.GenerateRequest> = {}) =>
  Effect.flatMap(Backend.Backend, (backend) => Stream.runCollect(backend.generate({ ...request, ...rest })))

describe("ScriptedBackend", () => {
  it.effect("follows the script's texts and length, and ends", () =>
    Effect.gen(function* () {
      const tokens = yield* draw()
      assert.deepStrictEqual(
        tokens.map((t) => t.text),
        ["a0", "a1", "a2"]
      )
      assert.deepStrictEqual(
        tokens.map((t) => t.end),
        [undefined, undefined, "stop"]
      )
    }).pipe(Effect.provide(ScriptedBackend.layer({ length: () => 3, text: (_, at) => `a${at}` })))
  )

  it.effect("draws other tokens for another seed, and the same for the same", () =>
    Effect.gen(function* () {
      const texts = (seed: number) => Effect.map(draw({ seed }), (tokens) => tokens.map((t) => t.text).join(""))
      assert.strictEqual(yield* texts(1), yield* texts(1))
      assert.notStrictEqual(yield* texts(1), yield* texts(2))
    }).pipe(Effect.provide(ScriptedBackend.layer()))
  )

  it.effect("fails where the script says so, and only there", () => {
    const fault = new BackendError.BackendError({
      backend: "s",
      reason: new BackendError.Unavailable({ problem: "Off.", advice: "Wait." })
    })
    return Effect.gen(function* () {
      const log = yield* ScriptedBackend.ScriptedLog
      assert.strictEqual(yield* Effect.flip(draw()), fault)
      assert.strictEqual(log.drawnTokens, 2)
      assert.strictEqual((yield* draw()).length, 8)
      assert.strictEqual(log.openRows, 0)
    }).pipe(
      Effect.provide(ScriptedBackend.layer({ fault: (_, at, call) => (call === 1 && at === 2 ? fault : undefined) }))
    )
  })
})
