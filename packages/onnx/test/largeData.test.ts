import { assert, it } from "@effect/vitest"
import { OnnxBackend } from "@mulligan/onnx"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as Effect from "effect/Effect"
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { parse, type Tensor, tensorOf, write } from "../src/graph/Model.ts"
import { fields, Message, textOf } from "../src/graph/Wire.ts"
import { spoiled } from "./spoiled.ts"
import { observed, subjects } from "./subjects.ts"

/** More than a 32-bit offset can say; the file is mostly a hole and takes no room. */
const SHIFT = 5 * 2 ** 30
const EXTERNAL = 13

/** The weight that much later in its file. */
const shifted = (tensor: Tensor): Tensor => {
  const out = new Message()
  const entries = fields(tensor.raw).filter(({ number }) => number === EXTERNAL)
  for (const field of fields(tensor.raw)) if (field.number !== EXTERNAL) out.raw(field.raw)
  const known = new Map(entries.map(({ bytes }) => [textOf(fields(bytes), 1), textOf(fields(bytes), 2)] as const))
  if (known.size > 0) known.set("offset", String(Number(known.get("offset") ?? 0) + SHIFT))
  for (const [key, value] of known) out.message(EXTERNAL, new Message().text(1, key).text(2, value))
  return tensorOf(out.finish())
}

const large = () =>
  spoiled("llama-gqa", (folder) => {
    const [graph, data] = [join(folder, "model.onnx"), join(folder, "model.onnx.data")]
    const model = parse(readFileSync(graph))
    writeFileSync(graph, write({ ...model, tensors: model.tensors.map(shifted) }))
    const bytes = readFileSync(data)
    truncateSync(data, SHIFT + bytes.length)
    const file = openSync(data, "r+")
    writeSync(file, bytes, 0, bytes.length, SHIFT)
    closeSync(file)
  })

it.live.each(["auto", "plain"] as const)("weights beyond the first four gigabytes of a file are found: %s", (graph) =>
  Effect.gen(function* () {
    const { subject } = subjects()[0]!
    for (const law of BackendLaws.laws.filter(({ name }) => name === "greedy" || name === "probability")) {
      const { detail, outcome } = yield* BackendLaws.check(law, yield* observed(subject))
      assert.include(["passed", "bounded"], outcome, detail)
    }
    const { graph: runs } = yield* Effect.flatMap(OnnxBackend.Onnx, (onnx) => onnx.describe)
    assert.strictEqual(runs, graph === "auto" ? "rewritten" : "plain")
  }).pipe(Effect.provide(OnnxBackend.layer({ model: large(), graph })))
)
