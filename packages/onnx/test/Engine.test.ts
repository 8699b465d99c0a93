import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Driver, Step } from "../src/Driver.ts"
import * as Engine from "../src/Engine.ts"
import type { ModelConfig } from "../src/ModelConfig.ts"

const config: ModelConfig = {
  folder: "",
  graph: "",
  layers: 1,
  kvHeads: 1,
  headDim: 1,
  context: 100,
  vocabulary: 4,
  endIds: new Set(),
  suppressed: []
}

/** A graph whose logits tell how many tokens a row has seen; `wait` is how long a step is under way. */
const fake = (wait = 0, fault?: () => Error | undefined, isRagged = true) => {
  const steps: Array<Step> = []
  const driver: Driver = {
    isRagged,
    run: async (step) => {
      steps.push(step)
      await new Promise((resolve) => setTimeout(resolve, wait))
      const error = fault?.()
      if (error !== undefined) throw error
      const { length, mask, past, rows } = step
      const total = past + length
      const logits = new Float32Array(rows * length * config.vocabulary)
      for (let row = 0; row < rows; row++) {
        let seen = 0
        for (let slot = 0; slot < total; slot++) {
          seen += Number(mask[row * total + slot])
          if (slot >= past) logits.fill(seen, (row * length + slot - past) * 4, (row * length + slot - past + 1) * 4)
        }
      }
      return { logits, cache: step.cache.map(() => new Float32Array(rows * total)) }
    }
  }
  return { driver, steps }
}

const request = (ids: ReadonlyArray<number>, rest: Partial<Engine.Request> = {}): Engine.Request => ({
  ids,
  keep: "replace",
  onRead: () => {},
  ...rest
})

describe("Engine", () => {
  it.live("gives each row the logits behind its own last token, however long the others are", () =>
    Effect.gen(function* () {
      const engine = Engine.make(config, fake().driver)
      const rows = [[1], [1, 2, 3, 4], [2, 2], [3, 1, 1]]
      const all = yield* Effect.forEach(rows, (ids) => engine.logits(request(ids)), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        all.map((logits) => logits[0]),
        [1, 4, 2, 3]
      )
      const more = yield* Effect.forEach(rows, (ids) => engine.logits(request([...ids, 3, 3])), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        more.map((logits) => logits[0]),
        [3, 6, 4, 5]
      )
    })
  )

  it.live("puts only rows of one length into a step of a graph that counts positions by itself", () =>
    Effect.gen(function* () {
      const { driver, steps } = fake(0, undefined, false)
      const engine = Engine.make(config, driver)
      const rows = [[1], [1, 2, 3, 0], [2, 2], [3, 1], [2, 1, 3, 0]]
      for (const more of [[], [3], [3, 2, 2]]) {
        yield* Effect.forEach(rows, (ids) => engine.logits(request([...ids, ...more])), { concurrency: "unbounded" })
      }
      assert.deepStrictEqual(
        steps.map((step) => [step.rows, step.past]),
        [
          [1, 0],
          [2, 0],
          [2, 0],
          [1, 1],
          [2, 2],
          [2, 4],
          [1, 2],
          [2, 3],
          [2, 5]
        ]
      )
      assert.isTrue(steps.every((step) => step.mask.every((counts) => counts === 1n)))
    })
  )

  it.live("reads only what is new, and tells who asked", () =>
    Effect.gen(function* () {
      const { driver, steps } = fake()
      const engine = Engine.make(config, driver)
      const read: Array<number> = []
      const onRead = (tokens: number) => void read.push(tokens)
      yield* engine.logits(request([1, 2, 3], { onRead }))
      yield* engine.logits(request([1, 2, 3, 0], { onRead }))
      yield* engine.logits(request([1, 2, 3, 0], { onRead }))
      assert.deepStrictEqual(read, [3, 1])
      assert.strictEqual(steps.length, 2)
    })
  )

  it.live("an interrupted request that still waits is never run", () =>
    Effect.gen(function* () {
      const { driver, steps } = fake()
      const engine = Engine.make(config, driver)
      const fiber = yield* Effect.forkChild(engine.logits(request([1])), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* Effect.sleep(20)
      assert.strictEqual(steps.length, 0)
      assert.strictEqual(engine.stats().waiting, 0)
    })
  )

  it.live("a step under way when its asker is interrupted is told as waste, once", () =>
    Effect.gen(function* () {
      const engine = Engine.make(config, fake(30).driver)
      let [wasted, read] = [0, 0]
      const asking = engine.logits(request([1], { onWaste: () => wasted++, onRead: () => read++ }))
      const beside = yield* Effect.forkChild(engine.logits(request([2])), { startImmediately: true })
      yield* Effect.timeoutOption(asking, 15)
      assert.strictEqual((yield* Fiber.join(beside))[0], 1)
      yield* Effect.yieldNow // the rows of a step are told one after the other
      assert.deepStrictEqual([wasted, read], [1, 1])
    })
  )

  it.live("a request that is interrupted while another step is under way is never run", () =>
    Effect.gen(function* () {
      const { driver, steps } = fake(30)
      const engine = Engine.make(config, driver)
      let wasted = 0
      const short = yield* Effect.forkChild(engine.logits(request([1])), { startImmediately: true })
      yield* Effect.timeoutOption(engine.logits(request([2, 2, 2], { onWaste: () => wasted++ })), 15)
      yield* Fiber.join(short)
      yield* Effect.sleep(60)
      assert.deepStrictEqual([steps.length, wasted], [1, 0])
    })
  )

  it.live("a failed step fails those who asked, by a typed error, and the next one works", () =>
    Effect.gen(function* () {
      let broken = true
      const { driver } = fake(0, () =>
        broken ? new Error("Failed to allocate memory for requested buffer") : undefined
      )
      const engine = Engine.make(config, driver)
      const errors = yield* Effect.forEach([[1], [2]], (ids) => Effect.flip(engine.logits(request(ids))), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        errors.map((error) => error.reason._tag),
        ["OutOfMemory", "OutOfMemory"]
      )
      broken = false
      assert.strictEqual((yield* engine.logits(request([1])))[0], 1)
    })
  )

  it.live("a question is rewound: it leaves no row behind", () =>
    Effect.gen(function* () {
      const engine = Engine.make(config, fake().driver)
      yield* engine.logits(request([1, 2]))
      yield* engine.logits(request([1, 2, 3, 3, 3], { keep: "drop" }))
      assert.strictEqual(engine.stats().rows, 1)
    })
  )
})
