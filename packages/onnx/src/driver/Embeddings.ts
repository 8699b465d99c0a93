/**
 * The table of embeddings stays in its file, and a step reads the rows of its tokens from there. ONNX Runtime maps the file
 * instead, and 64 kB around every row that was ever looked up stay in memory, beside what a tied head has made of all of it.
 */
import { closeSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { readAttribute, type Tensor as Weight, tensorOf, types } from "../graph/Model.ts"
import { type Field, fields, Message, text, textOf } from "../graph/Wire.ts"
import type { Session, Tensor } from "./Session.ts"

/** Bytes. A smaller table is not worth a read for every token. */
const LARGE = 16 * 2 ** 20

const sizes = { float32: 4, float16: 2 } as const

/** Rows of numbers in a file, one for each token. */
export interface Table {
  /** What the graph takes: [rows, new, width]. */
  readonly input: string
  readonly type: "float32" | "float16"
  readonly path: string
  /** Bytes. */
  readonly offset: number
  readonly tokens: number
  readonly width: number
}

export interface Taken {
  readonly graph: Uint8Array
  readonly table: Table | undefined
}

/** Numbers of the fields in onnx.proto. */
const MODEL = { graph: 7 } as const
const GRAPH = { node: 1, tensor: 5, input: 11 } as const
const NODE = { input: 1, output: 2, op: 4, attribute: 5 } as const
const EXTERNAL = 13

/** Where a weight lies that is no part of the graph: `location`, `offset`, `length`. */
const placeOf = ({ raw }: Weight): ReadonlyMap<string, string> => {
  const entries = fields(raw).filter(({ number }) => number === EXTERNAL)
  return new Map(entries.map(({ bytes }) => fields(bytes)).map((entry) => [textOf(entry, 1), textOf(entry, 2)]))
}

const typeOf = ({ type }: Weight): Table["type"] | undefined =>
  type === types.float32 ? "float32" : type === types.float16 ? "float16" : undefined

const tableOf = (weight: Weight | undefined, input: string, folder: string): Table | undefined => {
  if (weight === undefined) return undefined
  const [type, [tokens, width, ...more], place] = [typeOf(weight), weight.dims, placeOf(weight)]
  const location = place.get("location")
  if (type === undefined || width === undefined || more.length > 0 || location === undefined) return undefined
  return { input, type, path: join(folder, location), offset: Number(place.get("offset") ?? 0), tokens: tokens!, width }
}

/** What a node looks the tokens up in, and where it puts what it finds; undefined for any other node. */
const lookupOf = ({ bytes }: Field): readonly [weight: string, found: string] | undefined => {
  const node = fields(bytes)
  if (textOf(node, NODE.op) !== "Gather") return undefined
  const [weight, ids] = node.filter(({ number }) => number === NODE.input).map(({ bytes }) => text(bytes))
  const axes = node.filter(({ number }) => number === NODE.attribute).map(({ bytes }) => readAttribute(bytes))
  return weight !== undefined && ids === "input_ids" && axes.every((axis) => axis === 0)
    ? [weight, textOf(node, NODE.output)]
    : undefined
}

const inputOf = ({ input, type, width }: Table): Message => {
  const size = (name: string) => new Message().text(2, name)
  const shape = new Message().message(1, size("rows")).message(1, size("new")).message(1, new Message().int(1, width))
  return new Message()
    .text(1, input)
    .message(2, new Message().message(1, new Message().int(1, types[type]).message(2, shape)))
}

/** The model with an input in place of a node. */
const replaced = (
  model: ReadonlyArray<Field>,
  graph: ReadonlyArray<Field>,
  node: Field,
  input: Message
): Uint8Array => {
  const [inner, out] = [new Message(), new Message()]
  for (const field of graph) if (field !== node) inner.raw(field.raw)
  for (const field of model) if (field.number !== MODEL.graph) out.raw(field.raw)
  return out.message(MODEL.graph, inner.message(GRAPH.input, input)).finish()
}

/**
 * A graph that looks its tokens up in a large table takes what stands there as an input; any other stays as it is. Read no
 * further than that needs: whatever is made here lies in memory while the weights are loaded.
 */
export const take = (bytes: Uint8Array, folder: string, least = LARGE): Taken => {
  const model = fields(bytes)
  const graph = fields(model.find(({ number }) => number === MODEL.graph)?.bytes ?? new Uint8Array(0))
  const weights = graph.filter(({ number }) => number === GRAPH.tensor)
  for (const node of graph.filter(({ number }) => number === GRAPH.node)) {
    const [name, found] = lookupOf(node) ?? []
    if (name === undefined || found === undefined) continue
    const weight = weights.map(({ bytes }) => tensorOf(bytes)).find((one) => one.name === name)
    const table = tableOf(weight, found, folder)
    if (table === undefined || table.tokens * table.width * sizes[table.type] < least) continue
    return { graph: replaced(model, graph, node, inputOf(table)), table }
  }
  return { graph: bytes, table: undefined }
}

const rowsOf = (file: number, { offset, tokens, type, width }: Table, { data, dims }: Tensor): Tensor => {
  const size = width * sizes[type]
  const rows = new Uint8Array(data.length * size)
  data.forEach((id: number | bigint, i: number) => {
    if (id < 0 || id >= tokens) throw new Error(`the model has no token ${id}`)
    const read = readSync(file, rows, i * size, size, offset + Number(id) * size)
    if (read < size) throw new Error(`the file of the embeddings ends before token ${id}`)
  })
  const numbers = type === "float32" ? new Float32Array(rows.buffer) : new Uint16Array(rows.buffer)
  return { type, data: numbers, dims: [...dims, width] }
}

/** The session of a graph that was taken, fed from the table. Closes its file too. */
export const around = ({ close, inputs, outputs, run }: Session, table: Table): Session => {
  const file = openSync(table.path, "r")
  return {
    inputs: inputs.filter(({ name }) => name !== table.input),
    outputs,
    run: async (feeds) => run({ ...feeds, [table.input]: rowsOf(file, table, feeds["input_ids"]!) }),
    close: () => close().finally(() => closeSync(file))
  }
}
