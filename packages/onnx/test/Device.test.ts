import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import type { BackendError } from "@mulligan/core/BackendError"
import { OnnxBackend } from "@mulligan/onnx"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Value } from "../src/capi/Value.ts"
import type { Driver, Step, StepRow } from "../src/Driver.ts"
import { Binding } from "../src/capi/Binding.ts"
import * as Handle from "../src/capi/Handle.ts"
import { Library } from "../src/capi/Library.ts"
import * as Outputs from "../src/driver/CapiOutputs.ts"
import { DeviceDriver } from "../src/driver/Device.ts"
import * as Mask from "../src/driver/DeviceMask.ts"
import { together } from "../src/driver/DeviceSeats.ts"
import { groupsOf } from "../src/driver/Groups.ts"
import { DeviceSlab } from "../src/driver/DeviceSlab.ts"
import { open } from "../src/driver/NodeSession.ts"
import { openDriver } from "../src/driver/Open.ts"
import { openCapi } from "../src/driver/OpenCapi.ts"
import { difference } from "../src/driver/Verify.ts"
import * as Config from "../src/ModelConfig.ts"
import { fixture } from "./subjects.ts"

const config = await Effect.runPromise(Config.read(fixture("llama-gqa")))
const options = { threads: 1, cache: "device" } as const

let plain: Driver | undefined = undefined
let device: Driver | undefined = undefined
beforeAll(async () => {
  plain = await openDriver(config, { threads: 1, graph: "plain" }, open)
  device = await openCapi(config, options)
})
afterAll(async () => {
  await plain?.close()
  await device?.close()
})

const whole = (row: number) => ({ row, inverseTemperature: 1, uniform: 0, mass: 2, wantsTop: false })
const known = new Map<string, Float32Array>()
/** What follows some tokens, computed at once from nothing. */
const wanted = async (ids: ReadonlyArray<number>): Promise<Float32Array> => {
  const found = known.get(ids.join())
  if (found !== undefined) return found
  plain!.open(1, ids.length)
  const row = { prefix: 1, prefixLength: 0, own: 2, ownLength: 0, ids, store: "prefix", expected: 0 } as const
  const { readings } = await plain!.step({ rows: [row], slots: [whole(0)], labels: [] })
  plain!.drop([1])
  known.set(ids.join(), readings[0]!.logits!)
  return readings[0]!.logits!
}

interface Prompt {
  readonly handle: number
  readonly ids: ReadonlyArray<number>
}
interface Row {
  readonly handle: number
  readonly prompt: Prompt
  ids: ReadonlyArray<number>
}

/** Asks the driver, and holds every answer against the plain graph. */
class World {
  readonly prompts: Array<Prompt> = []
  readonly rows: Array<Row> = []
  #handles = 10
  #tokens = 3

