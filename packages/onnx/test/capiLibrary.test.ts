import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import koffi from "koffi"
import { BackendError } from "@mulligan/core/BackendError"
import { apiVersion, slots } from "../src/capi/Api.ts"
import { checkVersion, find } from "../src/capi/Installed.ts"
import * as Koffi from "../src/capi/Koffi.ts"
import { Library } from "../src/capi/Library.ts"

const thrown = (run: () => unknown): BackendError => {
  try {
    run()
  } catch (cause) {
    if (cause instanceof BackendError) return cause
    throw cause
  }
  throw new Error("nothing was thrown")
}

describe("the library", () => {
  it("is that of onnxruntime-node, and one for all who load it", async () => {
    const library = await Library.load()
    assert.match(library.version, /^1\.30\.\d+$/)
    assert.strictEqual(await Library.load(), library)
  })

  // Held by ONNX Runtime's own assertions on the struct, at the end of each of its versions.
  it.each([
    ["ReleaseSessionOptions", 100],
    ["AddSessionConfigEntry", 130],
    ["ReleaseCUDAProviderOptions", 208]
  ] as const)("has %s at %i", (name, slot) => assert.strictEqual(slots[name], slot))

  it("gives no two functions one place", () => {
    const all = Object.values(slots)
    assert.strictEqual(new Set(all).size, all.length)
    assert.isAtLeast(apiVersion, 11) // the last of them came with it
  })

  it("that is missing for a platform is named with its folder", () => {
    const root = mkdtempSync(join(tmpdir(), "mulligan-capi-"))
    const at = join(root, "bin", "napi-v6", "linux", "x64")
    mkdirSync(at, { recursive: true })
    assert.match(
      thrown(() => find(root, "linux", "x64")).message,
      /no library for linux x64.*Install onnxruntime-node 1\.30/
    )
    for (const file of ["libonnxruntime_providers_shared.so", "libonnxruntime.so.1"]) writeFileSync(join(at, file), "")
    assert.deepStrictEqual(find(root, "linux", "x64"), { folder: at, file: "libonnxruntime.so.1" })
    assert.strictEqual(thrown(() => find(root, "linux", "s390x")).reason._tag, "Unsupported")
    rmSync(root, { recursive: true })
  })

  it.each(["1.29.1", "1.31.0", "2.30.0", "1.3.0", ""])("of version '%s' is refused", (version) => {
    const { message, reason } = thrown(() => checkVersion(version))
    assert.strictEqual(reason._tag, "Unsupported")
    assert.include(message, `1.30, and ${version} is installed`)
  })

  it("outlives a thread that used it", async () => {
    const library = new URL("../src/capi/Library.ts", import.meta.url).href
    const code = `import(${JSON.stringify(library)}).then(async ({ Library }) => {
      const library = await Library.load()
      library.release("ReleaseSessionOptions", library.made("CreateSessionOptions"))
      await new Promise((resolve) => setTimeout(resolve, 10))
    })`
    for (let i = 0; i < 3; i++) {
      const code_ = await new Promise((resolve, reject) =>
        new Worker(code, { eval: true }).on("exit", resolve).on("error", reject)
      )
      assert.strictEqual(code_, 0)
    }
    const library_ = await Library.load()
    library_.release("ReleaseSessionOptions", library_.made("CreateSessionOptions"))
  })
})

describe("koffi", () => {
  it("that is not installed is named, with how to get it", async () => {
    const missing = () => Promise.reject(new Error("Cannot find package 'koffi' imported from here\nat there"))
    const cause = await Koffi.load(missing).catch((cause: unknown) => cause)
    assert.instanceOf(cause, BackendError)
    assert.strictEqual(cause.reason._tag, "Unsupported")
    assert.match(cause.message, /Cannot find package 'koffi' imported from here\).*npm i koffi/)
  })

  it.each([
    ["were raised already", 8 * 2 ** 20, undefined],
    ["are small and can no longer be raised", 2 ** 17, "InvalidRequest"]
  ])("whose stacks %s", async (_, async_stack_size, failure) => {
    const config = (given?: object) => {
      if (given !== undefined) throw new Error("Cannot change Koffi configuration once a library has been loaded")
      return { async_stack_size }
    }
    const outcome = await Koffi.load(() => Promise.resolve({ default: { ...koffi, config } as typeof koffi })).then(
      () => undefined,
      (cause: unknown) => (cause instanceof BackendError ? cause.reason._tag : cause)
    )
    assert.strictEqual(outcome, failure)
  })
})
