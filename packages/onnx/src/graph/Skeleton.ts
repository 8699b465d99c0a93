/**
 * A graph without its weights: large ones stay in the file, named by place and length, as external data. So a model of
 * gigabytes is read, changed and handed to ONNX Runtime in a few kilobytes, and its weights are mapped from where they are.
 */
import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs"
import { basename, dirname, join, relative, sep } from "node:path"
import { fields, Message, textOf } from "./Wire.ts"

/** Smaller weights stay in the graph: shapes are computed from them when it is loaded. */
const LARGE = 1024
const WINDOW = 1 << 18

interface Span {
  readonly number: number
  readonly wire: number
  readonly tagAt: number
  readonly start: number
  readonly end: number
}

class File {
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
      const [number, wire] = [Math.floor(tag / 8), tag % 8]
      const [value, next] = wire === 0 || wire === 2 ? this.varint(afterTag) : [0, afterTag]
      const length = wire === 2 ? value : wire === 1 ? 8 : wire === 5 ? 4 : 0
      if (wire === 3 || wire === 4 || wire > 5 || next + length > end) throw new Error("not a protobuf message")
      yield { number, wire, tagAt: at, start: next, end: next + length }
      at = next + length
    }
  }
}

/** Fields of TensorProto that hold the elements as they lie in memory: floats, doubles, bytes. */
const DATA = new Set([4, 9, 10])

/** Where a file that is named in the graph really is, from the folder that ONNX Runtime is told. */
type Locate = (location: string) => string

const entryOf = (key: string, value: string): Message => new Message().text(1, key).text(2, value)

const external = (location: string, { end, start }: Span): Uint8Array =>
  new Message()
    .message(13, entryOf("location", location))
    .message(13, entryOf("offset", String(start)))
    .message(13, entryOf("length", String(end - start)))
    .int(14, 1)
    .finish()

const tensor = (file: File, own: string, locate: Locate, span: Span): Message => {
  const out = new Message()
  for (const field of file.fields(span.start, span.end)) {
    const raw = () => Buffer.from(file.bytes(field.tagAt, field.end - field.tagAt))
    if (DATA.has(field.number) && field.wire === 2 && field.end - field.start >= LARGE) {
      out.raw(external(locate(own), field))
    } else if (field.number === 13) {
      const entry = fields(Buffer.from(file.bytes(field.start, field.end - field.start)))
      if (textOf(entry, 1) === "location") out.message(13, entryOf("location", locate(textOf(entry, 2))))
      else out.raw(raw())
    } else out.raw(raw())
  }
  return out
}

const graph = (file: File, own: string, locate: Locate, span: Span): Message => {
  const out = new Message()
  for (const field of file.fields(span.start, span.end)) {
    if (field.number === 5) out.message(5, tensor(file, own, locate, field))
    else out.raw(Buffer.from(file.bytes(field.tagAt, field.end - field.tagAt)))
  }
  return out
}

export interface Skeleton {
  readonly graph: Uint8Array
  /** What the places of the weights are relative to. ONNX Runtime takes none outside of it. */
  readonly folder: string
}

/** Of a link into a store of files (the cache of Hugging Face keeps them beside each other), the folder of the store. */
const folderOf = (path: string): string => dirname(realpathSync(path))

/** Reads the graph at `path` without its large weights. Throws if it is no ONNX model. */
export const read = (path: string): Skeleton => {
  const file = new File(path)
  const folder = folderOf(path)
  const locate: Locate = (location) =>
    relative(folder, realpathSync(join(dirname(path), location))).replaceAll(sep, "/")
  try {
    const out = new Message()
    for (const field of file.fields(0, file.size)) {
      if (field.number === 7) out.message(7, graph(file, basename(path), locate, field))
      else out.raw(Buffer.from(file.bytes(field.tagAt, field.end - field.tagAt)))
    }
    return { graph: out.finish(), folder }
  } finally {
    file.close()
  }
}