  tokens(count: number): ReadonlyArray<number> {
    return Array.from({ length: count }, () => (this.#tokens = (this.#tokens * 7 + 5) % config.vocabulary))
  }
  async prompt(count: number, chunk: number, like?: { readonly prompt: Prompt; readonly length: number }) {
    const shared = like?.prompt.ids.slice(0, like.length) ?? []
    const prompt = { handle: this.#handles++, ids: [...shared, ...this.tokens(count)] }
    const from = like === undefined ? undefined : { prefix: like.prompt.handle, length: like.length }
    device!.open(prompt.handle, prompt.ids.length, from)
    for (let at = shared.length; at < prompt.ids.length; at += chunk) {
      const ids = prompt.ids.slice(at, at + chunk)
      const row = { prefix: prompt.handle, prefixLength: at, own: 0, ownLength: 0, ids, store: "prefix" } as const
      await this.#check([{ ...row, expected: 0 }], [prompt.ids.slice(0, at + ids.length)])
    }
    this.prompts.push(prompt)
    return prompt
  }
  row(prompt: Prompt): Row {
    const row = { handle: this.#handles++, prompt, ids: [] }
    this.rows.push(row)
    return row
  }
  fork(from: Row, length: number): void {
    if (length === 0) return
    const row = { handle: this.#handles++, prompt: from.prompt, ids: from.ids.slice(0, length) }
    device!.fork(from.handle, row.handle, length)
    this.rows.push(row)
  }
  drop(row: Row): void {
    device!.drop([row.handle])
    this.rows.splice(this.rows.indexOf(row), 1)
  }
  /** New tokens of the rows, and whether they are kept, each in turn. */
  async step(rows: ReadonlyArray<Row>, counts: ReadonlyArray<number>, ...stores: ReadonlyArray<"own" | "nowhere">) {
    const storeOf = (i: number) => stores[i % stores.length]!
    const asked = rows.map(({ handle, ids, prompt }, i) => ({
      prefix: prompt.handle,
      prefixLength: prompt.ids.length,
      own: handle,
      ownLength: ids.length,
      ids: this.tokens(counts[i % counts.length]!),
      store: storeOf(i),
      expected: 8
    }))
    const behind = rows.map(({ ids, prompt }, i) => [...prompt.ids, ...ids, ...asked[i]!.ids])
    await this.#check(asked, behind)
    rows.forEach((row, i) => {
      if (storeOf(i) === "own") row.ids = [...row.ids, ...asked[i]!.ids]
    })
  }
  async #check(rows: ReadonlyArray<StepRow>, behind: ReadonlyArray<ReadonlyArray<number>>): Promise<void> {
    const { readings } = await device!.step({ rows, slots: rows.map((_, i) => whole(i)), labels: [] })
    for (const [i, ids] of behind.entries()) {
      const worst = difference(readings[i]!.logits!, await wanted(ids))
      assert.isBelow(worst, 1e-5, `row ${i} of ${rows.length}`)
    }
  }
  end(): void {
    device!.drop([...this.rows, ...this.prompts].map(({ handle }) => handle))
  }
}

const actions = ["draw", "draw", "draw", "ask", "both", "join", "rewind", "fork", "drop", "prompt"] as const
type Action = readonly [what: (typeof actions)[number], which: number, count: number, length: number]
const anAction: fc.Arbitrary<Action> = fc.tuple(fc.constantFrom(...actions), fc.nat(255), fc.nat(7), fc.nat(7))

const act = async (world: World, [what, which, count, length]: Action): Promise<void> => {
  const { prompts, rows } = world
  const one = rows[which % Math.max(1, rows.length)]
  const prompt = prompts[which % prompts.length]!
  const some = rows.filter((_, i) => ((which >> (i % 8)) & 1) === 1)
  const counts = [1 + (count % 3), 1, 1 + (length % 2)]
  if (what === "draw" && some.length > 0) await world.step(some, counts, "own")
  if (what === "ask" && some.length > 0) await world.step(some, counts, "nowhere")
  if (what === "both" && some.length > 0) await world.step(some, counts, "nowhere", "own")
  if (what === "join") world.row(prompt)
  if (what === "rewind" && one !== undefined) one.ids = one.ids.slice(0, length)
  if (what === "fork" && one !== undefined) world.fork(one, Math.min(length, one.ids.length))
  if (what === "drop" && one !== undefined) world.drop(one)
  if (what === "prompt" && prompts.length < 5)
    await world.prompt(1 + count, 1 + length, { prompt, length: Math.min(which % 4, prompt.ids.length) })
}

describe("a cache on the device", () => {
  it("gives what the plain graph gives, whoever joins, leaves, forks, is asked or goes back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anAction, { minLength: 10, maxLength: 40 }), async (all) => {
        const before = Handle.count()
        const world = new World()
        const first = await world.prompt(6, 4)
        for (let i = 0; i < 3; i++) world.row(first)
        for (const action of all) await act(world, action)
        world.end()
        // All but the sessions of gathers, of which there is one for each number of slabs.
        assert.isAtMost(Handle.count(), before + 8)
      }),
      { numRuns: 25 }
    )
  })

  it("is what the option asks for", () => assert.isTrue(device instanceof DeviceDriver))

  it("holds at the edges: one row, one token, many prompts of one row, one of many", async () => {
    const world = new World()
    const single = await world.prompt(1, 1)
    await world.step([world.row(single)], [1], "nowhere")
    await world.step([world.rows[0]!], [1], "own")
    for (let i = 0; i < 20; i++) world.row(await world.prompt(1 + (i % 5), 3))
    await world.step(world.rows, [1], "own")
    await world.step(world.rows, [1, 4], "own")
    for (let i = 0; i < 20; i++) world.row(single)
    await world.step(world.rows.slice(-20), [1], "own")
    await world.step(world.rows, [2], "own")
    await world.step(world.rows.toReversed(), [1], "own")
    world.end()
  })

  it("packs a slab whose holes are many", async () => {
    const world = new World()
    const row = world.row(await world.prompt(4, 4))
    for (let i = 0; i < 12; i++) {
      await world.step([row], [9], "own")
      row.ids = row.ids.slice(0, 2)
    }
    const bind = vi.spyOn(Binding.prototype, "output")
    await world.step([row], [1], "own")
    const grown = bind.mock.calls.find(([name]) => name.startsWith("mulligan.grown"))!
    bind.mockRestore()
    assert.isAtMost(grown[1].dims[3]!, 15)
    world.end()
  })

  it("lets a paused row go from the slab of those that went on", async () => {
    const world = new World()
    const prompt = await world.prompt(4, 4)
    const rows = Array.from({ length: 8 }, () => world.row(prompt))
    await world.step(rows, [5], "own")
    const made = vi.spyOn(Binding.prototype, "output")
    await world.step(rows.slice(1), [1], "own")
    const parked = made.mock.calls.filter(([name]) => name === "to.0").map(([, { dims }]) => dims[1])
    made.mockRestore()
    // One gather for the seven rows that go on, and one for the row that stays, of its five tokens alone.
    assert.deepStrictEqual(parked, [35, 5])
    await world.step(rows, [1], "own")
    world.end()
  })

  it("moves nothing while the same rows go on, whatever their order, and binds nothing to keep for a question", async () => {
    const world = new World()
    const [one, other] = [await world.prompt(3, 3), await world.prompt(5, 5)]
    const rows = [one, other, other, one].map((prompt) => world.row(prompt))
    await world.step(rows, [1], "own")
    await world.step(rows, [1], "own")
    const bind = vi.spyOn(Binding.prototype, "output")
    await world.step(rows.toReversed(), [1], "own")
    const kept = bind.mock.calls.map(([name]) => name)
    bind.mockClear()
    await world.step(rows, [3], "nowhere")
    const asked = bind.mock.calls.map(([name]) => name)
    bind.mockRestore()
    assert.isFalse([...kept, ...asked].some((name) => name.startsWith("to.")))
    assert.isTrue(kept.some((name) => name.startsWith("mulligan.grown")))
    assert.isFalse(asked.some((name) => name.startsWith("mulligan.grown")))
    world.end()
  })

  it("keeps all of a row that is asked behind its first tokens while others draw", async () => {
    const world = new World()
    const prompt = await world.prompt(3, 3)
    const [one, other] = [world.row(prompt), world.row(prompt)]
    await world.step([one, other], [4], "own")
    const all = one.ids
    one.ids = all.slice(0, 2)
    await world.step([one, other], [1], "nowhere", "own")
    one.ids = all
    await world.step([one, other], [1], "own")
    world.end()
  })

  it("brings back tokens and probabilities alone: no keys and values, and no logits that nobody asked for", async () => {
    const world = new World()
    const prompt = await world.prompt(4, 4)
    const row: StepRow = {
      prefix: prompt.handle,
      prefixLength: 4,
      own: 5,
      ownLength: 0,
      ids: [7],
      store: "own",
      expected: 8
    }
    const bind = vi.spyOn(Binding.prototype, "output")
    const read = vi.spyOn(Outputs, "read")
    const slot = { row: 0, inverseTemperature: 1e30, uniform: 0, mass: 0, wantsTop: false }
    const { readings } = await device!.step({ rows: [row], slots: [slot], labels: [4, 0] })
    const sizes = bind.mock.calls
      .filter(([, { data }]) => data !== undefined)
      .map(([, { dims }]) => dims.reduce((a, b) => a * b, 1))
    const logits = read.mock.results.map(({ value }) => value as ReadonlyArray<{ readonly dims: unknown }>)
    bind.mockRestore()
    read.mockRestore()
    assert.isAtMost(
      sizes.reduce((a, b) => a + b, 0),
      4 + 2 * 3 * 256
    )
    assert.deepStrictEqual(
      logits.map((all) => all.map(({ dims }) => dims)),
      [[[0, config.vocabulary]]]
    )
    const [reading] = readings
    assert.isDefined(reading!.token)
    assert.strictEqual(reading!.labels?.length, 2)
    assert.isUndefined(reading!.logits)
    device!.drop([5])
    world.end()
  })

  it("answers steps that were asked for at once in their order, each behind the one before", async () => {
    const ids = [3, 4, 5, 6, 7, 8]
    device!.open(900, ids.length)
    const row = { prefix: 900, own: 0, ownLength: 0, store: "prefix", expected: 0 } as const
    const steps = [0, 2, 4].map((prefixLength) => {
      const rows = [{ ...row, prefixLength, ids: ids.slice(prefixLength, prefixLength + 2) }]
      return device!.step({ rows, slots: [whole(0)], labels: [] })
    })
    for (const [i, { readings }] of (await Promise.all(steps)).entries())
      assert.isBelow(difference(readings[0]!.logits!, await wanted(ids.slice(0, 2 * i + 2))), 1e-5)
    device!.drop([900])
  })

  it("leaves a failed step's rows as they were, and nothing of it behind", async () => {
    const world = new World()
    const row = world.row(await world.prompt(4, 4))
    await world.step([row], [2], "own")
    const before = Handle.count()
    const bad = {
      prefix: row.prompt.handle,
      prefixLength: 4,
      own: row.handle,
      ownLength: 2,
      ids: [config.vocabulary + 5],
      store: "own",
      expected: 0
    } as const
    const why = await device!.step({ rows: [bad], slots: [whole(0)], labels: [] }).then(String, String)
    assert.match(why, /indices|bounds|range/)
    assert.strictEqual(Handle.count(), before)
    const lost = await device!
      .step({ rows: [{ ...bad, own: 777, ids: [1] }], slots: [], labels: [] })
      .then(String, String)
    assert.match(lost, /nothing of 777/)
    assert.strictEqual(Handle.count(), before)
    await world.step([row], [1], "own")
    world.end()
  })

  it("gives everything back when it is closed, a step under way included", async () => {
    const before = Handle.count()
    const other = await openCapi(config, options)
    other.open(1, 3)
    const row = {
      prefix: 1,
      prefixLength: 0,
      own: 0,
      ownLength: 0,
      ids: [1, 2, 3],
      store: "prefix",
      expected: 0
    } as const
    const last = other.step({ rows: [row], slots: [whole(0)], labels: [] })
    await other.close()
    assert.isBelow(difference((await last).readings[0]!.logits!, await wanted([1, 2, 3])), 1e-5)
    assert.strictEqual(Handle.count(), before)
  })
})

