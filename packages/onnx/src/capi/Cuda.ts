/**
 * The CUDA provider, which onnxruntime-node fetches apart, and what is said where it cannot be had. Nothing here ever goes on
 * without it.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid, unsupported } from "../internal/errors.ts"
import * as Failure from "./Failure.ts"
import { type Library, OrtError } from "./Library.ts"

export interface Cuda {
  /** Number of the device, from 0. */
  readonly cuda: number
  /** Options of the provider by their names there, such as `gpu_mem_limit` or `enable_cuda_graph`. */
  readonly options?: Readonly<Record<string, string>> | undefined
}

/** Where the session runs. */
export type Provider = "cpu" | Cuda

const INSTALL = "node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=1"
const NEEDS = "It needs a driver from NVIDIA, CUDA and cuDNN 9."

const lacking = (problem: string, advice: string): BackendError.BackendError => unsupported("cuda", problem, advice)

/** Those of a CUDA have its number, or the one before; others have numbers of their own. */
const cudaOf = (library: string, version: string | undefined): string => {
  if (version !== undefined && /cublas|cudart|nvrtc|nvJitLink/i.test(library)) return ` ${version}`
  return version !== undefined && /cufft/i.test(library) ? ` ${Number(version) + 1}` : ""
}

/** What to install for a library that the system's loader did not find. */
const providerOf = (library: string): string => {
  const version = /\.so\.(\d+)/.exec(library)?.[1]
  if (/libcuda\.|nvidia-ml/.test(library)) return "Install the driver from NVIDIA."
  if (/cudnn/.test(library)) return `Install cuDNN ${version ?? 9} and let the loader find it (LD_LIBRARY_PATH).`
  if (/libonnxruntime|onnxruntime_/.test(library)) return `Fetch it: ${INSTALL}`
  return `Install the libraries of CUDA${cudaOf(library, version)} and let the loader find them (LD_LIBRARY_PATH).`
}

type Reading = readonly [said: RegExp, meaning: (found: RegExpExecArray) => BackendError.BackendError]

const readings: ReadonlyArray<Reading> = [
  [
    /([\w.+-]+\.(?:so|dylib)[\w.]*): cannot open shared object file/,
    ([, library = ""]) => lacking(`CUDA does not load: ${library} is missing.`, providerOf(library))
  ],
  [
    /error 126\b.*?([\w.]+\.dll)/s,
    ([, library = ""]) =>
      lacking(
        `CUDA does not load: ${library}, or a library that it needs, is missing.`,
        `${NEEDS} All must be in the PATH.`
      )
  ],
  [
    /CUDA failure 35\b|driver version is insufficient/,
    () =>
      lacking(
        "The driver of the device is older than the CUDA libraries.",
        "Update NVIDIA's driver, or use libraries of an older CUDA."
      )
  ],
  [
    /CUDA failure 100\b|no CUDA-capable device/,
    () => lacking("There is no CUDA device.", "Run it where there is one (nvidia-smi shows it), or on the CPU.")
  ],
  [
    /CUDA failure 101\b|invalid device ordinal/,
    () =>
      lacking(
        "There is no CUDA device of this number.",
        "Give the number of one that nvidia-smi shows; the first is 0."
      )
  ],
  [/CUDA failure 2\b|out of memory/i, ([said]) => Failure.outOfMemory(said)],
  [
    /Unknown provider option: "?([\w.]+)/,
    ([, option]) =>
      invalid(`CUDA has no option ${option}.`, "Look the options up in ONNX Runtime's page on its CUDA provider.")
  ],
  [
    /invalid ELF header|file too short|wrong ELF class|not a valid Win32/,
    ([said]) => lacking(`The library of the CUDA provider is broken (${said}).`, `Fetch it again: ${INSTALL}`)
  ]
]

/** What ONNX Runtime's or the loader's message means; undefined if it is not about CUDA. */
export const explain = (said: string): BackendError.BackendError | undefined => {
  for (const [pattern, meaning] of readings) {
    const found = pattern.exec(said)
    if (found !== null) return meaning(found)
  }
  if (!/cuda|cudnn|cublas|shared library/i.test(said)) return undefined
  return lacking(
    `CUDA cannot be used: ${said.slice(0, 300)}.`,
    `${NEEDS} The provider's library is fetched by: ${INSTALL}`
  )
}

const named: Partial<Record<NodeJS.Platform, (name: string) => string>> = {
  linux: (name) => `libonnxruntime_providers_${name}.so`,
  win32: (name) => `onnxruntime_providers_${name}.dll`
}

/** Libraries of the provider, in the order of their loading. Throws if there are none for the platform, or if one is missing. */
export const libraries = (folder: string, platform: NodeJS.Platform = process.platform): ReadonlyArray<string> => {
  const nameOf = named[platform]
  if (nameOf === undefined)
    throw lacking(`There is no CUDA on ${platform}.`, "Run it on Linux or Windows, or on the CPU.")
  return ["shared", "cuda"].map((name) => {
    const file = nameOf(name)
    if (existsSync(join(folder, file))) return join(folder, file)
    throw lacking(`CUDA needs ${file}, which is not in ${folder}.`, `Fetch it: ${INSTALL} ${NEEDS}`)
  })
}

/** ONNX Runtime tells its log alone why a library did not load; the loader tells it again. */
const loaderSaid = (library: Pick<Library, "require">, files: ReadonlyArray<string>): string => {
  for (const file of files) {
    try {
      library.require(file)
    } catch (cause) {
      return String(cause)
    }
  }
  return ""
}

type Needed = Pick<Library, "folder" | "require" | "made" | "call" | "release">

/** Lets a session's options ask for CUDA. Throws a `BackendError` if it cannot be had: never anything else instead. */
export const append = (library: Needed, options: bigint, { cuda, options: more = {} }: Cuda): void => {
  const files = libraries(library.folder)
  const all = Object.entries({ ...more, device_id: String(cuda) })
  const settings = library.made("CreateCUDAProviderOptions")
  try {
    const [names, values] = [all.map(([name]) => name), all.map(([, value]) => value)]
    library.call("UpdateCUDAProviderOptions", settings, names, values, all.length)
    library.call("SessionOptionsAppendExecutionProvider_CUDA_V2", options, settings)
  } catch (cause) {
    if (!(cause instanceof OrtError)) throw cause
    throw explain(`${loaderSaid(library, files)} ${cause.message}`) ?? Failure.ofLoad(cause)
  } finally {
    library.release("ReleaseCUDAProviderOptions", settings)
  }
}
