import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import { BackendError } from "@mulligan/core/BackendError"
import { Binding, Terminated } from "../src/capi/Binding.ts"
import * as Handle from "../src/capi/Handle.ts"
import { Library } from "../src/capi/Library.ts"
import { Session } from "../src/capi/Session.ts"
import { Value } from "../src/capi/Value.ts"
import { add, chain } from "./capiGraphs.ts"
import { leastGrowth } from "./growth.ts"

const library = await Library.load()
const session = await Session.open(library, { graph: add() }, { threads: 1 })
const SIZE = 128
const LENGTH = 1000
const slow = await Session.open(library, { graph: chain(LENGTH, SIZE) }, { threads: 1, spinning: 0 })
afterAll(() => [session, slow].forEach((one) => one.close()))

const floats = (...all: Array<number>) => Value.over(library, "float32", Float32Array.from(all))
const square = (fill: number) => Value.over(library, "float32", new Float32Array(SIZE * SIZE).fill(fill), [SIZE, SIZE])
const closing = <A>(all: ReadonlyArray<Handle.Handle>, run: () => A): A => {
  try {
    return run()
  } finally {
    for (const one of all) one.close()
  }
}

/** A binding that runs for tens of milliseconds. */
const long = () => {
  const [x, w, y] = [square(1), square(1 / SIZE), square(0)]
  const binding = Binding.of(slow, { inputs: { x, w }, outputs: { [`y${LENGTH - 1}`]: y } })
  for (const one of [x, w]) one.close()
  return { binding, y }
}
const outcome = (run: Promise<unknown>) =>
  run.then(
    () => "done",
    (cause: unknown) => cause
  )

describe("a binding", () => {
  it("runs in place as often as it is asked, a value being input and output at once", () => {
    const [sum, one] = [floats(0, 0), floats(1, 10)]
    const binding = Binding.of(session, { inputs: { a: sum, b: one }, outputs: { sum } })
    for (let i = 0; i < 5; i++) binding.run()
    closing([binding, sum, one], () => assert.deepStrictEqual([...(sum.data ?? [])], [5, 50]))
  })

  it("binds other values in place of those before, and lets them go", () => {
    const before = Handle.count()
    const [a, sum] = [floats(1), floats(0)]
    const binding = Binding.of(session, { inputs: { a, b: a }, outputs: { sum } })
    const [other, target] = [floats(5), floats(0)]
    binding.input("b", other).output("sum", target).run()
    assert.strictEqual(target.data?.[0], 6)
    for (const one of [sum, other, target, binding]) one.close()
    assert.strictEqual(Handle.count(), before + 1)
    a.close()
    assert.strictEqual(Handle.count(), before)
  })

  it("keeps what is bound, whether or not its owner has closed it", () => {
    const binding = Binding.of(session)
    const sum = floats(0)
    binding.output("sum", sum)
    const [a, b] = [floats(3), floats(4)]
    binding.input("a", a).input("b", b)
    for (const one of [a, b]) one.close()
    binding.run()
    closing([binding, sum], () => assert.strictEqual(sum.data?.[0], 7))
  })

  it.each([
    ["a name that the graph does not have", "c", "sum", /no input c.*a, b/],
    ["an input for an output", "b", "a", /no output a.*sum/]
  ])("refuses %s, and keeps nothing", (_, input, output, message) => {
    const before = Handle.count()
    const value = floats(1)
    const bind = () => Binding.of(session, { inputs: { a: value, [input]: value }, outputs: { [output]: value } })
    assert.throws(bind, message)
    value.close()
    assert.strictEqual(Handle.count(), before)
  })

  it.each<[string, () => Binding]>([
    [
      "of another type",
      () =>
        Binding.of(session, {
          inputs: { a: Value.over(library, "int32", new Int32Array(2)), b: floats(1, 2) },
          outputs: { sum: floats(0, 0) }
        })
    ],
    [
      "of another size",
      () => Binding.of(session, { inputs: { a: floats(1, 2), b: floats(1, 2) }, outputs: { sum: floats(0) } })
    ],
    ["that are missing", () => Binding.of(session, { inputs: { a: floats(1) }, outputs: { sum: floats(0) } })]
  ])("fails with an InvalidRequest for values %s, and can run again", (_, make) => {
    const binding = make()
    const run = () => {
      try {
        binding.run()
        return "done"
      } catch (cause) {
        return cause instanceof BackendError ? cause.reason._tag : cause
      }
    }
    assert.strictEqual(run(), "InvalidRequest")
    const [a, sum] = [floats(1), floats(0)]
    binding.input("a", a).input("b", a).output("sum", sum)
    assert.strictEqual(run(), "done")
    closing([binding, a, sum], () => assert.strictEqual(sum.data?.[0], 2))
  })

  it("cannot be used once it is closed, nor when its session is", async () => {
    const own = await Session.open(library, { graph: add() })
    const [a, sum] = [floats(1), floats(0)]
    const bindings = [0, 1].map(() => Binding.of(own, { inputs: { a, b: a }, outputs: { sum } }))
    bindings[0]?.close()
    assert.throws(() => bindings[0]?.run(), /binding is closed/)
    assert.throws(() => bindings[0]?.input("a", a), /binding is closed/)
    own.close()
    assert.throws(() => bindings[1]?.run(), /session is closed/)
    sum.close()
    assert.throws(() => bindings[1]?.output("sum", sum), /value is closed/)
    closing([a, ...bindings], () => undefined)
  })
})