/** Some hundred milliseconds, if nobody ends it. */
const long = (prefix: number): Step => {
  const rows = Array.from({ length: 64 }, (_, i): StepRow => {
    const ids = Array.from({ length: 100 }, () => i)
    return { prefix, prefixLength: 2, own: 100 + i, ownLength: 0, ids, store: "own", expected: 0 }
  })
  return { rows, slots: [], labels: [] }
}
const short: Step = {
  rows: [{ prefix: 1, prefixLength: 0, own: 0, ownLength: 0, ids: [1, 2], store: "prefix", expected: 0 }],
  slots: [whole(0)],
  labels: []
}

describe("a step under way", () => {
  it.each([
    ["with the cache on the device", options, 2],
    ["with the cache in JavaScript", { threads: 1 }, 1]
  ])("is ended, %s, and the next one runs", async (_, options, runs) => {
    const driver = await openCapi(config, options)
    driver.open(1, 2)
    const first = await driver.step(short)
    const before = Handle.count()
    const begun = vi.spyOn(Binding.prototype, "runAsync")
    const step = driver.step(long(1)).then(String, String)
    // The last run is that of the graph.
    while (begun.mock.calls.length < runs) await new Promise((resolve) => setImmediate(resolve))
    begun.mockRestore()
    driver.cancel!()
    assert.match(await step, /step was cancelled/)
    if (runs > 1) assert.strictEqual(Handle.count(), before)
    driver.cancel!()
    assert.deepStrictEqual((await driver.step(short)).readings, first.readings)
    await driver.close()
  })

  it("is ended before it has come to the graph", async () => {
    device!.open(700, 2)
    const step = device!.step({ ...short, rows: [{ ...short.rows[0]!, prefix: 700 }] }).then(String, String)
    device!.cancel!()
    assert.match(await step, /step was cancelled/)
    const { readings } = await device!.step({ ...short, rows: [{ ...short.rows[0]!, prefix: 700 }] })
    assert.isDefined(readings[0]!.logits)
    device!.drop([700])
  })
})

