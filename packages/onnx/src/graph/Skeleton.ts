/**
 * A graph without its weights: large ones stay in the file, named by place and length, as external data. So a model of
 * gigabytes is read, changed and handed to ONNX Runtime in a few kilobytes, and its weights are mapped from where they are.
 */
import { realpathSync } from "node:fs"
import { basename, dirname, join, relative, sep } from "node:path"
import { MessageFile, type Span } from "./MessageFile.ts"
import { fields, Message, textOf } from "./Wire.ts"

/** Smaller weights stay in the graph: shapes are computed from them when it is loaded. */
const LARGE = 1024

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

const tensor = (file: MessageFile, own: string, locate: Locate, span: Span): Message => {
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

const graph = (file: MessageFile, own: string, locate: Locate, span: Span): Message => {
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
  const file = new MessageFile(path)
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
