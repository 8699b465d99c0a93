/**
 * A graph that is loaded. `Binding` runs it.
 */
import * as Cuda from "./Cuda.ts"
import * as Failure from "./Failure.ts"
import { Handle } from "./Handle.ts"
import { FATAL, type Library, OrtError, words } from "./Library.ts"
import * as Signature from "./Signature.ts"

/** A graph in a file, or one in memory, whose external weights lie in files of `folder` (the current one by default). */
export type Source = string | { readonly graph: Uint8Array; readonly folder?: string | undefined }

export interface SessionOptions {
  /** Threads within an operator. Default: as many as there are physical cores. */
  readonly threads?: number | undefined
  /**
   * Microseconds for which a thread waits busily for its next operator before it sleeps; 0 is off. Default: ONNX Runtime's
   * own, long ones.
   */
  readonly spinning?: number | undefined
  /** Freed memory is kept for the next run. Default true. */
  readonly arena?: boolean | undefined
  /** How much the graph is rewritten when it is loaded. Default "all". */
  readonly optimization?: keyof typeof levels | undefined
  /** Default "cpu". CUDA that cannot be had is an error. */
  readonly provider?: Cuda.Provider | undefined
  /** Entries of ONNX Runtime's session configuration, such as `session.disable_prepacking`. */
  readonly config?: Readonly<Record<string, string>> | undefined
}

const levels = { none: 0, basic: 1, extended: 2, all: 99 } as const

/** Where the tensors of a session may lie. */
export type Place = "cpu" | "device"

interface Memory {
  readonly info: bigint
  readonly allocator: bigint
}

const spinningOf = (microseconds: number): Readonly<Record<string, string>> => ({
  "session.intra_op.allow_spinning": microseconds > 0 ? "1" : "0",
  "session.intra_op.spin_duration_us": String(microseconds)
})

const configOf = (source: Source, { config, spinning }: SessionOptions): Readonly<Record<string, string>> => ({
  ...(typeof source === "string" || source.folder === undefined
    ? {}
    : { "session.model_external_initializers_file_folder_path": source.folder }),
  ...(spinning === undefined ? {} : spinningOf(spinning)),
  ...config
})

/** Sets all options of a session. */
export const configure = (
  library: Pick<Library, "call">,
  pointer: bigint,
  source: Source,
  options: SessionOptions
): void => {
  const { arena = true, optimization = "all", threads } = options
  library.call("SetSessionLogSeverityLevel", pointer, FATAL)
  library.call("SetSessionGraphOptimizationLevel", pointer, levels[optimization])
  if (threads !== undefined) library.call("SetIntraOpNumThreads", pointer, threads)
  if (!arena) library.call("DisableCpuMemArena", pointer)
  for (const [key, value] of Object.entries(configOf(source, options)))
    library.call("AddSessionConfigEntry", pointer, key, value)
}

const notLoaded = (cause: unknown, provider: Cuda.Provider): unknown =>
  (provider !== "cpu" && cause instanceof OrtError ? Cuda.explain(cause.message) : undefined) ?? Failure.ofLoad(cause)

const allocatorOf = (library: Library, session: bigint, info: bigint): bigint => {
  try {
    return library.made("CreateAllocator", session, info)
  } catch (cause) {
    library.release("ReleaseMemoryInfo", info)
    throw cause
  }
}

/** Owned: `close` it. What is bound to it or allocated by it keeps it until that is closed as well. */
export class Session extends Handle {
  readonly runtime: Library
  readonly inputs: ReadonlyArray<Signature.Signature>
  readonly outputs: ReadonlyArray<Signature.Signature>
  readonly provider: Cuda.Provider
  readonly #memories: Map<Place, Memory>

  private constructor(library: Library, pointer: bigint, provider: Cuda.Provider) {
    const memories = new Map<Place, Memory>()
    super("session", pointer, () => {
      for (const { allocator, info } of memories.values()) {
        library.release("ReleaseAllocator", allocator)
        library.release("ReleaseMemoryInfo", info)
      }
      library.release("ReleaseSession", pointer)
    })
    this.runtime = library
    this.provider = provider
    this.#memories = memories
    this.inputs = Signature.read(library, pointer, "Input")
    this.outputs = Signature.read(library, pointer, "Output")
  }

  /**
   * Loads a graph on another thread. Rejects with a `BackendError`: `InvalidRequest` for a graph that ONNX Runtime does not
   * load, `Unsupported` for CUDA that is not there, with what is missing and how to get it.
   */
  static async open(library: Library, source: Source, options: SessionOptions = {}): Promise<Session> {
    const { provider = "cpu" } = options
    const settings = library.made("CreateSessionOptions")
    const out = words(1)
    try {
      configure(library, settings, source, options)
      if (provider !== "cpu") Cuda.append(library, settings, provider)
      if (typeof source === "string") await library.later("CreateSession", library.env, source, settings, out)
      else {
        const { graph } = source
        await library.later("CreateSessionFromArray", library.env, graph, graph.byteLength, settings, out)
      }
    } catch (cause) {
      throw notLoaded(cause, provider)
    } finally {
      library.release("ReleaseSessionOptions", settings)
    }
    return new Session(library, out[0] ?? 0n, provider)
  }

  /** Memory of the session's provider, or of the CPU beside it. */
  memory(place: Place): Memory {
    const { pointer, provider, runtime: library } = this
    const known = this.#memories.get(place)
    if (known !== undefined) return known
    const [name, device] =
      place === "cpu" || provider === "cpu" ? (["Cpu", 0] as const) : (["Cuda", provider.cuda] as const)
    const info = library.made("CreateMemoryInfo", name, 1, device, 0)
    const memory = { info, allocator: allocatorOf(library, pointer, info) }
    this.#memories.set(place, memory)
    return memory
  }
}
