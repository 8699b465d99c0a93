import { assert, describe, it } from "@effect/vitest"
import { Candidate, Prompt, Usage } from "@mulligan/core"
import { Offline, Policy, Record, Replay } from "@mulligan/lab"
import { OnnxBackend } from "@mulligan/onnx"
import { Annealing } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { temporaryFile } from "./harness.ts"

const model = join(import.meta.dirname, "../../../models/pocket")
const prompts = ["Make 24 from 3 5 7 11", "Make 24 from 2 4 6 8", "Make 17 from 9 2 11 6"].map(Prompt.user)
const policy: Policy.Policy = {
  count: 8,
  temperature: Annealing.exponential({ from: 0, to: 1 }),
  rounds: [1, 3, 4],
  cuts: [{ after: 13, keep: 0.5 }],
  maxTokens: 60,
  stop: 0.92
}

const told = (winner: Candidate.Candidate | undefined) => winner && [winner.index, Candidate.text(winner)]

describe("a policy on the pocket model", () => {
  it.live("chooses, samples and draws the same on its recording, by the strategy and by arithmetic", () =>
    Effect.gen(function* () {
      const { count, maxTokens, temperature } = policy
      const readings = [{ ...Record.paper, tokens: [13] }]
      const plan = { model: "pocket", prompts, count, maxTokens, temperature, readings }
      const { recording } = yield* Record.run({ file: yield* temporaryFile, ...plan })
      const decided = yield* Offline.decide(Offline.make(recording), policy)
      for (const [i, prompt] of prompts.entries()) {
        const [usage, real] = yield* Usage.measure(Policy.run(policy, prompt))
        const [again, replay] = yield* Usage.measure(
          Policy.run(policy, prompt).pipe(Effect.provide(Replay.layer(recording)))
        )
        const winner = told(yield* real)
        assert.deepStrictEqual(told(yield* replay), winner)
        assert.deepStrictEqual(told(decided.chosen[i]), winner)
        assert.deepStrictEqual([again.samples, decided.samples[i]], [usage.samples, usage.samples])
        assert.strictEqual(decided.drawnTokens[i], again.drawnTokens)
        assert.isAtMost(usage.drawnTokens, again.drawnTokens)
      }
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )
})
