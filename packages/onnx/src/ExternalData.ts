/**
 * Where an ONNX graph says its weights are. A graph may name any file of the machine, and ONNX Runtime would open it: a
 * model from a stranger must not. Only the protobuf fields on the way to those names are read; weights are skipped.
 */
import * as Effect from "effect/Effect"
import { type FileHandle, open } from "node:fs/promises"
import { dirname, isAbsolute } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid } from "./internal/errors.ts"
import { fileOf } from "./internal/folder.ts"

/** Every way from a model to its tensors, by the field numbers of onnx.proto: a weight may hide in a node's own graph. */
const messages = {
  Model: { 7: "Graph", 20: "Training", 25: "Function" },
  Training: { 1: "Graph", 2: "Graph" },
  Function: { 7: "Node", 11: "Attribute" },
  Graph: { 1: "Node", 5: "Tensor", 15: "SparseTensor" },
  Node: { 5: "Attribute" },
  Attribute: { 5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor" },
  SparseTensor: { 1: "Tensor", 2: "Tensor" },
  Tensor: { 13: "ExternalData" }
} as const satisfies Record<string, Record<number, string>>
type Message = keyof typeof messages
const KEY = 1
const VALUE = 2

/** A file read by small windows, because a graph with its weights inside may have gigabytes. */
class Reader {
  readonly file: FileHandle
  #window = Buffer.alloc(0)
  #start = 0
  constructor(file: FileHandle) {
    this.file = file
  }
  async bytes(at: number, length: number): Promise<Buffer> {
    if (at < this.#start || at + length > this.#start + this.#window.length) {
      const window = Buffer.alloc(Math.max(length, 1 << 16))
      const { bytesRead } = await this.file.read(window, 0, window.length, at)
      this.#window = window.subarray(0, bytesRead)
      this.#start = at
    }
    return this.#window.subarray(at - this.#start, at - this.#start + length)
  }
  async varint(at: number): Promise<readonly [value: number, next: number]> {
    let value = 0
    for (let i = 0; i < 10; i++) {
      const byte = (await this.bytes(at + i, 1))[0]
      if (byte === undefined) throw new Error("truncated")
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return [value, at + i + 1]
    }
    throw new Error("no varint")
  }
}

interface Field {
  readonly number: number
  readonly start: number
  readonly end: number
}

async function* fields(reader: Reader, start: number, end: number): AsyncGenerator<Field> {
  let at = start
  while (at < end) {
    const [tag, afterTag] = await reader.varint(at)
    const wire = tag % 8
    if (tag >= 2 ** 32) throw new Error("not a tag") // other readers cut it to 32 bits and see another field
    const [value, next] = wire === 0 || wire === 2 ? await reader.varint(afterTag) : [0, afterTag]
    const length = wire === 2 ? value : wire === 1 ? 8 : wire === 5 ? 4 : 0
    if (wire === 3 || wire === 4 || wire > 5 || next + length > end) throw new Error("not a protobuf message")
    if (wire === 2) yield { number: Math.floor(tag / 8), start: next, end: next + length }
    at = next + length
  }
}

const text = async (reader: Reader, field: Field) =>
  (await reader.bytes(field.start, field.end - field.start)).toString("utf8")

async function* externalData(reader: Reader, message: Message, start: number, end: number): AsyncGenerator<Field> {
  const ways: Record<number, Message | "ExternalData"> = messages[message]
  for await (const field of fields(reader, start, end)) {
    const to = ways[field.number]
    if (to === "ExternalData") yield field
    else if (to !== undefined) yield* externalData(reader, to, field.start, field.end)
  }
}

/** The `location` of every tensor that is kept in another file. */
const locations = async (path: string): Promise<ReadonlyArray<string>> => {
  const file = await open(path)
  try {
    const reader = new Reader(file)
    const found = new Set<string>()
    for await (const entry of externalData(reader, "Model", 0, (await file.stat()).size)) {
      let key = ""
      let value = ""
      for await (const field of fields(reader, entry.start, entry.end)) {
        if (field.number === KEY) key = await text(reader, field)
        if (field.number === VALUE) value = await text(reader, field)
      }
      if (key === "location") found.add(value)
    }
    return [...found]
  } finally {
    await file.close()
  }
}

const leaves = (location: string): boolean =>
  isAbsolute(location) || /^[a-z]:/i.test(location) || location.split(/[\\/]/).includes("..")

const checkLocation = (graph: string, location: string): Effect.Effect<void, BackendError.BackendError> => {
  if (leaves(location))
    return invalid(
      `${graph} asks for weights outside its folder (${location}).`,
      "Do not use this model, or export it again."
    )
  return Effect.flatMap(fileOf(dirname(graph), location), (path) =>
    path === undefined
      ? invalid(`${graph} keeps weights in ${location}, which is not beside it.`, "Fetch that external data too.")
      : Effect.void
  )
}

/** Fails if the file is no ONNX graph, or if it asks for weights that are not in its own folder. */
export const check = (graph: string): Effect.Effect<void, BackendError.BackendError> =>
  Effect.tryPromise({
    try: () => locations(graph),
    catch: () => invalid(`${graph} is not a whole ONNX graph.`, "Fetch or export the file again; it may be cut off.")
  }).pipe(Effect.flatMap((names) => Effect.forEach(names, (name) => checkLocation(graph, name), { discard: true })))
