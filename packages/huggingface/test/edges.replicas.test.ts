import { assert, describe, it } from "@effect/vitest"
import * as BackendError from "@mulligan/core/BackendError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { unavailable } from "../src/internal/errors.ts"
import { Replicas, replica } from "../src/internal/Replicas.ts"
import type { Wire } from "../src/internal/Wire.ts"

const wire = { requests: () => 0, open: () => 0 } as Wire
const down = Exit.fail(unavailable("It is down.", "Wait."))
const limited = Exit.fail(
  new BackendError.BackendError({
    backend: "test",
    reason: new BackendError.RateLimited({ problem: "Too many.", advice: "Wait.", retryAfter: Duration.minutes(1) })
  })
)

describe("a pace", () => {
  it.effect("keeps no time for those who left while they waited", () =>
    Effect.gen(function* () {
      const replicas = new Replicas([replica("a", wire, 64)], 60)
      const place = Effect.scoped(replicas.acquire(1, "draw", 1))
      const all = yield* Effect.forEach(Array.from({ length: 30 }), () => Effect.forkChild(place))
      yield* TestClock.adjust(1)
      assert.strictEqual(all.filter((one) => one.pollUnsafe() !== undefined).length, 1)
      yield* Effect.forEach(all, Fiber.interrupt)
      const next = yield* Effect.forkChild(place)
      yield* TestClock.adjust(998)
      assert.isUndefined(next.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.isDefined(next.pollUnsafe())
    })
  )

  it.effect("is kept by those who stay", () =>
    Effect.gen(function* () {
      const replicas = new Replicas([replica("a", wire, 64)], 60)
      const place = Effect.scoped(replicas.acquire(1, "draw", 1))
      const all = yield* Effect.forEach(Array.from({ length: 5 }), () => Effect.forkChild(place))
      for (let passed = 1; passed <= 5; passed++) {
        yield* TestClock.adjust(passed === 1 ? 1 : 1000)
        assert.strictEqual(all.filter((one) => one.pollUnsafe() !== undefined).length, passed)
      }
    })
  )
})

describe("a permit", () => {
  /** Takes a number of steps, so that an interruption comes at another place each time: Effect yields after some thousand. */
  const steps = (count: number) =>
    Effect.gen(function* () {
      for (let i = 0; i < count; i++) yield* Effect.sync(() => {})
    })
  const isFreeAfter = (count: number) =>
    Effect.gen(function* () {
      const one = replica("a", wire, 1)
      const held = Effect.andThen(new Replicas([one], 0).acquire(1, "draw", 1), Effect.never)
      const fiber = yield* Effect.forkChild(Effect.andThen(steps(count), Effect.scoped(held)))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      return Option.isSome(yield* one.permits.draw.withPermitsIfAvailable(1)(Effect.void))
    })

  it.live("is given back wherever its taker is interrupted", () =>
    Effect.gen(function* () {
      const counts = Array.from({ length: 2300 }, (_, i) => i)
      const kept = yield* Effect.filter(counts, (count) => Effect.map(isFreeAfter(count), (isFree) => !isFree))
      assert.deepStrictEqual(kept, [])
    })
  )
})

describe("a server that is set aside", () => {
  it.effect("does not come back earlier because of a later failure", () =>
    Effect.gen(function* () {
      const one = replica("a", wire, 64)
      const replicas = new Replicas([one, replica("b", wire, 64)], 0)
      yield* replicas.settle(one, limited)
      yield* replicas.settle(one, down)
      assert.strictEqual(one.asideUntil, 60_000)
    })
  )

  it.effect("is set aside once for one outage, however many saw it", () =>
    Effect.gen(function* () {
      const one = replica("a", wire, 64)
      const replicas = new Replicas([one, replica("b", wire, 64)], 0)
      for (let i = 0; i < 16; i++) yield* replicas.settle(one, down)
      assert.strictEqual(one.asideUntil, 1000)
      yield* TestClock.adjust(1000)
      yield* replicas.settle(one, down)
      assert.strictEqual(one.asideUntil, 3000)
    })
  )
})