describe("seats", () => {
  const slab = (rows: number, slots: number) =>
    new DeviceSlab(
      [{ dims: [1, rows, 1, slots, 1], close: () => {} } as unknown as Value],
      new Uint8Array(rows * slots)
    )
  /** Rows by prompt and place in the slab. */
  const seatsOf = (at: DeviceSlab, ...rows: ReadonlyArray<readonly [prefix: number, row: number]>) => {
    const all = rows.map(([prefix], i): StepRow => {
      return { prefix, prefixLength: 3, own: i, ownLength: 4, ids: [1], store: "own", expected: 0 }
    })
    const company = together(
      all,
      rows.map(([, row]) => ({ slab: at, row, count: 4 })),
      groupsOf(all)
    )
    return [company.slab === at, company.seats, company.groups.map(({ prefix }) => prefix)]
  }

  it("stay where they are while the rows are those of a slab, whatever the order of rows and of prompts", () => {
    assert.deepStrictEqual(seatsOf(slab(4, 4), [9, 3], [5, 1], [5, 0], [9, 2]), [true, [2, 1, 3, 0], [5, 9]])
    assert.deepStrictEqual(seatsOf(slab(4, 4), [5, 3], [9, 1], [9, 0], [5, 2]), [true, [2, 1, 3, 0], [9, 5]])
    const eight = [0, 1, 2, 3, 4, 5, 6, 8].map((row) => [5, row] as const)
    assert.deepStrictEqual(seatsOf(slab(9, 4), ...eight)[0], true)
  })

  it("are new ones for two rows in one place, for prompts across each other, and for many idle ones", () => {
    assert.deepStrictEqual(seatsOf(slab(2, 4), [5, 1], [5, 1]), [false, [0, 1], [5]])
    assert.deepStrictEqual(seatsOf(slab(4, 4), [5, 0], [9, 1], [5, 2], [9, 3]), [false, [0, 2, 1, 3], [5, 9]])
    assert.deepStrictEqual(seatsOf(slab(4, 4), [5, 0], [9, 2], [5, 3], [9, 1]), [false, [0, 2, 1, 3], [5, 9]])
    assert.deepStrictEqual(seatsOf(slab(2, 4), [5, 0], [9, 0])[0], false)
    const [many, one] = [[0, 1, 2, 3, 4, 5, 6, 7].map((row) => [5, row] as const), [9, 8] as const]
    assert.deepStrictEqual(seatsOf(slab(18, 4), ...many, one)[0], false)
    assert.deepStrictEqual(seatsOf(slab(3, 4), [5, 0], [5, 1])[0], false)
    assert.deepStrictEqual(seatsOf(slab(3, 4), [5, 0], [5, 1], [9, 2]), [false, [0, 1, 2, undefined], [5, 9]])
  })

  it("are packed where more than a quarter of the slots, and more than a few, are holes", () => {
    assert.isTrue(seatsOf(slab(1, 12), [5, 0])[0])
    assert.isFalse(seatsOf(slab(1, 13), [5, 0])[0])
  })
})

