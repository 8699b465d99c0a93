// Draw once, then ask what would have been: whether the scores can be trusted, what a strategy would cost, which is cheapest.
import { Evaluate, Pocket, Record, Spaces, Tune } from "@mulligan/lab"
import { OnnxBackend } from "@mulligan/onnx"
import { Annealing } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const file = join(mkdtempSync(join(tmpdir(), "mulligan-")), "drafts.jsonl.gz")
const problems = fileURLToPath(import.meta.resolve("@mulligan/pocket/problems.json"))

const program = Effect.gen(function* () {
  const all = yield* Pocket.countdown({ file: problems, sizes: [4] })
  const task = { ...all, problems: all.problems.slice(0, 40) }
  const { recording } = yield* Record.run({
    file,
    model: "pocket",
    prompts: task.problems.map(({ prompt }) => prompt),
    count: 8,
    maxTokens: 60,
    temperature: [1, Annealing.exponential({ from: 0, to: 1 })],
    concurrency: 32
  })
  const policies = { "stops at 0.9": { count: 8, maxTokens: 60, stop: 0.9 } }
  const { rows, signal } = yield* Evaluate.evaluate(recording, { task, policies })
  console.log(signal.diagnosis.advice)
  for (const { accuracy, drawnTokens, name } of rows)
    console.log(`${(100 * accuracy.value).toFixed(0)}% for ${drawnTokens.value.toFixed(0)} tokens: ${name}`)
  const settings = Spaces.all({ count: 8, annealed: true, maxTokens: 60 })["adaptive sampling (ours)"] ?? []
  const { code } = yield* Tune.tune(recording, { task, settings, goal: { share: 0.9 } })
  console.log(`\n${code}`)
})

await Effect.runPromise(Effect.provide(program, OnnxBackend.layer({ model: "models/pocket" })))