describe("a run on another thread", () => {
  it("leaves this one free", async () => {
    const { binding, y } = long()
    let turns = 0
    const turn = () => new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))
    const over = binding.runAsync().then(() => true)
    while (!(await Promise.race([over, turn()]))) turns++
    assert.isAbove(turns, 10)
    closing([binding, y], () => assert.approximately(y.data?.[0] ?? 0, 1, 1e-3))
  })

  it("ends when it is terminated, and the session and the binding run on", async () => {
    const { binding, y } = long()
    const run = outcome(binding.runAsync())
    binding.terminate()
    assert.instanceOf(await run, Terminated)
    assert.strictEqual(y.data?.[0], 0)
    binding.terminate() // nothing is under way
    assert.strictEqual(await outcome(binding.runAsync()), "done")
    closing([binding, y], () => assert.approximately(y.data?.[0] ?? 0, 1, 1e-3))
  })

  it("refuses a second one, and other values, until it is over", async () => {
    const { binding, y } = long()
    const first = binding.runAsync()
    assert.throws(() => binding.run(), /is running/)
    assert.match(String(await outcome(binding.runAsync())), /is running/)
    assert.throws(() => binding.input("x", y), /is running/)
    assert.strictEqual(await outcome(first), "done")
    assert.strictEqual(await outcome(binding.runAsync()), "done")
    closing([binding, y], () => undefined)
  })

  it("outlives the closing of all that it needs, which happens when it is over", async () => {
    const before = Handle.count()
    const own = await Session.open(library, { graph: chain(LENGTH, SIZE) }, { threads: 1, spinning: 0 })
    const [x, w, y] = [square(1), square(1 / SIZE), square(0)]
    const binding = Binding.of(own, { inputs: { x, w }, outputs: { [`y${LENGTH - 1}`]: y } })
    const run = binding.runAsync()
    for (const one of [own, x, w, y, binding]) one.close()
    assert.isAbove(Handle.count(), before)
    assert.strictEqual(await outcome(run), "done")
    assert.approximately(y.data?.[0] ?? 0, 1, 1e-3)
    assert.strictEqual(Handle.count(), before)
  })

  it("is one of several at a time on one session", async () => {
    const all = [long(), long()]
    assert.deepStrictEqual(await Promise.all(all.map(({ binding }) => outcome(binding.runAsync()))), ["done", "done"])
    for (const { binding, y } of all) closing([binding, y], () => assert.approximately(y.data?.[0] ?? 0, 1, 1e-3))
  })
})

describe("a binding on a device", () => {
  it("binds inputs of JavaScript's memory again for every run, as the device copies them then", async () => {
    const own = await Session.open(library, { graph: add() })
    Object.defineProperty(own, "provider", { value: { cuda: 0 } }) // as if: it runs on the CPU
    const [a, sum, b] = [floats(1), floats(0), Value.allocate(session, "float32", [1])]
    const binding = Binding.of(own, { inputs: { a, b }, outputs: { sum } })
    const bound: Array<unknown> = []
    const call = vi.spyOn(library, "call").mockImplementation((...args) => {
      if (args[0] === "BindInput") bound.push(args[2])
      return Library.prototype.call.apply(library, args)
    })
    a.close()
    for (let i = 0; i < 2; i++) binding.run()
    await binding.runAsync()
    call.mockRestore()
    closing([binding, b, sum, own], () => assert.deepStrictEqual(bound, ["a", "a", "a"]))
  })
})

describe("10,000 values and bindings", () => {
  it("leave no memory behind", async () => {
    const before = Handle.count()
    const round = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const [a, b, sum] = [floats(1), Value.allocate(session, "float32", [4096]), floats(0)]
        const part = b.view([1], 7)
        const binding = Binding.of(session, { inputs: { a, b: part }, outputs: { sum } })
        if (i % 10 === 0) await binding.runAsync()
        else binding.run()
        for (const one of [a, b, sum, part, binding]) one.close()
      }
    }
    const grown = await leastGrowth(() => round(10_000))
    assert.strictEqual(Handle.count(), before)
    // 10,000 times the 16 KiB would be 160 MiB.
    assert.isBelow(grown, 20)
  })
})
