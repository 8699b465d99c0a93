/**
 * The wire format of protobuf, as far as ONNX needs it: fields of a message in memory, and messages written back. Fields
 * that nobody looks at are carried along as bytes, so a graph keeps what we do not know of it.
 */

export interface Field {
  readonly number: number
  /** 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. */
  readonly wire: number
  /** Of a varint. */
  readonly value: bigint
  /** Of all others. */
  readonly bytes: Uint8Array
  /** The field with its tag. */
  readonly raw: Uint8Array
}

const empty = new Uint8Array(0)

const varintAt = (bytes: Uint8Array, at: number): readonly [value: bigint, next: number] => {
  let small = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) throw new Error("a message is cut off")
    small |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return [BigInt(small), at + i + 1]
  }
  let value = BigInt(small)
  for (let i = 4; i < 10; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) throw new Error("a message is cut off")
    value |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) return [BigInt.asIntN(64, value), at + i + 1]
  }
  throw new Error("a number is too long")
}

const lengths: Record<number, number | undefined> = { 1: 8, 5: 4 }

/** Every field of a message, in order. Throws where the bytes are no message. */
export const fields = (bytes: Uint8Array): ReadonlyArray<Field> => {
  const out: Array<Field> = []
  for (let at = 0; at < bytes.length;) {
    const [tag, afterTag] = varintAt(bytes, at)
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)]
    const [value, next] = wire === 0 || wire === 2 ? varintAt(bytes, afterTag) : [0n, afterTag]
    const length = wire === 2 ? Number(value) : wire === 0 ? 0 : lengths[wire]
    if (length === undefined || next + length > bytes.length) throw new Error("not a protobuf message")
    const end = next + length
    out.push({ number, wire, value, bytes: bytes.subarray(next, end), raw: bytes.subarray(at, end) })
    at = end
  }
  return out
}

const decoder = new TextDecoder()
export const text = (bytes: Uint8Array): string => decoder.decode(bytes)

/** Numbers of a repeated field, packed or not. */
export const integers = (all: ReadonlyArray<Field>, number: number): Array<number> =>
  all
    .filter((field) => field.number === number)
    .flatMap((field) => (field.wire === 0 ? [Number(field.value)] : packed(field.bytes)))

const packed = (bytes: Uint8Array): Array<number> => {
  const out: Array<number> = []
  for (let at = 0; at < bytes.length;) {
    const [value, next] = varintAt(bytes, at)
    out.push(Number(value))
    at = next
  }
  return out
}

export const textOf = (all: ReadonlyArray<Field>, number: number): string =>
  text(all.find((field) => field.number === number)?.bytes ?? empty)

/** A message being written. Every method gives the message itself. */
export class Message {
  readonly #parts: Array<Uint8Array> = []
  #length = 0

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    this.#length += bytes.length
    return this
  }
  /** An int64, uint64, int32 or enum. */
  int(number: number, value: number | bigint): this {
    return this.#varint(number * 8).#varint(value)
  }
  float(number: number, value: number): this {
    return this.#varint(number * 8 + 5).raw(new Uint8Array(Float32Array.of(value).buffer))
  }
  bytes(number: number, value: Uint8Array): this {
    return this.#varint(number * 8 + 2)
      .#varint(value.length)
      .raw(value)
  }
  text(number: number, value: string): this {
    return this.bytes(number, new TextEncoder().encode(value))
  }
  message(number: number, value: Message): this {
    this.#varint(number * 8 + 2).#varint(value.#length)
    for (const part of value.#parts) this.raw(part)
    return this
  }
  finish(): Uint8Array {
    const out = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }
  #varint(value: number | bigint): this {
    let left = BigInt.asUintN(64, BigInt(value))
    const out: Array<number> = []
    while (left > 0x7fn) {
      out.push(Number(left & 0x7fn) | 0x80)
      left >>= 7n
    }
    return this.raw(Uint8Array.from([...out, Number(left)]))
  }
}
