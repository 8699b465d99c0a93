import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { BackendError } from "@mulligan/core/BackendError"
import { Binding } from "../src/capi/Binding.ts"
import { Copier } from "./capiCopier.ts"
import { type DataOf, type ElementType, make } from "../src/capi/ElementType.ts"
import * as Handle from "../src/capi/Handle.ts"
import { Library } from "../src/capi/Library.ts"
import { Session } from "../src/capi/Session.ts"
import { Value } from "../src/capi/Value.ts"
import { add, graph } from "./capiGraphs.ts"

const library = await Library.load()
const session = await Session.open(library, { graph: add() })
const copier = await Copier.open(library)
afterAll(() => [session, copier].forEach((one) => one.close()))

const tag = (run: () => unknown): string => {
  try {
    run()
  } catch (cause) {
    return cause instanceof BackendError ? cause.reason._tag : String(cause)
  }
  return "nothing"
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

describe("a value over JavaScript's memory", () => {
  it("is read and written in place, however small and after collections", () => {
    const [a, b, sum] = [Float32Array.of(1), Float32Array.of(2), new Float32Array(1)]
    const [x, y, z] = [a, b, sum].map((data) => Value.over(library, "float32", data))
    assert.ok(x && y && z)
    const binding = Binding.of(session, { inputs: { a: x, b: y }, outputs: { sum: z } })
    for (let i = 0; i < 5; i++) {
      const waste = Array.from({ length: 1000 }, () => new Float32Array(4))
      collect()
      a[0] = i + waste.length
      binding.run()
      assert.strictEqual(sum[0], i + 1002)
    }
    for (const one of [binding, x, y, z]) one.close()
  })

  it("may begin within an array, and be smaller than it", () => {
    const all = Float32Array.of(0, 1, 2, 3, 4, 5)
    const value = Value.over(library, "float32", all.subarray(2), [2])
    assert.deepStrictEqual([...copier.read(value)], [2, 3])
    value.close()
  })

  it.each<[ElementType, ArrayLike<number | bigint>]>([
    ["float32", [0.5, -1, 2 ** 127]],
    ["float16", [0x3c00, 0xbc00, 0x7bff]],
    ["bfloat16", [0x3f80, 0xbf80, 0x7f7f]],
    ["int64", [1n, -1n, 2n ** 62n]],
    ["int32", [1, -1, 2 ** 31 - 1]],
    ["int8", [1, -1, 127]],
    ["uint8", [0, 1, 255]],
    ["bool", [0, 1, 1]]
  ])("of %s comes through a graph as it was", async (type, content) => {
    const same = await Session.open(library, {
      graph: graph([["Identity", ["x"], "y"]], { x: [type, [3]] }, { y: [type, [3]] })
    })
    const data = make(type, 3)
    Array.from(content).forEach((one, i) => (data[i] = one as never))
    const [x, y] = [Value.over(library, type, data as DataOf<typeof type>), Value.allocate(same, type, [3])]
    const binding = Binding.of(same, { inputs: { x }, outputs: { y } })
    binding.run()
    assert.deepStrictEqual(Array.from(copier.read(y) as ArrayLike<unknown>), Array.from(content as ArrayLike<unknown>))
    assert.strictEqual(same.inputs[0]?.type, type)
    for (const one of [binding, x, y, same]) one.close()
  })

  it.each([
    ["a smaller array", () => Value.over(library, "float32", new Float32Array(5), [2, 3])],
    ["an array of another type", () => Value.over(library, "float32", new Int32Array(6) as never, [2, 3])],
    ["a size below 0", () => Value.over(library, "float32", new Float32Array(6), [-1])],
    ["half a size", () => Value.over(library, "float32", new Float32Array(6), [1.5])],
    ["a view beyond its end", () => view(() => [[2, 2], 3])],
    ["a view of JavaScript's memory beyond its end", () => beyond()],
    ["a view before its start", () => view(() => [[2], -1])]
  ])("refuses %s", (_, run) => {
    const before = Handle.count()
    assert.strictEqual(tag(run), "InvalidRequest")
    assert.strictEqual(Handle.count(), before)
  })

  it("is seen as another type, in the array of that type, at whole elements", () => {
    const data = Float32Array.of(0, 1, 2)
    const value = Value.over(library, "float32", data)
    const bytes = value.as("uint8", [4], 2)
    assert.deepStrictEqual(bytes.data, new Uint8Array(data.buffer, 8, 4))
    const back = bytes.as("float32", [1])
    assert.deepStrictEqual(back.data, Float32Array.of(2))
    assert.strictEqual(
      tag(() => bytes.as("float32", [0], 1)),
      "InvalidRequest"
    )
    for (const one of [value, bytes, back]) one.close()
  })

  it("that was transferred to another thread is refused, not read", () => {
    const data = new Float32Array(100)
    const value = Value.over(library, "float32", data)
    const sum = Value.allocate(session, "float32", [100])
    const binding = Binding.of(session, { inputs: { a: value, b: value }, outputs: { sum } })
    structuredClone(data.buffer, { transfer: [data.buffer] })
    assert.strictEqual(
      tag(() => binding.run()),
      "InvalidRequest"
    )
    for (const one of [binding, value, sum]) one.close()
    assert.strictEqual(
      tag(() => Value.over(library, "float32", data, [100])),
      "InvalidRequest"
    )
  })
})

const beyond = () => {
  const value = Value.over(library, "float32", new Float32Array(6), [2])
  try {
    value.view([0], 3)
  } finally {
    value.close()
  }
}

/** A view of six numbers, with all closed behind it. */
const view = (shape: () => readonly [dims: Array<number>, offset?: number]): Array<number> => {
  const value = Value.allocate(session, "float32", [6])
  try {
    const source = Value.over(library, "float32", Float32Array.of(0, 1, 2, 3, 4, 5))
    copier.copy(source, value)
    source.close()
    const part = value.view(...shape())
    const out = [...copier.read(part)]
    part.close()
    return out
  } finally {
    value.close()
  }
}

describe("a value of ONNX Runtime's", () => {
  it("is seen in other shapes and from other elements on", () => {
    assert.deepStrictEqual(
      view(() => [[3, 2]]),
      [0, 1, 2, 3, 4, 5]
    )
    assert.deepStrictEqual(
      view(() => [[2, 2], 1]),
      [1, 2, 3, 4]
    )
    assert.deepStrictEqual(
      view(() => [[0], 6]),
      []
    )
  })

  it("is copied into a part of another one", () => {
    const [from, to] = [Float32Array.of(7, 8), new Float32Array(5)]
    const [source, target] = [Value.over(library, "float32", from), Value.over(library, "float32", to)]
    const part = target.view([2], 2)
    copier.copy(source, part)
    assert.deepStrictEqual([...to], [0, 0, 7, 8, 0])
    assert.strictEqual(
      tag(() => copier.copy(source, target)),
      "InvalidRequest"
    )
    for (const one of [source, target, part]) one.close()
  })

  it("lives as long as a view of it", () => {
    const before = Handle.count()
    const value = Value.allocate(session, "float32", [2 ** 18])
    const part = value.view([3], 1000)
    value.close()
    const source = Value.over(library, "float32", Float32Array.of(1, 2, 3))
    copier.copy(source, part)
    assert.deepStrictEqual([...copier.read(part)], [1, 2, 3])
    assert.throws(() => value.view([1]), /value is closed/)
    for (const one of [part, source]) one.close()
    assert.strictEqual(Handle.count(), before)
  })

  it("that is too large for the machine is out of memory", () =>
    assert.strictEqual(
      tag(() => Value.allocate(session, "float32", [2 ** 46])),
      "OutOfMemory"
    ))

  it("lies on the session's device, which is asked for by its number", async () => {
    const before = Handle.count()
    const own = await Session.open(library, { graph: add() })
    Object.defineProperty(own, "provider", { value: { cuda: 3 } })
    const made = vi.spyOn(library, "made")
    assert.throws(() => Value.allocate(own, "float32", [1]), /could not make a tensor.*allocator/i)
    assert.deepInclude(made.mock.calls, ["CreateMemoryInfo", "Cuda", 1, 3, 0])
    made.mockRestore()
    Value.allocate(own, "float32", [1], "cpu").close()
    own.close()
    assert.strictEqual(Handle.count(), before)
  })
})
