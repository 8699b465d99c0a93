import { assert, beforeAll, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BackendError } from "@mulligan/core/BackendError"
import { Binding } from "../src/capi/Binding.ts"
import * as Handle from "../src/capi/Handle.ts"
import { Library } from "../src/capi/Library.ts"
import type { Step } from "../src/Driver.ts"
import * as Outputs from "../src/driver/CapiOutputs.ts"
import { CapiSession } from "../src/driver/CapiSession.ts"
import { open as inNode } from "../src/driver/NodeSession.ts"
import { openDriver } from "../src/driver/Open.ts"
import * as Probe from "../src/driver/Probe.ts"
import { RewrittenDriver } from "../src/driver/Rewritten.ts"
import type { Session, Source, Tensor } from "../src/driver/Session.ts"
import { rewrite } from "../src/GraphRewrite.ts"
import * as Config from "../src/ModelConfig.ts"
import { add, chain, graph } from "./capiGraphs.ts"
import { leastGrowth } from "./growth.ts"
import { fixture } from "./subjects.ts"

const library = await Library.load()
const config = await Effect.runPromise(Config.read(fixture("llama-gqa")))
const source = (graph: Uint8Array): Source => ({ graph, folder: "." })
const open = (from: Source, vocabulary = 0) => CapiSession.open(library, from, { threads: 1 }, vocabulary)
const floats = (...data: ReadonlyArray<number>): Tensor => ({
  type: "float32",
  data: Float32Array.from(data),
  dims: [data.length]
})
const square = (size: number, value = 0): Tensor => ({
  type: "float32",
  data: new Float32Array(size * size).fill(value),
  dims: [size, size]
})
const why = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "nothing",
    (cause: unknown) => cause
  )

let rewritten: Awaited<ReturnType<typeof rewrite>> | undefined = undefined
beforeAll(async () => {
  rewritten = await rewrite(config, Probe.make(inNode, config))
})

const steps: ReadonlyArray<Step> = [
  {
    rows: [{ prefix: 1, prefixLength: 0, own: 0, ownLength: 0, ids: [3, 4, 5, 6], store: "prefix", expected: 0 }],
    slots: [{ row: 0, inverseTemperature: 1, uniform: 0.4, mass: 2, wantsTop: false }],
    labels: []
  },
  {
    rows: [2, 3].map((own) => {
      return { prefix: 1, prefixLength: 4, own, ownLength: 0, ids: [own, 7], store: "own", expected: 4 } as const
    }),
    slots: [0, 1, 1].map((row, i) => {
      return { row, inverseTemperature: 0.7, uniform: 0.9, mass: i === 2 ? 2 : 0, wantsTop: i > 0 }
    }),
    labels: [5, 9]
  }
]

/** What a driver over a session read, and what the session was fed and gave. */
const seen = async (session: Session) => {
  const all: Array<readonly [Readonly<Record<string, Tensor>>, Readonly<Record<string, Tensor>>]> = []
  const { run } = session
  const watched = Object.assign(session, {
    run: async (feeds: Readonly<Record<string, Tensor>>) => {
      const out = await run(feeds)
      all.push([feeds, structuredClone(out)])
      return out
    }
  })
  const driver = new RewrittenDriver(watched, config, rewritten!)
  driver.open(1, 4)
  const stepped = []
  for (const step of steps) stepped.push((await driver.step(step)).readings)
  await driver.close()
  return { stepped, outs: all.map(([, out]) => out) }
}

