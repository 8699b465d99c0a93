/**
 * Outputs whose sizes only a run knows: ONNX Runtime makes room for them in memory of the CPU, and they are copied from there.
 */
import type { Binding } from "../capi/Binding.ts"
import { elements, type ElementType, make, nameOf } from "../capi/ElementType.ts"
import * as Failure from "../capi/Failure.ts"
import type { Koffi } from "../capi/Koffi.ts"
import { type Library, OrtError, words } from "../capi/Library.ts"
import type { Data, ElementType as Known, Tensor } from "./Session.ts"

/** Where these stand in `OrtApi`, and what they take; those of everything else are in capi/Api.ts. */
const functions = {
  message: [2, "const char *", ["void *"]],
  shapeOf: [65, "void *", ["void *", "void *"]],
  releaseShape: [99, "void", ["void *"]],
  bindToMemory: [138, "void *", ["void *", "const char *", "void *"]],
  valuesOf: [140, "void *", ["void *", "void *", "void *", "void *"]]
} as const

type Native = (...args: ReadonlyArray<unknown>) => unknown
type Natives = Readonly<Record<keyof typeof functions, Native>>

const nativesOf = (koffi: Koffi, { handle }: Library): Natives => {
  const at = (table: unknown, slot: number, result: string, args: ReadonlyArray<string>): Native =>
    koffi.decode(koffi.decode(table, slot * 8, "void *"), koffi.proto(result, [...args])) as Native
  const base = (handle as ReturnType<Koffi["load"]>).func("OrtGetApiBase", "void *", [])() as unknown
  const table = at(base, 0, "void *", ["uint32_t"])(API)
  const all = Object.entries(functions).map(([name, [slot, result, args]]) => [name, at(table, slot, result, args)])
  return Object.fromEntries(all) as Natives
}

/** The oldest version of the struct that has all of these; they stand in the same places in all later ones. */
const API = 11

const loaded = new WeakMap<Library, Outputs>()

export class Outputs {
  readonly #library: Library
  readonly #koffi: Koffi
  readonly #natives: Natives

  private constructor(library: Library, koffi: Koffi) {
    this.#library = library
    this.#koffi = koffi
    this.#natives = nativesOf(koffi, library)
  }

  static async of(library: Library): Promise<Outputs> {
    const known = loaded.get(library)
    if (known !== undefined) return known
    const made = new Outputs(library, (await import("koffi")).default)
    loaded.set(library, made)
    return made
  }

  /** To be called again before every run: the room that the last one made is only as large as it needed. */
  bind(binding: Binding, name: string): void {
    this.#check(this.#natives.bindToMemory(binding.pointer, name, this.#library.memory))
  }

  /** Some of the outputs of a run, by their places in the order in which they were first bound. */
  read(binding: Binding, places: ReadonlyArray<number>): ReadonlyArray<Tensor> {
    const library = this.#library
    const [out, count] = [words(1), words(1)]
    this.#check(this.#natives.valuesOf(binding.pointer, library.allocator, out, count))
    const all = this.#words(out[0]!, Number(count[0]))
    try {
      return places.map((place) => this.#tensor(all[place]!))
    } finally {
      for (const value of all) library.release("ReleaseValue", value)
      library.call("AllocatorFree", library.allocator, out[0]!)
    }
  }

  #words(pointer: bigint, count: number): ReadonlyArray<bigint> {
    return Array.from(new BigUint64Array(this.#koffi.view(pointer, count * 8)))
  }

  #tensor(value: bigint): Tensor {
    const library = this.#library
    const { dims, type } = this.#shape(value)
    const data = make(type, elements(dims))
    if (data.byteLength > 0) {
      const memory = this.#koffi.view(library.made("GetTensorMutableData", value), data.byteLength)
      new Uint8Array(data.buffer).set(new Uint8Array(memory))
    }
    return { type: type as Known, data: data as Data, dims }
  }

  #shape(value: bigint): { readonly type: ElementType; readonly dims: ReadonlyArray<number> } {
    const library = this.#library
    const out = words(1)
    this.#check(this.#natives.shapeOf(value, out))
    const shape = out[0]!
    try {
      const rank = Number(library.made("GetDimensionsCount", shape))
      const sizes = new BigInt64Array(words(rank).buffer)
      library.call("GetDimensions", shape, sizes, rank)
      const type = nameOf(Number(library.made("GetTensorElementType", shape))) as ElementType
      return { type, dims: Array.from(sizes.subarray(0, rank), Number) }
    } finally {
      this.#natives.releaseShape(shape)
    }
  }

  #check(status: unknown): void {
    if (status === null || status === 0n) return
    const message = String(this.#natives.message(status))
    this.#library.release("ReleaseStatus", status as bigint)
    throw Failure.ofRun(new OrtError(message))
  }
}
