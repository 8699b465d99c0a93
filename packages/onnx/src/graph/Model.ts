/**
 * An ONNX model in memory, by the field numbers of onnx.proto: nodes, weights, inputs and outputs as data that can be
 * changed and written again.
 */
import { type Field, fields, integers, Message, text, textOf } from "./Wire.ts"

/** Element types that occur in decoders, by their numbers in TensorProto. */
export const types = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 } as const
export type ElementType = keyof typeof types

export type Attribute = number | string | ReadonlyArray<number> | { readonly float: number } | Uint8Array
export interface Node {
  readonly op: string
  /** Empty: ONNX's own. */
  readonly domain: string
  readonly inputs: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
  /** Whole AttributeProto messages by name. */
  readonly attributes: ReadonlyMap<string, Uint8Array>
}

/** A weight or constant. Its bytes stand in the model, or in another file. */
export interface Tensor {
  readonly name: string
  /** Number of TensorProto.DataType. */
  readonly type: number
  readonly dims: ReadonlyArray<number>
  /** The whole TensorProto. */
  readonly raw: Uint8Array
}

export interface Value {
  readonly name: string
  readonly type: number
  /** A name where the size is open. */
  readonly dims: ReadonlyArray<number | string>
}

export interface Model {
  /** Fields of the model beside its graph. */
  readonly rest: ReadonlyArray<Uint8Array>
  /** Fields of the graph that are not read here. */
  readonly graphRest: ReadonlyArray<Uint8Array>
  /** Versions of operators by domain. */
  readonly opsets: ReadonlyMap<string, number>
  readonly nodes: ReadonlyArray<Node>
  readonly tensors: ReadonlyArray<Tensor>
  readonly inputs: ReadonlyArray<Value>
  readonly outputs: ReadonlyArray<Value>
}

const nodeOf = (bytes: Uint8Array): Node => {
  const all = fields(bytes)
  const texts = (number: number) => all.filter((field) => field.number === number).map((field) => text(field.bytes))
  const attributes = all.filter((field) => field.number === 5).map((field) => field.bytes)
  return {
    op: textOf(all, 4),
    domain: textOf(all, 7) === "ai.onnx" ? "" : textOf(all, 7),
    inputs: texts(1),
    outputs: texts(2),
    attributes: new Map(attributes.map((raw) => [textOf(fields(raw), 1), raw]))
  }
}

export const tensorOf = (raw: Uint8Array): Tensor => {
  const all = fields(raw)
  const type = Number(all.find((field) => field.number === 2)?.value ?? 0)
  return { name: textOf(all, 8), type, dims: integers(all, 1), raw }
}

const dimOf = ({ bytes }: Field): number | string => {
  const all = fields(bytes)
  const size = all.find((field) => field.number === 1)
  return size === undefined ? textOf(all, 2) : Number(size.value)
}

const within = (all: ReadonlyArray<Field>, number: number): ReadonlyArray<Field> =>
  fields(all.find((field) => field.number === number)?.bytes ?? new Uint8Array(0))

const valueOf = (raw: Uint8Array): Value => {
  const all = fields(raw)
  const tensor = within(within(all, 2), 1)
  const dims = within(tensor, 2).filter((field) => field.number === 1)
  return {
    name: textOf(all, 1),
    type: Number(tensor.find((field) => field.number === 1)?.value ?? 0),
    dims: dims.map(dimOf)
  }
}

/** Nodes, name, weights, inputs, outputs; and 13, the shapes in between. */
const read = new Set([1, 2, 5, 11, 12, 13])

/** What a graph is made of, where it is the model's or stands in a node (a branch of If). */
export type Parts = Pick<Model, "graphRest" | "nodes" | "tensors" | "inputs" | "outputs">

/** Reads a GraphProto. Throws if the bytes are none. */
export const partsOf = (bytes: Uint8Array): Parts => {
  const graph = fields(bytes)
  const all = <T>(number: number, of: (bytes: Uint8Array) => T): Array<T> =>
    graph.filter((field) => field.number === number).map((field) => of(field.bytes))
  const tensors = all(5, tensorOf)
  const weights = new Set(tensors.map(({ name }) => name))
  return {
    graphRest: graph.filter((field) => !read.has(field.number)).map((field) => field.raw),
    nodes: all(1, nodeOf),
    tensors,
    inputs: all(11, valueOf).filter(({ name }) => !weights.has(name)),
    outputs: all(12, valueOf)
  }
}

