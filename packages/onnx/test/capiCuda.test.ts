import { afterAll, assert, describe, it } from "@effect/vitest"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { BackendError } from "@mulligan/core/BackendError"
import { append, explain, libraries } from "../src/capi/Cuda.ts"
import * as Handle from "../src/capi/Handle.ts"
import { Library, OrtError } from "../src/capi/Library.ts"
import { Session } from "../src/capi/Session.ts"
import { add } from "./capiGraphs.ts"

const scratch = mkdtempSync(join(tmpdir(), "mulligan-capi-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const failed = "[ONNXRuntimeError] : 1 : FAIL : Failed to load library libonnxruntime_providers_cuda.so with error: "
const missing = (library: string) => `${failed}${library}: cannot open shared object file: No such file or directory`
const call = (said: string) =>
  `/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:114 onnxruntime::CudaCall CUDA failure ${said} ; GPU=0 ; hostname=somewhere ; expr=cudaSetDevice(info_.device_id);`
const loads = "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library"

describe("what is said of CUDA", () => {
  // As ONNX Runtime 1.16 to 1.30 and the loaders have said it.
  it.each<[said: string, tag: string, message: RegExp]>([
    [missing("libcudnn.so.9"), "Unsupported", /libcudnn\.so\.9 is missing.*cuDNN 9/],
    [missing("libcudnn_adv.so.9"), "Unsupported", /libcudnn_adv\.so\.9 is missing.*cuDNN 9/],
    [missing("libcublasLt.so.12"), "Unsupported", /libcublasLt\.so\.12 is missing.*CUDA 12/],
    [
      missing("libcublasLt.so.13"),
      "Unsupported",
      /libcublasLt\.so\.13 is missing\. Install the libraries of CUDA 13 (?!.*12)/
    ],
    [missing("libcudart.so.12"), "Unsupported", /libcudart\.so\.12 is missing.*CUDA 12/],
    [missing("libcufft.so.11"), "Unsupported", /libcufft\.so\.11 is missing.*libraries of CUDA 12/],
    [missing("libcufft.so.12"), "Unsupported", /libcufft\.so\.12 is missing.*libraries of CUDA 13/],
    [missing("libcurand.so.10"), "Unsupported", /libcurand\.so\.10 is missing.*libraries of CUDA and/],
    [missing("libcuda.so.1"), "Unsupported", /libcuda\.so\.1 is missing.*driver from NVIDIA/],
    [
      missing("/a folder/libonnxruntime_providers_shared.so"),
      "Unsupported",
      /providers_shared\.so is missing.*install\.js/
    ],
    [
      `Error: Failed to load shared library: libcublasLt.so.13: cannot open shared object file: No such file or directory ${loads}`,
      "Unsupported",
      /libcublasLt\.so\.13 is missing/
    ],
    [
      `LoadLibrary failed with error 126 "" when trying to load "C:\\a folder\\onnxruntime_providers_cuda.dll"`,
      "Unsupported",
      /onnxruntime_providers_cuda\.dll, or a library that it needs.*PATH/
    ],
    [call("35: CUDA driver version is insufficient for CUDA runtime version"), "Unsupported", /driver.*Update/],
    [call("100: no CUDA-capable device is detected"), "Unsupported", /no CUDA device\..*nvidia-smi/],
    [call("101: invalid device ordinal"), "Unsupported", /no CUDA device of this number/],
    [call("2: out of memory"), "OutOfMemory", /memory/],
    [`Unknown provider option: "gpu_mem_limits".`, "InvalidRequest", /no option gpu_mem_limits/],
    [`${failed}libonnxruntime_providers_cuda.so: file too short`, "Unsupported", /broken.*install\.js/],
    [loads, "Unsupported", /CUDA cannot be used.*install\.js/],
    ["CUDA execution provider is not enabled in this build.", "Unsupported", /not enabled in this build/]
  ])("'%s' is %s", (said, tag, message) => {
    const cause = explain(said)
    assert.strictEqual(cause?.reason._tag, tag)
    assert.match(cause?.message ?? "", message)
  })

  it("is not said of other failures", () => assert.isUndefined(explain("This is an invalid model: no graph.")))
})

describe("the libraries of the provider", () => {
  it("are looked for beside ONNX Runtime, and the first that is missing is named", () => {
    const thrown = (platform?: NodeJS.Platform) => {
      try {
        return libraries(scratch, platform).join(" ")
      } catch (cause) {
        return String(cause)
      }
    }
    assert.match(thrown("linux"), /libonnxruntime_providers_shared\.so.*install\.js/)
    writeFileSync(join(scratch, "libonnxruntime_providers_shared.so"), "")
    assert.match(thrown("linux"), /needs libonnxruntime_providers_cuda\.so, which is not in/)
    writeFileSync(join(scratch, "libonnxruntime_providers_cuda.so"), "")
    assert.match(thrown("linux"), /shared\.so \S*cuda\.so$/)
    assert.match(thrown("win32"), /needs onnxruntime_providers_shared\.dll/)
    assert.match(thrown("darwin"), /no CUDA on darwin/)
  })
})

/** A library whose calls are written down, and fail or not. */
const recorded = (failing: boolean) => {
  const calls: Array<ReadonlyArray<unknown>> = []
  const note = (...all: ReadonlyArray<unknown>) => {
    calls.push(all)
    if (failing && String(all[0]).endsWith("CUDA_V2")) throw new OrtError(loads)
    return 5n
  }
  const load = (file: string) => {
    if (file.endsWith("cuda.so")) throw new Error("libcurand.so.10: cannot open shared object file: No such file")
  }
  return { calls, folder: scratch, require: load, made: note, call: note, release: note } as const
}

describe("CUDA for a session", { skip: process.platform !== "linux" }, () => {
  it("is asked for with the device and all options", () => {
    const library = recorded(false)
    append(library, 9n, { cuda: 2, options: { gpu_mem_limit: "100" } })
    assert.deepStrictEqual(library.calls, [
      ["CreateCUDAProviderOptions"],
      ["UpdateCUDAProviderOptions", 5n, ["gpu_mem_limit", "device_id"], ["100", "2"], 2],
      ["SessionOptionsAppendExecutionProvider_CUDA_V2", 9n, 5n],
      ["ReleaseCUDAProviderOptions", 5n]
    ])
  })

  it("that does not load is explained by what the loader says, which ONNX Runtime keeps to its log", () => {
    const library = recorded(true)
    assert.throws(() => append(library, 9n, { cuda: 0 }), /libcurand\.so\.10 is missing/)
    assert.deepStrictEqual(library.calls.at(-1), ["ReleaseCUDAProviderOptions", 5n])
  })
})

describe("a session that asks for CUDA", () => {
  it("is refused where it is missing, and never runs elsewhere", async (context) => {
    const library = await Library.load()
    if (existsSync(join(library.folder, "libonnxruntime_providers_cuda.so"))) return context.skip()
    const before = Handle.count()
    const cause = await Session.open(library, { graph: add() }, { provider: { cuda: 0 } }).catch(
      (cause: unknown) => cause
    )
    assert.instanceOf(cause, BackendError)
    assert.deepInclude(cause.reason, { _tag: "Unsupported", capability: "cuda" })
    assert.match(cause.message, /providers_shared|no CUDA on/)
    assert.strictEqual(Handle.count(), before)
  })
})
