// Majority vote, no judge at all: the answer given most often, stopped early by the Beta rule of Adaptive-Consistency.
import { Candidate, Prompt } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { Candidates, Scorers, Stopping } from "@mulligan/strategies"
import * as Effect from "effect/Effect"

const answer = Candidate.text

const vote = Candidates.fromPrompt(Prompt.user("Make 24 from 3 5 7 11"), { count: 16, seed: 2 }).pipe(
  Candidates.generate(),
  Candidates.score(Scorers.meanLogProb),
  Candidates.takeUntil(Stopping.betaPosterior(answer)),
  Candidates.runMajority(answer)
)

const winner = await Effect.runPromise(Effect.provide(vote, OnnxBackend.layer({ model: "models/pocket" })))
console.log(Candidate.text(winner))