describe("a mask", () => {
  const slabOf = (filled: ReadonlyArray<ReadonlyArray<boolean>>) =>
    new DeviceSlab(
      [{ dims: [1, filled.length, 1, filled[0]!.length, 1] } as unknown as Value],
      Uint8Array.from(filled.flat(), Number)
    )
  const slots = fc.array(fc.boolean(), { minLength: 9, maxLength: 9 })
  const count = (filled: ReadonlyArray<boolean>) => filled.filter(Boolean).length

  it("shows a token those before it that a window reaches, and no hole, no forgotten token, no other row's", () => {
    const given = fc.record({
      // Two prompts of two seats each, of which one may be idle.
      prefixes: fc.array(slots, { minLength: 2, maxLength: 2 }),
      owns: fc.array(slots, { minLength: 4, maxLength: 4 }),
      kept: fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }),
      news: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 }),
      idle: fc.nat(4),
      window: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined })
    })
    fc.assert(
      fc.property(given, ({ idle, kept, news, owns, prefixes, window }) => {
        const seats = owns.map((own, seat): StepRow | undefined => {
          const [prefixLength, ownLength] = [count(prefixes[seat >> 1]!), Math.min(kept[seat]!, count(own))]
          const ids = Array.from({ length: news[seat]! }, () => 1)
          const row = { prefix: 1, prefixLength, own: seat, ownLength, ids, store: "own", expected: 0 } as const
          return seat === idle ? undefined : row
        })
        const { data, dims } = Mask.make(seats, { prefix: slabOf(prefixes), own: slabOf(owns) }, 3, window)
        assert.deepStrictEqual(dims, [1, 4, 1, 3, 21])
        const wanted = seats.flatMap((row, seat) =>
          [0, 1, 2].flatMap((token) => {
            if (row === undefined || token >= row.ids.length) return Array.from({ length: 21 }, () => false)
            let at = 0
            const last = row.prefixLength + row.ownLength + token
            const isNear = () => at++ > last - (window ?? 1000)
            let left = row.ownLength
            return [
              ...prefixes[seat >> 1]!.map((isFilled) => isFilled && isNear()),
              ...owns[seat]!.map((isFilled) => isFilled && left-- > 0 && isNear()),
              ...[0, 1, 2].map((other) => other <= token && isNear())
            ]
          })
        )
        assert.deepStrictEqual(
          Array.from(data as Float32Array, (x) => x === 0),
          wanted
        )
      }),
      { numRuns: 200 }
    )
  })
})

