import { assert, beforeEach, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as WorkerThreads from "node:worker_threads"
import type { Worker, WorkerOptions } from "node:worker_threads"
import type { Driver, Step } from "../src/Driver.ts"
import { openInWorker } from "../src/driver/InWorker.ts"
import { open } from "../src/driver/NodeSession.ts"
import { openDriver } from "../src/driver/Open.ts"
import { ProblemError } from "../src/driver/Problem.ts"
import * as Engine from "../src/Engine.ts"
import * as Config from "../src/ModelConfig.ts"
import { vi } from "vitest"
import { fixture } from "./subjects.ts"

/** The threads that were started, and what the next one may use. */
const threads = vi.hoisted(() => ({ all: new Array<Worker>(), limits: {} as WorkerOptions }))
vi.mock("node:worker_threads", async (original) => {
  const real = await original<typeof WorkerThreads>()
  class Seen extends real.Worker {
    constructor(file: string | URL, options?: WorkerOptions) {
      super(file, { ...options, ...threads.limits })
      threads.all.push(this)
    }
  }
  return { ...real, Worker: Seen }
})

const config = await Effect.runPromise(Config.read(fixture("llama-gqa")))
const options = { threads: 1 }
const slot = { row: 0, inverseTemperature: 1e30, uniform: 0, mass: 2, wantsTop: false }
const step = (prefix: number, ids: ReadonlyArray<number>, prefixLength = 0): Step => ({
  rows: [{ prefix, prefixLength, own: 0, ownLength: 0, ids, store: "prefix", expected: 0 }],
  slots: [slot],
  labels: [1, 2]
})
const isOver = (worker: Worker): Promise<void> =>
  worker.threadId === -1 ? Promise.resolve() : new Promise((resolve) => worker.once("exit", () => resolve()))
const why = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "nothing",
    (cause: unknown) => cause
  )

beforeEach(() => {
  threads.all.length = 0
  threads.limits = {}
})

describe("a driver in a thread of its own", () => {
  it("answers steps that were asked for at once in their order, as the driver itself does", async () => {
    const prompts = [[3, 4, 5], [6], [7, 8], [3, 4, 5, 9, 10]]
    const through = async (driver: Driver) => {
      const steps = await Promise.all(
        prompts.map((ids, i) => {
          driver.open(i + 1, ids.length)
          return driver.step(step(i + 1, ids))
        })
      )
      driver.open(9, 4, { prefix: 4, length: 3 })
      driver.drop([4])
      const last = await driver.step(step(9, [11], 3))
      await driver.close()
      return [...steps, last].map(({ readings }) => readings)
    }
    const found = await through(await openInWorker(config, options))
    assert.deepStrictEqual(found, await through(await openDriver(config, options, open)))
    assert.strictEqual(new Set(found.map(([reading]) => reading!.logits!.join())).size, prompts.length + 1)
  })

  it("says what it can, and why a model is refused, in words that can be acted on", async () => {
    const driver = await openInWorker(config, { ...options, graph: "plain" })
    assert.deepInclude(driver.abilities, { graph: "plain", reason: "asked for", isRagged: true })
    await driver.close()
    const cause = await why(openInWorker({ ...config, vocabulary: config.vocabulary + 1 }, options))
    assert.instanceOf(cause, ProblemError)
    assert.match(cause.problem.problem, /logits of size \d+ where its configuration says/)
    await Promise.all(threads.all.map(isOver))
  })

  it("fails a step by what ONNX Runtime said, and goes on", async () => {
    const driver = await openInWorker(config, options)
    driver.open(1, 2)
    assert.match(String(await why(driver.step(step(1, [config.vocabulary + 5])))), /indices|bounds|range/)
    const { readings } = await driver.step(step(1, [1, 2]))
    assert.isDefined(readings[0]!.token)
    await driver.close()
  })

  it("fails the next step where something that was told could not be done, and answers each later one its own", async () => {
    const driver = await openInWorker(config, options)
    driver.open(1, 2)
    const first = await driver.step(step(1, [1, 2]))
    driver.open(2, 2 ** 41, { prefix: 1, length: 2 ** 40 })
    driver.open(3, 2)
    assert.match(String(await why(driver.step(step(3, [1, 2])))), /length|allocation/)
    driver.open(4, 1)
    const [again, other] = await Promise.all([driver.step(step(3, [1, 2])), driver.step(step(4, [3]))])
    assert.deepStrictEqual(again.readings, first.readings)
    assert.notDeepEqual(other.readings, first.readings)
    await driver.close()
  })

  it("sets little memory aside for the garbage of its steps", async () => {
    const driver = await openInWorker(config, options)
    assert.strictEqual(threads.all[0]!.resourceLimits?.maxYoungGenerationSizeMb, 2)
    await driver.close()
  })

  it("leaves no thread behind when it is closed, steps under way included", async () => {
    const driver = await openInWorker(config, options)
    driver.open(1, 3)
    const last = driver.step(step(1, [1, 2, 3]))
    await Promise.all([last, driver.close()])
    await Promise.all(threads.all.map(isOver))
    assert.strictEqual(threads.all.length, 1)
    assert.instanceOf(await why(driver.step(step(1, [1]))), Error)
    await driver.close()
  })
})

describe("a thread that ends", () => {
  it("while it runs steps fails all who wait, and all who come later, by a typed error", async () => {
    const driver = await openInWorker(config, options)
    const engine = Engine.make(config, driver)
    const ask = (prompt: ReadonlyArray<number>) =>
      Effect.flip(engine.read({ prompt, answer: [], keep: true, order: 0, labels: [1], onRead: () => {} }))
    const waiting = Effect.runPromise(Effect.all([ask([1, 2, 3]), ask([4]), ask([5])], { concurrency: "unbounded" }))
    await threads.all[0]!.terminate()
    const errors = [...(await waiting), await Effect.runPromise(ask([6]))]
    for (const error of errors) {
      assert.strictEqual(error._tag, "BackendError")
      assert.match(error.message, /thread of the model has ended/)
    }
    assert.deepInclude(engine.stats(), { waiting: 0, rows: 0, prompts: 0 })
    await driver.close()
  })

  it("by a crash says what it crashed of", async () => {
    const driver = await openInWorker(config, options)
    const [thread] = threads.all
    driver.open(1, 1)
    const steps = [driver.step(step(1, [1])), driver.step(step(1, [1]))]
    thread!.emit("error", new Error("crashed of this"))
    for (const cause of await Promise.all(steps.map(why))) assert.match(String(cause), /crashed of this/)
    assert.match(String(await why(driver.step(step(1, [1])))), /thread of the model has ended/)
    // It lives on here, and to end a thread within a run of ONNX Runtime ends the process.
    thread!.postMessage({ type: "close" })
    await isOver(thread!)
    await driver.close()
  })

  it("while it loads is no hang", async () => {
    threads.limits = { resourceLimits: { maxOldGenerationSizeMb: 4 } }
    assert.match(String(await why(openInWorker(config, options))), /memory|ended/)
    await Promise.all(threads.all.map(isOver))
  })
})
