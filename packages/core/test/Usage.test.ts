import { assert, describe, it } from "@effect/vitest"
import { Usage } from "@mulligan/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

const spend = (counter: Usage.Counter, count: number) =>
  Effect.map(Usage.CurrentMeter, (meter) => meter.add(counter, count))

describe("Usage", () => {
  it.effect("adds up nested measurements and keeps siblings apart", () =>
    Effect.gen(function* () {
      const [all, parts] = yield* Usage.measure(
        Effect.all([Usage.measure(spend("drawnTokens", 2)), Usage.measure(spend("drawnTokens", 3))], {
          concurrency: "unbounded"
        })
      )
      assert.strictEqual(all.drawnTokens, 5)
      assert.isTrue(Exit.isSuccess(parts) && parts.value.map(([usage]) => usage.drawnTokens).join() === "2,3")
    })
  )

  it.effect("tells what a failed run cost", () =>
    Effect.gen(function* () {
      const [usage, exit] = yield* Usage.measure(Effect.andThen(spend("readTokens", 7), Effect.fail("no")))
      assert.strictEqual(usage.readTokens, 7)
      assert.isTrue(Exit.isFailure(exit))
    })
  )

  it.effect("charges what was spent before an interruption to all around it", () =>
    Effect.gen(function* () {
      const meter = new Usage.Meter()
      const running = Effect.andThen(spend("drawnTokens", 4), Effect.never)
      const fiber = yield* Effect.forkChild(Effect.provideService(Usage.measure(running), Usage.CurrentMeter, meter))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(meter.usage.drawnTokens, 4)
      assert.strictEqual(meter.usage.cancelledTokens, 4)
    })
  )

  it("counts as cancelled whatever was drawn and neither kept, pruned nor lost", () => {
    const meter = new Usage.Meter()
    for (const [counter, count] of [
      ["drawnTokens", 10],
      ["keptTokens", 4],
      ["prunedTokens", 3],
      ["lostTokens", 1]
    ] as const) {
      meter.add(counter, count)
    }
    assert.strictEqual(meter.usage.cancelledTokens, 2)
  })
})
