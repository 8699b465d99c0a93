/**
 * A graph without its weights: large ones stay in the file, named by place and length, as external data. So a model of
 * gigabytes is read, changed and handed to ONNX Runtime in a few kilobytes, and its weights are mapped from where they are.
 */
import { realpathSync } from "node:fs"
import { basename, dirname, join, relative, sep } from "node:path"
import { SWITCH } from "./Merged.ts"
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

/** A file, what it is called in its folder, and how other files that it names are called there. */
interface Place {
  readonly file: MessageFile
  readonly own: string
  readonly locate: Locate
  /** Whether weights within the graphs of nodes stay in the file too. */
  readonly isDeep: boolean
}

const raw = ({ file }: Place, { end, tagAt }: Span): Buffer => Buffer.from(file.bytes(tagAt, end - tagAt))
const body = ({ file }: Place, { end, start }: Span): Buffer => Buffer.from(file.bytes(start, end - start))

const isLarge = ({ end, number, start, wire }: Span): boolean => DATA.has(number) && wire === 2 && end - start >= LARGE

/** A tensor, or what is to be left of one that stays in the file. */
const tensor = (place: Place, span: Span, stays: boolean, name?: string): Message => {
  const { file, locate, own } = place
  const out = new Message()
  for (const field of file.fields(span.start, span.end)) {
    if (stays && isLarge(field)) out.raw(external(locate(own), field))
    else if (field.number === 8 && name !== undefined) continue
    else if (field.number === 13) {
      const entry = fields(body(place, field))
      if (textOf(entry, 1) === "location") out.message(13, entryOf("location", locate(textOf(entry, 2))))
      else out.raw(raw(place, field))
    } else out.raw(raw(place, field))
  }
  return name === undefined ? out : out.text(8, name)
}

/** A message whose fields of these numbers are read further, and all others carried along. */
const through = (place: Place, span: Span, by: Record<number, (span: Span) => Message>): Message => {
  const out = new Message()
  for (const field of place.file.fields(span.start, span.end)) {
    const read = by[field.number]
    if (read === undefined) out.raw(raw(place, field))
    else out.message(field.number, read(field))
  }
  return out
}

const attribute = (place: Place, span: Span): Message => {
  const [values, graphs] = [(one: Span) => tensor(place, one, false), (one: Span) => graph(place, one, place.isDeep)]
  return through(place, span, { 5: values, 6: graphs, 10: values, 11: graphs })
}

const node = (place: Place, span: Span): Message => through(place, span, { 5: (one) => attribute(place, one) })

const within = ({ file }: Place, { end, start }: Span, number: number): Span | undefined =>
  [...file.fields(start, end)].find((field) => field.number === number)

/** The tensor of a large constant, which may as well stand among the weights. */
const constantOf = (place: Place, span: Span): Span | undefined => {
  const op = within(place, span, 4)
  const own = op !== undefined && body(place, op).toString() === "Constant" ? within(place, span, 5) : undefined
  const value = own === undefined ? undefined : within(place, own, 5)
  const isFar =
    value !== undefined &&
    [...place.file.fields(value.start, value.end)].some((one) => isLarge(one) || one.number === 13)
  return isFar ? value : undefined
}

const graph = (place: Place, span: Span, stay: boolean): Message => {
  const out = new Message()
  for (const field of place.file.fields(span.start, span.end)) {
    const constant = field.number === 1 && place.isDeep ? constantOf(place, field) : undefined
    if (constant !== undefined)
      out.message(5, tensor(place, constant, stay, body(place, within(place, field, 2)!).toString()))
    else if (field.number === 1) out.message(1, node(place, field))
    else if (field.number === 5) out.message(5, tensor(place, field, stay))
    else out.raw(raw(place, field))
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

const isSwitch = (place: Place, input: Span): boolean => {
  const name = within(place, input, 1)
  return name !== undefined && body(place, name).toString() === SWITCH
}

const hasSwitch = (place: Place, graph: Span): boolean =>
  [...place.file.fields(graph.start, graph.end)].some((field) => field.number === 11 && isSwitch(place, field))

export interface Options {
  /**
   * Of a merged decoder, the large weights and constants of its branches stay in the file too. ONNX Runtime runs that only
   * once they stand outside of the branches: within, it takes no file that has a second name. Default false.
   */
  readonly branches?: boolean | undefined
}

/** Reads the graph at `path` without its large weights. Throws if it is no ONNX model. */
export const read = (path: string, { branches = false }: Options = {}): Skeleton => {
  const file = new MessageFile(path)
  const folder = folderOf(path)
  const locate: Locate = (location) =>
    relative(folder, realpathSync(join(dirname(path), location))).replaceAll(sep, "/")
  const place = { file, own: basename(path), locate, isDeep: false }
  try {
    const graphs = (span: Span) => graph({ ...place, isDeep: branches && hasSwitch(place, span) }, span, true)
    const whole = { number: 0, wire: 2, tagAt: 0, start: 0, end: file.size }
    return { graph: through(place, whole, { 7: graphs }).finish(), folder }
  } finally {
    file.close()
  }
}
