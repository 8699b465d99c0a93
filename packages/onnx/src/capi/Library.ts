/**
 * ONNX Runtime's C functions. They know nothing of lifetimes: `Session`, `Value` and `Binding` are what others use.
 */
import { join } from "node:path"
import * as Api from "./Api.ts"
import { checkVersion, find, type Place } from "./Installed.ts"
import * as Koffi from "./Koffi.ts"

/** What ONNX Runtime said of a call that failed. */
export class OrtError extends Error {
  override readonly name = "OrtError"
}

interface Native {
  (...args: ReadonlyArray<unknown>): unknown
  readonly async: (...args: ReadonlyArray<unknown>) => void
}

const WORD = 8
/** Only fatal messages go to the standard error; all others come back with the status. */
export const FATAL = 4

/** Memory for C to write to. Like all arrays that are handed to it, V8 no longer moves it once koffi has asked where it lies. */
export const words = (count: number): BigUint64Array => new BigUint64Array(Math.max(1, count))

/** How koffi names what a function takes. */
const taken: Record<Api.Argument, string> = {
  int: "int",
  size: "size_t",
  text: "const char *",
  texts: "const char **",
  path: process.platform === "win32" ? "str16" : "const char *",
  pointer: "void *"
}

export class Library {
  /** Of ONNX Runtime, such as "1.30.0". */
  readonly version: string
  readonly folder: string
  /** Koffi unloads the code under everybody's feet once this is collected. */
  readonly handle: unknown
  readonly env: bigint
  /** Of memory that the CPU reads. */
  readonly memory: bigint
  /** Of strings that ONNX Runtime hands out. */
  readonly allocator: bigint
  readonly #koffi: Koffi.Koffi
  readonly #table: bigint
  readonly #natives = new Map<string, Native>()
  readonly #out = words(1)

  private constructor(koffi: Koffi.Koffi, { file, folder }: Place) {
    this.#koffi = koffi
    this.folder = folder
    const handle = koffi.load(join(folder, file))
    this.handle = handle
    const base: bigint = handle.func("OrtGetApiBase", "void *", [])()
    this.version = String(this.#native(base, 1, "const char *", [])())
    checkVersion(this.version)
    this.#table = this.#native(base, 0, "void *", ["uint32_t"])(Api.apiVersion) as bigint
    this.env = this.made("CreateEnv", FATAL, "mulligan")
    this.allocator = this.made("GetAllocatorWithDefaultOptions")
    this.memory = this.made("CreateMemoryInfo", "Cpu", 1, 0, 0)
  }

  /**
   * The library; the same one for every call in a thread, and never unloaded. Rejects with a `BackendError`: `Unsupported`
   * if koffi is not there, or if onnxruntime-node is of another version than 1.30 or has nothing for this platform.
   */
  static load(): Promise<Library> {
    loaded ??= Koffi.load(() => import("koffi")).then((koffi) => new Library(koffi, find()))
    return loaded
  }

  /** Throws `OrtError`. */
  call<N extends Api.Name>(name: N, ...args: Api.Arguments<N>): void {
    this.#check(this.#function(name)(...args))
  }

  /** What the function gives by its last argument, of at most a word. Throws `OrtError`. */
  made<N extends Api.Name>(name: N, ...args: Api.Asked<N>): bigint {
    this.#out[0] = 0n
    this.#check(this.#function(name)(...args, this.#out))
    return this.#out[0]
  }

  /** On another thread; what is pointed at must stay until it settles. Rejects with `OrtError`. */
  later<N extends Api.Name>(name: N, ...args: Api.Arguments<N>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#function(name).async(...args, (failure: unknown, status: unknown) => {
        if (failure) return reject(failure)
        try {
          resolve(this.#check(status))
        } catch (cause) {
          reject(cause)
        }
      })
    })
  }

  release(name: Api.Release, pointer: bigint): void {
    this.#plain(name, "void", ["void *"])(pointer)
  }

  /** Loads another library. Throws what the system's loader says. */
  require(file: string): void {
    this.#koffi.load(file)
  }

  /** So many words at an address, copied. */
  words(pointer: bigint, count: number): ReadonlyArray<bigint> {
    return Array.from(new BigUint64Array(this.#koffi.view(pointer, count * WORD)))
  }

  /** Copies the bytes at an address. */
  copy(target: Uint8Array, pointer: bigint): void {
    if (target.byteLength > 0) target.set(new Uint8Array(this.#koffi.view(pointer, target.byteLength)))
  }

  /** The text at an address. */
  text(pointer: bigint): string {
    return this.#koffi.decode.string(pointer)
  }

  #check(status: unknown): void {
    if (status === null || status === 0n) return
    const message = this.#plain("GetErrorMessage", "const char *", ["void *"])(status)
    this.release("ReleaseStatus", status as bigint)
    throw new OrtError(String(message))
  }

  #function(name: Api.Name): Native {
    const [, ...args] = Api.functions[name]
    return this.#plain(name, "void *", args)
  }

  #plain(name: keyof typeof Api.slots, result: string, args: ReadonlyArray<string>): Native {
    const known = this.#natives.get(name)
    if (known !== undefined) return known
    const made = this.#native(this.#table, Api.slots[name], result, args)
    this.#natives.set(name, made)
    return made
  }

  #native(table: bigint, slot: number, result: string, args: ReadonlyArray<string>): Native {
    const types = args.map((arg) => taken[arg as Api.Argument] ?? arg)
    return this.#koffi.decode(
      this.#koffi.decode(table, slot * WORD, "void *"),
      this.#koffi.proto(result, types)
    ) as Native
  }
}

let loaded: Promise<Library> | undefined
