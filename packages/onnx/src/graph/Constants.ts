/**
 * Small tensors as numbers, and numbers as tensors.
 */
import { fromHalf } from "../internal/half.ts"
import { type Node, type Tensor, tensorOf, types } from "./Model.ts"
import { type Field, fields, integers, Message } from "./Wire.ts"

const elements = (type: number, bytes: Uint8Array): Array<number> | undefined => {
  const data = bytes.slice().buffer
  if (type === types.float32) return Array.from(new Float32Array(data))
  if (type === types.int64) return Array.from(new BigInt64Array(data), Number)
  if (type === types.int32) return Array.from(new Int32Array(data))
  if (type === types.float16) return Array.from(new Uint16Array(data), fromHalf)
  return type === types.bool || type === types.uint8 ? Array.from(bytes) : undefined
}

/** Elements of a tensor whose data stands in the model itself; undefined for the others. */
export const read = ({ raw, type }: Tensor): Array<number> | undefined => {
  const all = fields(raw)
  if (all.some(({ number, value }) => number === 14 && value === 1n)) return undefined
  const data = all.find((field) => field.number === 9)
  if (data !== undefined) return elements(type, data.bytes)
  if (type === types.float32) return floats(all)
  const bits = integers(all, type === types.int64 ? 7 : 5)
  return type === types.float16 ? bits.map(fromHalf) : bits
}

const floats = (all: ReadonlyArray<Field>): Array<number> =>
  all.filter(({ number }) => number === 4).flatMap(({ bytes }) => elements(types.float32, bytes) ?? [])

/** What a Constant node holds. */
export const ofNode = ({ attributes }: Node): Array<number> | undefined => {
  const value = attributes.get("value")
  if (value !== undefined) {
    const tensor = fields(value).find(({ number }) => number === 5)
    return tensor === undefined ? undefined : read(tensorOf(tensor.bytes))
  }
  const list = attributes.get("value_ints")
  if (list !== undefined) return integers(fields(list), 8)
  const int = attributes.get("value_int")
  if (int !== undefined) return [Number(fields(int).find(({ number }) => number === 3)?.value ?? 0)]
  const float = attributes.get("value_float")
  const bytes = float === undefined ? undefined : fields(float).find(({ number }) => number === 2)?.bytes
  return bytes === undefined ? undefined : elements(types.float32, bytes)
}

/** A tensor; without `dims` a vector. */
export const tensor = (
  name: string,
  type: "float32" | "int64",
  values: ArrayLike<number>,
  dims: ReadonlyArray<number> = [values.length]
): Tensor => {
  const data = type === "int64" ? BigInt64Array.from(Array.from(values), BigInt) : Float32Array.from(values)
  const out = new Message()
  dims.forEach((dim) => out.int(1, dim))
  out.int(2, types[type]).text(8, name).bytes(9, new Uint8Array(data.buffer))
  return tensorOf(out.finish())
}
