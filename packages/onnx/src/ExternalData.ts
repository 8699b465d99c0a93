/**
 * Where an ONNX graph says its weights are. A graph may name any file of the machine, and ONNX Runtime would open it: a
 * model from a stranger must not. Only the protobuf fields on the way to those names are read; weights are skipped.
 */
import * as Effect from "effect/Effect"
import { dirname, isAbsolute } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { MessageFile, type Span } from "./graph/MessageFile.ts"
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

const text = (file: MessageFile, { end, start }: Span) => file.bytes(start, end - start).toString("utf8")

/** Fields that hold bytes: messages, texts, data. */
const BYTES = 2

function* externalData(file: MessageFile, message: Message, start: number, end: number): Generator<Span> {
  const ways: Record<number, Message | "ExternalData"> = messages[message]
  for (const field of file.fields(start, end)) {
    const to = field.wire === BYTES ? ways[field.number] : undefined
    if (to === "ExternalData") yield field
    else if (to !== undefined) yield* externalData(file, to, field.start, field.end)
  }
}

/** The `location` of every tensor that is kept in another file. */
const locations = (path: string): ReadonlyArray<string> => {
  const file = new MessageFile(path)
  try {
    const found = new Set<string>()
    for (const entry of externalData(file, "Model", 0, file.size)) {
      let key = ""
      let value = ""
      for (const field of file.fields(entry.start, entry.end)) {
        if (field.wire === BYTES && field.number === KEY) key = text(file, field)
        if (field.wire === BYTES && field.number === VALUE) value = text(file, field)
      }
      if (key === "location") found.add(value)
    }
    return [...found]
  } finally {
    file.close()
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
  Effect.try({
    try: () => locations(graph),
    catch: () => invalid(`${graph} is not a whole ONNX graph.`, "Fetch or export the file again; it may be cut off.")
  }).pipe(Effect.flatMap((names) => Effect.forEach(names, (name) => checkLocation(graph, name), { discard: true })))
