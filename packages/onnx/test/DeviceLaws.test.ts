import { assert, describe, it, vi } from "@effect/vitest"
import { Backend, Prompt } from "@mulligan/core"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import { OnnxBackend } from "@mulligan/onnx"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Handle from "../src/capi/Handle.ts"
import type { Driver, StepRow } from "../src/Driver.ts"
import { DeviceCache } from "../src/driver/DeviceCache.ts"
import { open } from "../src/driver/NodeSession.ts"
import { openDriver } from "../src/driver/Open.ts"
import { openCapi } from "../src/driver/OpenCapi.ts"
import * as Verify from "../src/driver/Verify.ts"
import * as Config from "../src/ModelConfig.ts"
import { fixture, observed, pocketFolder, subjects } from "./subjects.ts"

const drivers = [
  { driver: "the C API", options: { binding: "capi" } },
  { driver: "the device's driver on the CPU", options: { cache: "device" } }
] as const

const some = subjects().filter(({ name }) => ["llama-gqa", "pocket"].includes(name))
const cases = drivers.flatMap((driver) => some.map((subject) => ({ ...driver, ...subject })))

describe.each(cases)("the laws on $name by $driver", ({ model, options, subject }) => {
  it.live.each(BackendLaws.laws)("$name", (law) =>
    Effect.gen(function* () {
      const result = yield* BackendLaws.check(law, yield* observed(subject))
      assert.include(["passed", "bounded"], result.outcome, result.detail)
    }).pipe(Effect.provide(OnnxBackend.layer({ model, ...options })))
  )
})

/** As one operator, written out, with windows, with a soft cap, with packed queries, in half precision, in four bits. */
const models = [
  "llama-gqa",
  "qwen2",
  "gpt-neox",
  "families/genai-gemma3",
  "families/torch-gemma2",
  "families/optimum-mistral",
  "families/genai-phi3",
  "families/genai-llama3-fp16",
  "families/genai-qwen3-int4",
  "families/merged-gpt-neox",
  "pocket"
]

describe.each(drivers)("$driver", ({ options }) => {
  it.each(models)("gives what the plain graph of %s gives, rewritten", async (name) => {
    const config = await Effect.runPromise(Config.read(name === "pocket" ? pocketFolder : fixture(name)))
    const before = Handle.count()
    const driver = await openCapi(config, { threads: 1, ...options })
    const plain = await openDriver(config, { threads: 1, graph: "plain" }, open)
    assert.strictEqual(driver.abilities.graph, "rewritten", driver.abilities.reason)
    // Half precision and four bits round in other places.
    const limit = /fp16|int4/.test(name) ? 2e-2 : 1e-5
    assert.isBelow(await Verify.measure(driver, plain, config), limit)
    await driver.close()
    await plain.close()
    assert.strictEqual(Handle.count(), before)
  })

  it("can be verified when it is loaded", async () => {
    const config = await Effect.runPromise(Config.read(fixture("llama-gqa")))
    const driver = await openCapi(config, { threads: 1, verify: true, ...options })
    assert.strictEqual(driver.abilities.graph, "rewritten")
    await driver.close()
  })

  it("keeps no handle of hundreds of drafts, interrupted anywhere", () => {
    const before = Handle.count()
    const model = fixture("llama-gqa")
    const prompts = ["Is a fox quick?", "Is a dog lazy?", "Who?"].map((text) => Prompt.user(text))
    const counts: Array<number> = []
    let whole = 0
    const onDevice = vi.spyOn(DeviceCache.prototype, "place")
    const draft = (seed: number) =>
      Effect.gen(function* () {
        const backend = yield* Backend.Backend
        const prompt = prompts[seed % 3]!
        const tokens = backend.generate({ prompt, prefix: [], temperature: 1, seed, maxTokens: 8 })
        const fiber = yield* Effect.forkChild(Stream.runCollect(tokens))
        if (seed % 2 === 0) {
          for (let turn = 0; turn < (seed * 7) % 23; turn++)
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* Fiber.interrupt(fiber)
        } else {
          const drawn = yield* Fiber.join(fiber)
          whole++
          yield* backend.logProbs({ prompt, prefix: drawn.slice(0, 3), labels: ["Yes"], question: "Really?" })
        }
        counts.push(Handle.count())
      })
    return Effect.gen(function* () {
      yield* Effect.forEach(
        Array.from({ length: 300 }, (_, seed) => seed),
        draft,
        { concurrency: 12, discard: true }
      )
      assert.strictEqual(whole, 150)
      const most = (from: number, to: number) => Math.max(...counts.slice(from, to))
      assert.isAtMost(most(200, 300), most(0, 200) * 1.5)
      assert.isAbove(most(0, 200), before)
      assert.strictEqual(onDevice.mock.calls.length > 0, "cache" in options)
      onDevice.mockRestore()
    }).pipe(
      Effect.provide(OnnxBackend.layer({ model, cacheBytes: 2 ** 16, ...options })),
      Effect.andThen(Effect.sync(() => assert.strictEqual(Handle.count(), before))),
      Effect.runPromise
    )
  })
})

/**
 * Its rotary tables are those of the graph; and made for it. What a row that sees nothing does to the others shows on a device
 * alone: the CPU's softmax of nothing but -Infinity is finite.
 */
describe.each(["families/genai-llama3-fp16", "families/community-llama3"])(
  "a cache in half precision, of %s",
  (name) => {
    const opened = async () => {
      const config = await Effect.runPromise(
        Config.read(fixture(name), name.startsWith("families/genai") ? {} : { precision: "fp16" })
      )
      const driver = await openCapi(config, { threads: 1, cache: "device" }, true)
      const plain = await openDriver(config, { threads: 1, graph: "plain" }, open)
      const close = async () => {
        await driver.close()
        await plain.close()
      }
      return { config, driver, plain, close }
    }

    it("gives what the plain graph gives", async () => {
      const { close, config, driver, plain } = await opened()
      assert.strictEqual(driver.abilities.numberBytes, 2)
      assert.isBelow(await Verify.measure(driver, plain, config), 2e-2)
      await close()
    })

    it("gives it to a row that paused beside others, too", async () => {
      const { close, driver, plain } = await opened()
      const whole = (row: number) => ({ row, inverseTemperature: 1, uniform: 0.5, mass: 2, wantsTop: false })
      const step = async (of: Driver, rows: ReadonlyArray<StepRow>) =>
        (await of.step({ rows, slots: rows.map((_, i) => whole(i)), labels: [] })).readings.map(({ logits }) => logits!)
      const first = { prefix: 1, own: 2, ownLength: 0, store: "prefix", expected: 0 } as const
      driver.open(1, 3)
      await step(driver, [{ ...first, prefixLength: 0, ids: [5, 6, 7] }])
      const row = (own: number, ownLength: number) =>
        ({ prefix: 1, prefixLength: 3, own, ownLength, ids: [8 + ownLength], store: "own", expected: 8 }) as const
      const handles = Array.from({ length: 9 }, (_, i) => 10 + i)
      await step(
        driver,
        handles.map((own) => row(own, 0))
      )
      await step(
        driver,
        handles.slice(1).map((own) => row(own, 1))
      )
      const [back] = await step(driver, [row(10, 1), ...handles.slice(1).map((own) => row(own, 2))])
      plain.open(1, 5)
      const [wanted] = await step(plain, [{ ...first, prefixLength: 0, ids: [5, 6, 7, 8, 9] }])
      assert.isBelow(Verify.difference(back!, wanted!), 2e-2)
      await close()
    })
  }
)
