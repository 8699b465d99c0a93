/**
 * Elements of tensors, and the typed arrays that hold them.
 */
import { type ElementType, types } from "../graph/Model.ts"

export type { ElementType } from "../graph/Model.ts"

/** Half precisions as their bits, booleans as 0 and 1. */
const arrays = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  float16: Uint16Array,
  bfloat16: Uint16Array
} as const satisfies Record<ElementType, unknown>

export type DataOf<T extends ElementType> = InstanceType<(typeof arrays)[T]>
export type Data = DataOf<ElementType>

/** By the number that ONNX has for it, which is its name where we know none. */
export const nameOf = (code: number): string =>
  Object.entries(types).find(([, known]) => known === code)?.[0] ?? `type ${code}`

export const codeOf = (type: ElementType): number => types[type]

export const bytesOf = (type: ElementType): number => arrays[type].BYTES_PER_ELEMENT

export const fits = (type: ElementType, data: ArrayBufferView): boolean => data instanceof arrays[type]

export const make = <T extends ElementType>(type: T, length: number): DataOf<T> => new arrays[type](length) as DataOf<T>

export const elements = (dims: ReadonlyArray<number>): number => dims.reduce((all, size) => all * size, 1)

/** Elements of another type over the same memory, from a byte on. */
export const reinterpret = <T extends ElementType>(type: T, data: Data, offset: number, length: number): DataOf<T> =>
  new arrays[type](data.buffer, data.byteOffset + offset, length) as DataOf<T>
