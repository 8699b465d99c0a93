// A budget: at most 200 drawn tokens and a second of time, for everything inside; what is drawn by then competes.
import { Candidate, Prompt, Usage } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"

const thrifty = Candidates.fromPrompt(Prompt.user("Make 75 from 4 7 12 15"), { seed: 5 }).pipe(
  Candidates.generate(),
  Candidates.score(SelfEvaluator.make()),
  Candidates.withBudget({ drawnTokens: 200, time: "1 second" }),
  Candidates.runBest
)

const [usage, exit] = await Effect.runPromise(
  Usage.measure(thrifty).pipe(Effect.provide(OnnxBackend.layer({ model: "models/pocket" })))
)
const winner = await Effect.runPromise(exit)
console.log(Candidate.text(winner))
console.log(`${usage.samples} drafts begun, ${usage.drawnTokens} tokens drawn, ${usage.cancelledTokens} cancelled`)
