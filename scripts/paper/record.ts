/**
 * Draws the drafts that all rules are compared on, once: the file is gone on with if it is there.
 */
import * as Effect from "effect/Effect"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Record, type Task } from "@mulligan/lab"
import { OnnxBackend } from "@mulligan/onnx"
import { Annealing } from "@mulligan/strategies"
import { root } from "../checks/run.ts"
import { folder, LONGEST } from "../pocket/problems.ts"

/** Where drafts are judged on the way: a right answer has 20 to 30 tokens. */
export const CUTS = [4, 8, 12, 16]
export const COUNT = 16
/** What peers' rules judge by: DeepConf's confidence over its 20 likeliest, and self-certainty. */
export const MEASURES = { confidence: 20, certainty: true }
export { LONGEST }

/** Room for the drafts of four problems side by side. */
const CONCURRENCY = 4 * COUNT

export const record = (task: Task.Task, part: "test" | "validation", note: (text: string) => void) => {
  mkdirSync(join(root, "tmp/paper"), { recursive: true })
  let last = 0
  return Record.run({
    file: join(root, `tmp/paper/${part}-${task.problems.length}-measured.jsonl.gz`),
    model: "pocket",
    prompts: task.problems.map(({ prompt }) => prompt),
    seed: Record.seedOf,
    count: COUNT,
    maxTokens: LONGEST,
    ...MEASURES,
    temperature: [1, Annealing.exponential({ from: 0, to: 1 })],
    readings: [{ ...Record.paper, tokens: CUTS, shares: [0.25, 0.5, 0.75, 1] }],
    concurrency: CONCURRENCY,
    onProgress: ({ drafts, ofDrafts }) => {
      const done = Math.floor((10 * drafts) / ofDrafts)
      if (done > last) note(`${part}: ${drafts} of ${ofDrafts} drafts recorded`)
      last = done
    }
  }).pipe(
    Effect.map(({ recording }) => recording),
    Effect.provide(OnnxBackend.layer({ model: folder }))
  )
}
