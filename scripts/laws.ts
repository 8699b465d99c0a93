// npm run laws -- scripted | onnx [--json]: checks the eight laws of a backend, and says of each how it went.
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { OnnxBackend } from "@mulligan/onnx"
import { observed, subjects } from "../packages/onnx/test/subjects.ts"

interface Line extends BackendLaws.Result {
  readonly backend: string
}

const scripted = Effect.gen(function* () {
  const log = yield* ScriptedBackend.ScriptedLog
  const openRows = Effect.sync(() => log.openRows)
  const results = yield* BackendLaws.run({
    prompt: "a prompt",
    question: "Again?",
    labels: ["No", "Yes"],
    maxTokens: 8,
    openRows
  })
  return results.map((result): Line => ({ backend: "scripted", ...result }))
}).pipe(Effect.provide(ScriptedBackend.layer()))

const onnx = Effect.forEach(subjects(), ({ model, name, subject }) =>
  Effect.flatMap(observed(subject), BackendLaws.run).pipe(
    Effect.map((results) => results.map((result): Line => ({ backend: `onnx:${name}`, ...result }))),
    Effect.provide(OnnxBackend.layer({ model }))
  )
).pipe(Effect.map((lines) => lines.flat()))

const backends: Record<string, Effect.Effect<ReadonlyArray<Line>, unknown>> = { scripted, onnx }

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false } }
})
const program = backends[positionals[0] ?? ""]
if (program === undefined) {
  console.error(`Name a backend: npm run laws -- ${Object.keys(backends).join(" | ")} [--json]`)
  process.exit(2)
}
const lines = await Effect.runPromise(program)
const failed = lines.filter((line) => line.outcome === "failed").length
if (values.json) console.log(JSON.stringify(lines, null, 2))
else {
  for (const { backend, detail, law, outcome } of lines) {
    console.log(`${outcome.padEnd(11)} ${backend.padEnd(16)} ${law.padEnd(16)} ${detail}`)
  }
  console.log(`checks: ${lines.length - failed} passed, ${failed} failed`)
}
process.exit(failed === 0 ? 0 : 1)
