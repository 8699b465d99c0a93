import { assert, describe, it } from "@effect/vitest"
import { BackendError, RunError } from "@mulligan/core"
import type { Script } from "@mulligan/core/testing/ScriptedBackend"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { collectFacts, draws, indexes, scripted, transient } from "./harness.ts"

const brokenOff = new BackendError.BackendError({
  backend: "s",
  reason: new BackendError.Unavailable({ problem: "Off.", advice: "Draw it again.", brokenOff: true })
})
/** The first call fails at its third token. */
const failing = (error: BackendError.BackendError): Script => ({
  fault: (_, at, call) => (call === 1 && at === 2 ? error : undefined)
})

describe("a draft that its backend cannot go on with", () => {
  it.live("is not asked for again, though the failure may pass", () =>
    Effect.gen(function* () {
      const drawing = collectFacts(Effect.flip(Stream.runCollect(draws(1))))
      const [[facts, error], log] = yield* scripted(drawing, failing(brokenOff))
      assert.isTrue(error instanceof RunError.RunError && error.reason._tag === "AllFailed")
      assert.strictEqual(log.generateCalls, 1)
      assert.strictEqual(facts.filter(({ _tag }) => _tag === "Drawn").length, 2)
    })
  )

  it.live("is dropped alone", () =>
    Effect.gen(function* () {
      const [all, log] = yield* scripted(Stream.runCollect(draws(3)), failing(brokenOff))
      assert.deepStrictEqual(indexes(all), [1, 2])
      assert.strictEqual(log.generateCalls, 3)
    })
  )

  it.live("is another thing than one that was only interrupted: that goes on", () =>
    Effect.gen(function* () {
      const [all, log] = yield* scripted(Stream.runCollect(draws(1)), failing(transient))
      assert.deepStrictEqual(indexes(all), [0])
      assert.strictEqual(log.generateCalls, 2)
    })
  )
})