describe("what cannot be had", () => {
  const model = fixture("llama-gqa")
  const layered = (options: Omit<OnnxBackend.Options, "model"> & { readonly model?: string }) =>
    Effect.gen(function* () {
      const { graph } = yield* Effect.flatMap(OnnxBackend.Onnx, (onnx) => onnx.describe)
      return graph
    }).pipe(Effect.provide(OnnxBackend.layer({ model, ...options })), Effect.result, Effect.runPromise)
  const refusal = async (options: Parameters<typeof layered>[0]): Promise<BackendError> => {
    const result = await layered(options)
    if (Result.isSuccess(result)) assert.fail(`It was had: ${result.success}.`)
    return result.failure
  }

  it("CUDA that is not there is a typed error that says what is missing, never the CPU", async (context) => {
    const { folder } = await Library.load()
    if (existsSync(join(folder, "libonnxruntime_providers_cuda.so"))) return context.skip()
    const { message, reason } = await refusal({ device: "cuda" })
    assert.deepInclude(reason, { _tag: "Unsupported", capability: "cuda" })
    assert.match(message, process.platform === "linux" ? /libonnxruntime_providers_shared\.so.*install/ : /CUDA/)
  })

  it("a graph that cannot be rewritten is refused with the reason, and so is one that is asked for as exported", async () => {
    const odd = await refusal({ model: fixture("families/genai-phi4-mini"), cache: "device" })
    assert.deepInclude(odd.reason, { _tag: "Unsupported", capability: "a cache on the device" })
    assert.match(odd.message, /cannot keep its cache on the device: .*rotary.*Run it on the CPU/)
    const exported = await refusal({ device: "cuda", graph: "plain" })
    assert.match(exported.message, /asked for as it was exported/)
    assert.deepEqual(
      (await layered({ model: fixture("families/genai-phi4-mini"), binding: "capi" })) as unknown,
      Result.succeed("plain")
    )
  })

  it.for(["dml", "coreml", "webgpu"] as const)(
    "%s that is not there is a typed error, in a thread or not",
    async (device, context) => {
      const ort = await import("onnxruntime-node")
      const asked = { executionProviders: [device], logSeverityLevel: 4 } as const
      const there = await ort.InferenceSession.create(fixture("qwen2/model.onnx"), asked).catch(() => undefined)
      await there?.release()
      if (there !== undefined) return context.skip()
      for (const worker of [true, false]) {
        const { message, reason } = await refusal({ device, worker })
        assert.deepInclude(reason, { _tag: "Unsupported", capability: device })
        assert.match(message, /(DirectML|CoreML|WebGPU) cannot be used here: .*on the CPU/s)
      }
    }
  )

  it("other devices than CUDA have no driver by the C API", async () => {
    const { message, reason } = await refusal({ device: "webgpu", binding: "capi" })
    assert.strictEqual(reason._tag, "Unsupported")
    assert.match(message, /not for webgpu/)
  })

  it("koffi that is not installed is a typed error that says how to get it", async () => {
    vi.resetModules()
    vi.doMock("koffi", () => {
      throw new Error("Cannot find package 'koffi'")
    })
    const fresh = await import("../src/driver/OpenCapi.ts")
    const cause: unknown = await fresh.openCapi(config, {}).then(
      () => "nothing",
      (cause: unknown) => cause
    )
    vi.doUnmock("koffi")
    vi.resetModules()
    assert.match(String(cause), /npm i koffi/)
    assert.strictEqual((cause as BackendError).reason._tag, "Unsupported")
  })
})
