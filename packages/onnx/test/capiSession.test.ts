import { afterAll, assert, describe, it, vi } from "@effect/vitest"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { BackendError } from "@mulligan/core/BackendError"
import { Binding } from "../src/capi/Binding.ts"
import * as Handle from "../src/capi/Handle.ts"
import { Library } from "../src/capi/Library.ts"
import { configure, Session, type SessionOptions, type Source } from "../src/capi/Session.ts"
import { Value } from "../src/capi/Value.ts"
import { add, graph } from "./capiGraphs.ts"
import { fixture } from "./subjects.ts"

const library = await Library.load()
const scratch = mkdtempSync(join(tmpdir(), "mulligan-capi-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** What a session whose output `y` has three elements gives. */
const run = async (source: Source, options?: SessionOptions, input = Float32Array.of(1, 2, 3)) => {
  const session = await Session.open(library, source, options)
  const [x, y] = [Value.over(library, "float32", input), Value.over(library, "float32", new Float32Array(3))]
  const binding = Binding.of(session, { inputs: { x }, outputs: { y } })
  binding.run()
  for (const one of [session, x, y, binding]) one.close()
  return [...(y.data ?? [])]
}

const failure = async (source: Source, options?: SessionOptions): Promise<BackendError> => {
  const cause = await Session.open(library, source, options).then(
    () => undefined,
    (cause: unknown) => cause
  )
  assert.instanceOf(cause, BackendError)
  return cause
}

const twice = graph([["Add", ["x", "x"], "y"]], { x: ["float32", ["n"]] }, { y: ["float32", ["n"]] })
const plus = (at: { readonly location: string; readonly offset: number }) =>
  graph([["Add", ["x", "w"], "y"]], { x: ["float32", [3]] }, { y: ["float32", [3]] }, { w: { dims: [3], at } })

const spins = (isOn: string, microseconds: string) =>
  Object.entries({ allow_spinning: isOn, spin_duration_us: microseconds }).map(([key, value]) => [
    "AddSessionConfigEntry",
    7n,
    `session.intra_op.${key}`,
    value
  ])

describe("a session", () => {
  it("is opened from a file and from memory", async () => {
    writeFileSync(join(scratch, "twice é.onnx"), twice)
    assert.deepStrictEqual(await run(join(scratch, "twice é.onnx")), [2, 4, 6])
    assert.deepStrictEqual(await run({ graph: twice }), [2, 4, 6])
  })

  it("knows its inputs and outputs, with names of the open sizes", async () => {
    const session = await Session.open(library, fixture("qwen2/model.onnx"))
    const [ids, mask, , key] = session.inputs
    assert.deepInclude(ids, { name: "input_ids", type: "int64" })
    assert.strictEqual(ids?.dims[0], mask?.dims[0])
    assert.isString(ids?.dims[1])
    assert.deepInclude(key, { name: "past_key_values.0.key", type: "float32" })
    assert.deepStrictEqual([key?.dims[1], key?.dims[3]], [2, 16])
    assert.strictEqual(session.outputs[0]?.name, "logits")
    session.close()
    const half = await Session.open(library, {
      graph: graph([["Identity", ["x"], "y"]], { x: ["float16", []] }, { y: ["float16", []] })
    })
    assert.deepStrictEqual(half.inputs, [{ name: "x", type: "float16", dims: [] }])
    half.close()
    const open = await Session.open(library, {
      graph: graph([["Identity", ["x"], "y"]], { x: ["int64", ["rows", 4, "slots"]] }, { y: ["int64", []] })
    })
    assert.deepStrictEqual(open.inputs, [{ name: "x", type: "int64", dims: ["rows", 4, "slots"] }])
    open.close()
  })

  it.each<[string, SessionOptions]>([
    ["threads", { threads: 1 }],
    ["spinning", { spinning: 20 }],
    ["no spinning", { spinning: 0 }],
    ["no arena", { arena: false }],
    ["no optimisation", { optimization: "none" }],
    ["an entry", { config: { "session.disable_prepacking": "1" } }]
  ])("takes %s", async (_, options) => assert.deepStrictEqual(await run({ graph: twice }, options), [2, 4, 6]))

  it.each<[string, SessionOptions, ReadonlyArray<ReadonlyArray<unknown>>]>([
    ["whole optimisation", {}, [["SetSessionGraphOptimizationLevel", 7n, 99]]],
    ["no optimisation", { optimization: "none" }, [["SetSessionGraphOptimizationLevel", 7n, 0]]],
    ["threads", { threads: 3 }, [["SetIntraOpNumThreads", 7n, 3]]],
    ["spinning", { spinning: 20 }, spins("1", "20")],
    ["no spinning", { spinning: 0 }, spins("0", "0")],
    ["no arena", { arena: false }, [["DisableCpuMemArena", 7n]]],
    ["an entry", { config: { some: "thing" } }, [["AddSessionConfigEntry", 7n, "some", "thing"]]]
  ])("asks ONNX Runtime for %s", (_, options, expected) => {
    const calls: Array<ReadonlyArray<unknown>> = []
    configure({ call: (...all) => calls.push(all) }, 7n, { graph: twice }, options)
    const always = ["SetSessionLogSeverityLevel", "SetSessionGraphOptimizationLevel"]
    for (const call of expected) assert.deepInclude(calls, call)
    assert.deepStrictEqual(
      calls.map(([name]) => name),
      [...always, ...expected.map(([name]) => name).filter((name) => !always.includes(String(name)))]
    )
  })

  it("has the threads that it is told", async (context) => {
    const count = () => readdirSync("/proc/self/task").length
    if (!existsSync("/proc/self/task")) return context.skip()
    const before = count()
    const session = await Session.open(library, { graph: twice }, { threads: 7 })
    assert.isAtLeast(count(), before + 6)
    session.close()
    assert.isBelow(count(), before + 6)
  })

  it("fails for an entry that ONNX Runtime refuses", async () => {
    const { message } = await failure({ graph: twice }, { config: { ["k".repeat(2000)]: "1" } })
    assert.match(message, /could not load the graph: .*key/i)
  })

  it("reads weights of a graph in memory from a folder, at any offset", async () => {
    const weights = Float32Array.of(10, 20, 30)
    for (const offset of [0, 4, 7, 4096]) {
      const file = new Uint8Array(offset + 12)
      file.set(new Uint8Array(weights.buffer), offset)
      writeFileSync(join(scratch, `weights${offset}`), file)
      const source = { graph: plus({ location: `weights${offset}`, offset }), folder: scratch }
      assert.deepStrictEqual(await run(source), [11, 22, 33])
    }
    const { message } = await failure({ graph: plus({ location: "weights0", offset: 0 }) })
    assert.match(message, /External data/)
  })

  it.each([
    ["that is no graph", { graph: new TextEncoder().encode("no graph at all") }, /could not load the graph/],
    ["that is empty", { graph: new Uint8Array(0) }, /could not load the graph/],
    ["that is not there", join(scratch, "none.onnx"), /none\.onnx/],
    ["of an unknown operator", { graph: graph([["Nonsense", ["x"], "y"]], { x: ["float32", [1]] }, {}) }, /Nonsense/]
  ])("refuses a file %s, and leaves nothing", async (_, source, message) => {
    const before = Handle.count()
    const release = vi.spyOn(library, "release")
    const cause = await failure(source)
    assert.deepInclude(
      release.mock.calls.map(([name]) => name),
      "ReleaseSessionOptions"
    )
    release.mockRestore()
    assert.strictEqual(cause.reason._tag, "InvalidRequest")
    assert.match(cause.message, message)
    assert.strictEqual(Handle.count(), before)
  })

  it("gives what onnxruntime-node gives", async () => {
    const ort = await import("onnxruntime-node")
    const bytes = await readFile(fixture("qwen2/model.onnx"))
    const theirs = await ort.InferenceSession.create(bytes)
    const ours = await Session.open(library, { graph: bytes })
    const ids = BigInt64Array.of(5n, 9n, 2n)
    const feeds: Record<string, Value> = {
      input_ids: Value.over(library, "int64", ids, [1, 3]),
      attention_mask: Value.over(library, "int64", BigInt64Array.of(1n, 1n, 1n), [1, 3]),
      position_ids: Value.over(library, "int64", BigInt64Array.of(0n, 1n, 2n), [1, 3])
    }
    for (const { name } of ours.inputs)
      feeds[name] ??= Value.over(library, "float32", new Float32Array(0), [1, 2, 0, 16])
    const logits = await theirs.run(
      Object.fromEntries(
        Object.entries(feeds).map(([name, { data, dims, type }]) => [
          name,
          new ort.Tensor(type as "int64", data as never, dims)
        ])
      ),
      ["logits"]
    )
    const own = Value.over(library, "float32", new Float32Array(logits["logits"]?.size ?? 0), logits["logits"]?.dims)
    const binding = Binding.of(ours, { inputs: feeds, outputs: { logits: own } })
    binding.run()
    assert.deepStrictEqual(own.data, logits["logits"]?.data)
    for (const one of [binding, own, ours, ...Object.values(feeds)]) one.close()
    await theirs.release()
  })

  it("cannot be used once it is closed, and says so", async () => {
    const session = await Session.open(library, { graph: add() })
    session.close()
    session.close()
    assert.throws(() => Binding.of(session), /session is closed/)
    assert.throws(() => Value.allocate(session, "float32", [1]), /session is closed/)
  })

  it("stays for what it allocated, and for its bindings", async () => {
    const before = Handle.count()
    const session = await Session.open(library, { graph: add() })
    const value = Value.allocate(session, "float32", [2 ** 20])
    const binding = Binding.of(session)
    session.close()
    assert.strictEqual(Handle.count(), before + 3)
    binding.close()
    assert.strictEqual(Handle.count(), before + 2)
    value.close()
    assert.strictEqual(Handle.count(), before)
  })
})
