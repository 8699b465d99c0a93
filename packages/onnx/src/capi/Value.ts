/**
 * Tensors: over JavaScript's memory, without a copy, or in memory of ONNX Runtime's.
 */
import { invalid } from "../internal/errors.ts"
import {
  bytesOf,
  codeOf,
  type Data,
  type DataOf,
  elements,
  type ElementType,
  fits,
  reinterpret
} from "./ElementType.ts"
import * as Failure from "./Failure.ts"
import { Handle } from "./Handle.ts"
import { type Library, words } from "./Library.ts"
import type { Place, Session } from "./Session.ts"

export type Dims = ReadonlyArray<number>

const shapeOf = (dims: Dims): BigInt64Array => {
  const shape = new BigInt64Array(words(dims.length).buffer)
  dims.forEach((size, i) => (shape[i] = BigInt(size)))
  return shape
}

const checkDims = (dims: Dims): void => {
  if (dims.every((size) => Number.isSafeInteger(size) && size >= 0)) return
  throw invalid(`A tensor cannot have the sizes [${dims.join(", ")}].`, "Give whole numbers, 0 or more.")
}

/** As far as alignment goes. */
const positionOf = (at: bigint | Data): number => (typeof at === "bigint" ? Number(at % 8n) : at.byteOffset)

interface Memory {
  readonly at: bigint | Data
  /** ONNX Runtime's description of where it lies. */
  readonly info: bigint
  /** What has to stay as long as it is used. */
  readonly owner: Handle | undefined
}

/** Owned: `close` it. A binding that holds it keeps it, and JavaScript's memory behind it, until it is closed as well. */
export class Value<T extends ElementType = ElementType> extends Handle {
  readonly runtime: Library
  readonly type: T
  readonly dims: Dims
  /** JavaScript's memory behind it; undefined for memory of ONNX Runtime's. */
  readonly data: DataOf<T> | undefined
  readonly #memory: Memory

  private constructor(library: Library, type: T, dims: Dims, pointer: bigint, memory: Memory) {
    super("value", pointer, () => {
      library.release("ReleaseValue", pointer)
      memory.owner?.letGo()
    })
    this.runtime = library
    this.type = type
    this.dims = dims
    this.data = typeof memory.at === "bigint" ? undefined : (memory.at as DataOf<T>)
    this.#memory = memory
  }

  /**
   * The first elements of an array, read and written in place; it may be larger than the shape needs. Nothing else keeps
   * ONNX Runtime from writing to it during a run. Throws `InvalidRequest` for an array of another type, or a smaller one.
   */
  static over<T extends ElementType>(library: Library, type: T, data: DataOf<T>, dims: Dims = [data.length]): Value<T> {
    if (!fits(type, data))
      throw invalid(`A ${type} tensor cannot lie in this array.`, "Give the typed array of its elements.")
    return Value.#at(library, type, dims, data.length, { at: data as Data, info: library.memory, owner: undefined })
  }

  /**
   * Memory that ONNX Runtime allocates on the session's device, or on the CPU; its content is undefined. Throws `OutOfMemory`
   * if there is not enough.
   */
  static allocate<T extends ElementType>(session: Session, type: T, dims: Dims, place: Place = "device"): Value<T> {
    checkDims(dims)
    const library = session.runtime
    return Failure.rethrown(Failure.ofAllocation, () => {
      const { allocator, info } = session.memory(place)
      const pointer = library.made("CreateTensorAsOrtValue", allocator, shapeOf(dims), dims.length, codeOf(type))
      const at = library.made("GetTensorMutableData", pointer)
      session.hold()
      return new Value(library, type, dims, pointer, { at, info, owner: session })
    })
  }

  /** Another shape over the same memory, from an element on. Keeps it; `close` it too. */
  view(dims: Dims, offset = 0): Value<T> {
    return this.as(this.type, dims, offset)
  }

  /** Another type and shape over the same memory, from an element of this type on. */
  as<U extends ElementType>(type: U, dims: Dims, offset = 0): Value<U> {
    checkDims([offset])
    const { at, info } = this.#memory
    const before = offset * bytesOf(this.type)
    const length = Math.floor((this.byteLength - before) / bytesOf(type))
    if (length < 0 || (positionOf(at) + before) % bytesOf(type) !== 0)
      throw invalid(`No ${type} begins at element ${offset} of this tensor.`, "Begin within it, at a whole element.")
    const start = typeof at === "bigint" ? at + BigInt(before) : reinterpret(type, at, before, length)
    this.hold()
    try {
      return Value.#at(this.runtime, type, dims, length, { at: start, info, owner: this })
    } catch (cause) {
      this.letGo()
      throw cause
    }
  }

  /** Bytes of its elements. */
  get byteLength(): number {
    return elements(this.dims) * bytesOf(this.type)
  }

  /** Whether JavaScript's memory behind it was taken away, by a transfer to another thread or by a resize. */
  get isDetached(): boolean {
    return this.data !== undefined && this.data.byteLength < this.byteLength
  }

  static #at<T extends ElementType>(library: Library, type: T, dims: Dims, length: number, memory: Memory): Value<T> {
    checkDims(dims)
    const needed = elements(dims)
    if (needed > length)
      throw invalid(
        `A ${type} tensor of [${dims.join(", ")}] needs ${needed} elements, and there are ${length}.`,
        "Give more memory, or smaller sizes."
      )
    const [bytes, shape] = [needed * bytesOf(type), shapeOf(dims)]
    const at = [
      "CreateTensorWithDataAsOrtValue",
      memory.info,
      memory.at,
      bytes,
      shape,
      dims.length,
      codeOf(type)
    ] as const
    const pointer = Failure.rethrown(Failure.ofAllocation, () => library.made(...at))
    return new Value(library, type, dims, pointer, memory)
  }
}
