// Adaptive sampling with annealing: greedy first, hotter with every restart, and stop as soon as a draft is good enough.
import { Candidate, Prompt, Usage } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Annealing, Candidates, Stopping } from "@mulligan/strategies"
import * as Effect from "effect/Effect"

const adaptive = (question: string) =>
  Candidates.fromPrompt(Prompt.user(question), { count: 16, seed: 1 }).pipe(
    Candidates.anneal(Annealing.exponential({ from: 0, to: 1 })),
    Candidates.generate(),
    Candidates.score(SelfEvaluator.make()),
    Candidates.takeUntil(Stopping.threshold(0.95)),
    Candidates.runBest
  )

const program = Effect.gen(function* () {
  for (const question of ["Make 20 from 1 2 3 14", "Make 97 from 3 8 13 19"]) {
    const [usage, exit] = yield* Usage.measure(adaptive(question))
    const winner = yield* exit
    console.log(`${question} ${usage.samples} drafts, ${usage.drawnTokens} tokens drawn, ${usage.readTokens} read`)
    console.log(`${Candidate.text(winner)}\n`)
  }
})

await Effect.runPromise(Effect.provide(program, OnnxBackend.layer({ model: "models/pocket" })))