/** What a graph uses that it does not give itself. */
const free = ({ inputs, nodes, outputs, tensors }: Parts): ReadonlyArray<string> => {
  const own = new Set([...inputs, ...tensors].map(({ name }) => name))
  for (const node of nodes) node.outputs.forEach((name) => own.add(name))
  const used = [...nodes.flatMap((node) => [...node.inputs, ...captured(node)]), ...outputs.map(({ name }) => name)]
  return used.filter((name) => !own.has(name))
}

/** What the graphs of a node (branches of If, the body of Loop) use from around it. */
export const captured = ({ attributes }: Node): ReadonlyArray<string> =>
  [...attributes.values()]
    .flatMap((raw) => fields(raw).filter(({ number }) => number === 6 || number === 11))
    .flatMap(({ bytes }) => free(partsOf(bytes)))

/** Reads a model whose large weights stand elsewhere. Throws if the bytes are none. */
export const parse = (bytes: Uint8Array): Model => {
  const model = fields(bytes)
  const opsets = model.filter((field) => field.number === 8).map(({ bytes }) => fields(bytes))
  return {
    rest: model.filter((field) => field.number !== 7).map((field) => field.raw),
    opsets: new Map(opsets.map((set) => [textOf(set, 1).replace("ai.onnx", ""), integers(set, 2)[0] ?? 1])),
    ...partsOf(model.find((field) => field.number === 7)?.bytes ?? new Uint8Array(0))
  }
}

/** A model of nothing, in operators of a version; format 8 is what ONNX Runtime has read since 1.10. */
export const blank = (opset: number): Model => {
  const rest = [
    new Message().int(1, 8).finish(),
    new Message().message(8, new Message().text(1, "").int(2, opset)).finish()
  ]
  return { rest, graphRest: [], opsets: new Map([["", opset]]), nodes: [], tensors: [], inputs: [], outputs: [] }
}

/** An AttributeProto. */
export const attribute = (name: string, value: Attribute): Uint8Array => {
  const out = new Message().text(1, name)
  if (value instanceof Uint8Array) return out.bytes(5, value).int(20, 4).finish()
  if (typeof value === "number") return out.int(3, value).int(20, 2).finish()
  if (typeof value === "string") return out.text(4, value).int(20, 3).finish()
  if ("float" in value) return out.float(2, value.float).int(20, 1).finish()
  value.forEach((item) => out.int(8, item))
  return out.int(20, 7).finish()
}

/** What an attribute says, if it is a number, a text or a list of integers. */
export const readAttribute = (raw: Uint8Array): number | string | ReadonlyArray<number> | undefined => {
  const all = fields(raw)
  const kind = Number(all.find((field) => field.number === 20)?.value ?? 0)
  const float = all.find((field) => field.number === 2)
  if (kind === 1) return float === undefined ? 0 : floatOf(float.bytes)
  if (kind === 2) return Number(all.find((field) => field.number === 3)?.value ?? 0)
  if (kind === 3) return textOf(all, 4)
  return kind === 7 ? integers(all, 8) : undefined
}

const floatOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)

const writeNode = ({ attributes, domain, inputs, op, outputs }: Node): Message => {
  const out = new Message()
  inputs.forEach((name) => out.text(1, name))
  outputs.forEach((name) => out.text(2, name))
  out.text(4, op)
  for (const raw of attributes.values()) out.bytes(5, raw)
  return domain === "" ? out : out.text(7, domain)
}

/** Type 0: what it is, ONNX Runtime finds out. */
const writeValue = ({ dims, name, type }: Value): Message => {
  if (type === 0) return new Message().text(1, name)
  const shape = new Message()
  for (const dim of dims) {
    shape.message(1, typeof dim === "number" ? new Message().int(1, dim) : new Message().text(2, dim))
  }
  const tensor = new Message().int(1, type).message(2, shape)
  return new Message().text(1, name).message(2, new Message().message(1, tensor))
}

/** The model as bytes. What was said of the shapes in between is left out, because it may no longer be so. */
export const write = ({ graphRest, inputs, nodes, outputs, rest, tensors }: Model): Uint8Array => {
  const graph = new Message()
  nodes.forEach((node) => graph.message(1, writeNode(node)))
  graph.text(2, "mulligan")
  graphRest.forEach((raw) => graph.raw(raw))
  tensors.forEach(({ raw }) => graph.bytes(5, raw))
  inputs.forEach((value) => graph.message(11, writeValue(value)))
  outputs.forEach((value) => graph.message(12, writeValue(value)))
  const out = new Message()
  rest.forEach((raw) => out.raw(raw))
  return out.message(7, graph).finish()
}
