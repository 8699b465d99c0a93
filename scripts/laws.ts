// npm run laws -- scripted            the eight laws, held against the scripted backend
// npm run laws -- onnx [--json]       and against ONNX Runtime, with each model of the repository
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { OnnxBackend } from "@mulligan/onnx"
import { observed, subjects } from "../packages/onnx/test/subjects.ts"

interface Row extends BackendLaws.Result {
  readonly backend: string
}

const rowsOf = (backend: string, results: ReadonlyArray<BackendLaws.Result>): ReadonlyArray<Row> =>
  results.map(({ detail, law, outcome }) => ({ backend, law, outcome, detail }))

const scripted = Effect.gen(function* () {
  const log = yield* ScriptedBackend.ScriptedLog
  const subject: BackendLaws.Subject = {
    prompt: "a prompt",
    question: "Would you?",
    labels: ["No", "Yes"],
    maxTokens: 8,
    // What the script below says.
    reference: { labels: [{ after: 0, probabilities: [0.25, 0.75] }] },
    openRows: Effect.sync(() => log.openRows)
  }
  return rowsOf("scripted", yield* BackendLaws.run(subject))
}).pipe(Effect.provide(ScriptedBackend.layer({ length: () => 24, probability: () => 0.25 })))

const onnx = Effect.map(
  Effect.forEach(subjects(), ({ model, name, subject }) =>
    Effect.flatMap(observed(subject), BackendLaws.run).pipe(
      Effect.map((results) => rowsOf(`onnx ${name}`, results)),
      Effect.provide(OnnxBackend.layer({ model }))
    )
  ),
  (models) => models.flat()
)

const backends = new Map<string, Effect.Effect<ReadonlyArray<Row>, Error>>([
  ["scripted", scripted],
  ["onnx", onnx]
])

const table = (rows: ReadonlyArray<Row>): string => {
  const columns = ["backend", "law", "outcome"] as const
  const widths = columns.map((column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: Row) => [...columns.map((column, i) => row[column].padEnd(widths[i] ?? 0)), row.detail].join("  ")
  return rows.map(line).join("\n")
}

const options = { json: { type: "boolean", default: false } } as const

const argumentsOf = Effect.try({
  try: () => parseArgs({ options, allowPositionals: true }),
  catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
})

const named = (name: string | undefined) => {
  const known = [...backends.keys()].join(" or ")
  const problem = name === undefined ? "No backend was named" : `There is no backend "${name}"`
  return backends.get(name ?? "") ?? Effect.fail(new Error(`${problem}: npm run laws -- ${known}.`))
}

const main = Effect.gen(function* () {
  const { positionals, values } = yield* argumentsOf
  const rows = yield* named(positionals[0])
  console.log(values.json ? JSON.stringify(rows, null, 2) : table(rows))
  if (rows.some(({ outcome }) => outcome === "failed")) process.exitCode = 1
})

/** People get a sentence; a stack is for mistakes of ours. */
const sentence = (error: Error) =>
  Effect.sync(() => {
    console.error(error.message)
    process.exitCode = 1
  })

await Effect.runPromise(Effect.catch(main, sentence))