describe("a session by the C API", () => {
  it("gives what onnxruntime-node gives, of a rewritten graph and of parts of it", async () => {
    const ours = await open(rewritten!, config.vocabulary)
    const theirs = await inNode(rewritten!, { threads: 1 })
    assert.deepStrictEqual(
      [ours.inputs, ours.outputs].map((all) => all.map(({ name, type }) => [name, type])),
      [theirs.inputs, theirs.outputs].map((all) => all.map(({ name, type }) => [name, type]))
    )
    const [found, wanted] = [await seen(ours), await seen(theirs)]
    assert.deepStrictEqual(found, wanted)
    assert.strictEqual(found.outs[1]!["mulligan.logits"]!.dims[0], 1)
  })

  it("gives what onnxruntime-node gives, of a plain graph and of any other", async () => {
    const [ours, theirs] = [await open(config.graph), await inNode(config.graph, { threads: 1 })]
    const ints = (...data: ReadonlyArray<number>): Tensor => {
      return { type: "int64", data: BigInt64Array.from(data, BigInt), dims: [1, data.length] }
    }
    const feeds: Record<string, Tensor> = { input_ids: ints(3, 4), attention_mask: ints(1, 1, 1) }
    if (theirs.inputs.some(({ name }) => name === "position_ids")) feeds["position_ids"] = ints(1, 2)
    const { headDim, kvHeads } = config
    for (const name of config.past)
      feeds[name] = { type: "float32", data: new Float32Array(kvHeads * headDim), dims: [1, kvHeads, 1, headDim] }
    assert.deepStrictEqual(await ours.run(feeds), await theirs.run(feeds))
    const half = source(graph([["Identity", ["x"], "y"]], { x: ["float16", ["n", 2]] }, { y: ["float16", ["n", 2]] }))
    const bits: Tensor = { type: "float16", data: Uint16Array.of(1, 2, 0x3c00, 4), dims: [2, 2] }
    const one = await open(half)
    assert.deepStrictEqual(await one.run({ x: bits }), { y: bits })
    const none: Tensor = { type: "float16", data: new Uint16Array(0), dims: [0, 2] }
    assert.deepStrictEqual(await one.run({ x: none }), { y: none })
    for (const session of [ours, theirs, one]) await session.close()
  })

  it("reads a tensor that comes again where it lies, without binding it again", async () => {
    const session = await open(source(add()))
    const [a, b] = [floats(1, 2), floats(10, 20)]
    assert.deepStrictEqual((await session.run({ a, b }))["sum"]!.data, Float32Array.of(11, 22))
    ;(a.data as Float32Array)[1] = 5
    const bind = vi.spyOn(Binding.prototype, "input")
    assert.deepStrictEqual((await session.run({ a, b }))["sum"]!.data, Float32Array.of(11, 25))
    assert.deepStrictEqual(bind.mock.calls, [])
    const other = floats(7, 8)
    assert.deepStrictEqual((await session.run({ a, b: other }))["sum"]!.data, Float32Array.of(8, 13))
    assert.deepStrictEqual(
      bind.mock.calls.map(([name]) => name),
      ["b"]
    )
    bind.mockRestore()
    const longer = [floats(1, 2, 3), floats(1, 1, 1)] as const
    assert.deepStrictEqual((await session.run({ a: longer[0], b: longer[1] }))["sum"]!.data, Float32Array.of(2, 3, 4))
    await session.close()
  })

  it("writes a rewritten graph's outputs in place; only whole logits, whose number it learns by running, are copied", async () => {
    const session = await open(rewritten!, config.vocabulary)
    const read = vi.spyOn(Outputs, "read")
    await seen(session)
    const logits = session.outputs.findIndex(({ name }) => name === "mulligan.logits")
    assert.deepStrictEqual(
      read.mock.calls.map(([, , places]) => places),
      [[logits], [logits]]
    )
    read.mockRestore()
  })

  it("keeps what it gave, whatever it runs later", async () => {
    const session = await open(source(add()))
    const first = await session.run({ a: floats(1), b: floats(2) })
    await session.run({ a: floats(100), b: floats(200) })
    assert.deepStrictEqual(first["sum"]!.data, Float32Array.of(3))
    await session.close()
    assert.deepStrictEqual(first["sum"]!.data, Float32Array.of(3))
  })

  it("lets go of the memory that ONNX Runtime made for outputs", async () => {
    const session = await open(source(add()))
    const large = (): Tensor => ({ type: "float32", data: new Float32Array(2 ** 20), dims: [2 ** 20] })
    const [a, b] = [large(), large()]
    const grown = await leastGrowth(async () => {
      for (let run = 0; run < 100; run++) await session.run({ a, b })
    })
    // 400 MiB were given in each round.
    assert.isBelow(grown, 100)
    await session.close()
  })

  it("leaves its thread free while it runs", async () => {
    const size = 256
    const session = await open(source(chain(60, size)))
    let ticks = 0
    const feeds = { x: square(size, 0.1), w: square(size, 0.01) }
    let isOver = false
    const tick = () => {
      ticks++
      if (!isOver) setImmediate(tick)
    }
    const run = session.run(feeds)
    setImmediate(tick)
    await run
    isOver = true
    assert.isAbove(ticks, 5)
    await session.close()
  })

  it("answers runs that were asked for at once in their order", async () => {
    const session = await open(source(add()))
    const b = floats(1)
    const sums = await Promise.all([1, 2, 3, 4].map((x) => session.run({ a: floats(x), b })))
    assert.deepStrictEqual(
      sums.map((out) => out["sum"]!.data[0]),
      [2, 3, 4, 5]
    )
    await session.close()
  })

  it("ends a run that is cancelled, by a typed error, and goes on", async () => {
    const size = 512
    const session = await open(source(chain(400, size)))
    const feeds = { x: square(size, 0.1), w: square(size, 1 / size) }
    const run = why(session.run(feeds))
    await new Promise((resolve) => setImmediate(resolve))
    session.cancel()
    const cause = await run
    assert.instanceOf(cause, BackendError)
    assert.strictEqual(cause.reason._tag, "Unavailable")
    assert.match(cause.message, /step was cancelled/)
    session.cancel()
    const small = await open(source(chain(2, 4)))
    small.cancel()
    assert.isAbove(Number((await small.run({ x: square(4, 1), w: square(4, 1) }))["y1"]!.data[0]), 0)
    await small.close()
    await session.close()
  })

  it("fails by a typed error for tensors that do not fit, and goes on", async () => {
    const before = Handle.count()
    const session = await open(source(add()))
    const cause = await why(session.run({ a: floats(1, 2), b: floats(1, 2, 3) }))
    assert.instanceOf(cause, BackendError)
    assert.strictEqual(cause.reason._tag, "InvalidRequest")
    const unknown = await why(session.run({ a: floats(1), b: floats(1), c: floats(1) }))
    assert.match(String(unknown), /no input c/)
    assert.strictEqual((await session.run({ a: floats(1), b: floats(2) }))["sum"]!.data[0], 3)
    await session.close()
    assert.strictEqual(Handle.count(), before)
  })

  it("gives everything back when it is closed, a run under way included", async () => {
    const before = Handle.count()
    const session = await open(source(chain(20, 64)))
    const run = session.run({ x: square(64, 1), w: square(64, 1 / 64) })
    await session.close()
    assert.strictEqual((await run)["y19"]!.data[0], 1)
    assert.strictEqual(Handle.count(), before)
  })

  it("carries both drivers, as onnxruntime-node does", async () => {
    const before = Handle.count()
    const opener = (from: Source) => open(from, config.vocabulary)
    for (const graph of ["auto", "plain"] as const) {
      const drivers = [await openDriver(config, { graph }, opener), await openDriver(config, { graph }, inNode)]
      assert.deepStrictEqual(
        drivers.map(({ abilities }) => abilities.graph),
        graph === "auto" ? ["rewritten", "rewritten"] : ["plain", "plain"]
      )
      const [ours, theirs] = await Promise.all(
        drivers.map(async (driver) => {
          driver.open(1, 4)
          const { readings } = await driver.step(steps[0]!)
          await driver.close()
          return readings
        })
      )
      assert.deepStrictEqual(ours, theirs)
    }
    assert.strictEqual(Handle.count(), before)
  })
})
