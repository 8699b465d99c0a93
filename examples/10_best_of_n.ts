// Best of 16: draw sixteen drafts side by side, let the model judge each by one token, take the best.
import { Candidate, Prompt } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"

const best = Candidates.fromPrompt(Prompt.user("Make 24 from 3 5 7 11"), { count: 16, seed: 7 }).pipe(
  Candidates.rounds([16], (round) => round.pipe(Candidates.generate(), Candidates.score(SelfEvaluator.make()))),
  Candidates.runBest,
  Effect.provide(OnnxBackend.layer({ model: "models/pocket" }))
)

const winner = await Effect.runPromise(best)
console.log(Candidate.text(winner))
console.log(`score ${winner.score.value.toFixed(3)}, mass ${winner.score.mass?.toFixed(3)}`)
