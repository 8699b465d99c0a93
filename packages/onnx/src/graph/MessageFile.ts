/**
 * A protobuf message in a file, read by small windows: a graph with its weights inside may have gigabytes.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs"

const WINDOW = 1 << 18

/** A field of a message in a file, from its tag on. */
export interface Span {
  readonly number: number
  readonly wire: number
  readonly tagAt: number
  readonly start: number
  readonly end: number
}

/** Owned: `close` it. Every method throws where the file is cut off or no protobuf message. */
export class MessageFile {
  readonly #handle: number
  readonly size: number
  #window = Buffer.alloc(0)
  #start = 0
  constructor(path: string) {
    this.#handle = openSync(path, "r")
    this.size = fstatSync(this.#handle).size
  }
  close(): void {
    closeSync(this.#handle)
  }
  bytes(at: number, length: number): Buffer {
    if (at < this.#start || at + length > this.#start + this.#window.length) {
      const window = Buffer.alloc(Math.max(length, Math.min(WINDOW, this.size - at)))
      const count = readSync(this.#handle, window, 0, window.length, at)
      if (count < length) throw new Error("a message is cut off")
      this.#window = window.subarray(0, count)
      this.#start = at
    }
    return this.#window.subarray(at - this.#start, at - this.#start + length)
  }
  varint(at: number): readonly [value: number, next: number] {
    let value = 0
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes(at + i, 1)[0]!
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return [value, at + i + 1]
    }
    throw new Error("a number is too long")
  }
  *fields(start: number, end: number): Generator<Span> {
    for (let at = start; at < end;) {
      const [tag, afterTag] = this.varint(at)
      if (tag >= 2 ** 32) throw new Error("not a tag") // other readers cut it to 32 bits and see another field
      const [number, wire] = [Math.floor(tag / 8), tag % 8]
      const [value, next] = wire === 0 || wire === 2 ? this.varint(afterTag) : [0, afterTag]
      const length = wire === 2 ? value : wire === 1 ? 8 : wire === 5 ? 4 : 0
      if (wire === 3 || wire === 4 || wire > 5 || next + length > end) throw new Error("not a protobuf message")
      yield { number, wire, tagAt: at, start: next, end: next + length }
      at = next + length
    }
  }
}
