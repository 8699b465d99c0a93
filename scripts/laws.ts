// npm run laws -- scripted | onnx | huggingface [--json] [--recorded]: checks the nine laws of a backend, and says of each
// how it went. huggingface brings and starts real servers too, unless --recorded.
import * as Effect from "effect/Effect"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { OnnxBackend } from "@mulligan/onnx"
import * as Families from "../packages/onnx/test/families.ts"
import { observed, subjects } from "../packages/onnx/test/subjects.ts"
import * as Huggingface from "./laws/huggingface.ts"
import { type Line, named } from "./laws/Line.ts"

const scripted = Effect.gen(function* () {
  const log = yield* ScriptedBackend.ScriptedLog
  const results = yield* BackendLaws.run({
    prompt: "a prompt",
    others: ["another"],
    question: "Again?",
    labels: ["No", "Yes"],
    // A backend without a model has no reference but what it drew before and what its script says.
    reference: {
      greedy: [1, 8, 3, 8, 1, 8, 1, 8, 4, 9, 3, 1, 3, 0, 3, 1, 7, 4, 0, 4, 5, 5, 5, 6],
      labels: [{ after: 5, probabilities: [0.25, 0.75] }]
    },
    bound: 0,
    openRows: Effect.sync(() => log.openRows),
    drawnTokens: Effect.sync(() => log.drawnTokens)
  })
  return named("scripted", results)
}).pipe(Effect.provide(ScriptedBackend.layer({ length: () => 24, probability: () => 0.25 })))

const checked = (name: string, options: OnnxBackend.Options, subject: Families.Known) =>
  Effect.gen(function* () {
    const { graph } = yield* Effect.flatMap(OnnxBackend.Onnx, (backend) => backend.describe)
    const results = yield* Effect.flatMap(observed(subject), BackendLaws.run)
    return named(`onnx:${name} ${graph}`, results)
  }).pipe(Effect.provide(OnnxBackend.layer(options)))

/** Rewritten and plain; through the C API, with the cache in JavaScript and as it lies on a device. */
const ways: ReadonlyArray<Partial<OnnxBackend.Options>> = [
  {},
  { graph: "plain" },
  { binding: "capi" },
  { cache: "device" }
]
const wayOf = (name: string, { binding, cache }: Partial<OnnxBackend.Options>) =>
  cache === "device" ? `${name} (device cache)` : binding === "capi" ? `${name} (C API)` : name

/** The older models, rewritten and plain; then every family, exporter and precision. */
const onnx = Effect.gen(function* () {
  const lines: Array<Line> = []
  for (const { model, name, subject } of subjects()) {
    for (const options of ways) lines.push(...(yield* checked(wayOf(name, options), { model, ...options }, subject)))
  }
  for (const family of Families.all())
    lines.push(...(yield* checked(family.name, family.options, yield* Families.subject(family))))
  return lines
})

const args = process.argv.slice(2)
const isJson = args.includes("--json")
const huggingface = args.includes("--recorded") ? Huggingface.recorded : Huggingface.all

const backends: Record<string, Effect.Effect<ReadonlyArray<Line>, unknown>> = { scripted, onnx, huggingface }

const usage = `Name a backend: npm run laws -- ${Object.keys(backends).join(" | ")} [--json] [--recorded]`
const [name = "", ...more] = args.filter((arg) => arg !== "--json" && arg !== "--recorded")
const program = more.length === 0 && Object.hasOwn(backends, name) ? backends[name] : undefined
if (program === undefined) {
  console.error(name === "" ? usage : `There is no backend "${[name, ...more].join(" ")}". ${usage}`)
  process.exit(2)
}
const lines = await Effect.runPromise(program)
const failed = lines.filter((line) => line.outcome === "failed").length
if (isJson) console.log(JSON.stringify(lines, null, 2))
else {
  for (const { backend, detail, law, outcome } of lines) {
    console.log(`${outcome.padEnd(11)} ${backend.padEnd(44)} ${law.padEnd(16)} ${detail}`)
  }
  console.log(`checks: ${lines.length - failed} passed, ${failed} failed`)
}
process.exitCode = failed === 0 ? 0 : 1
