// Early pruning: judge unfinished drafts, drop most of them, and finish only what looks good.
import { Candidate, Prompt, Usage } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"

const pruned = Candidates.fromPrompt(Prompt.user("Make 52 from 2 6 9 16"), { count: 16, seed: 3 }).pipe(
  Candidates.rounds([16], (round) =>
    round.pipe(
      Candidates.generate({ maxTokens: 13 }),
      Candidates.score(SelfEvaluator.make()), // mid-generation
      Candidates.prune({ keep: 0.25 }),
      Candidates.generate(),
      Candidates.score(SelfEvaluator.make())
    )
  ),
  Candidates.runBest
)

const [usage, exit] = await Effect.runPromise(
  Usage.measure(pruned).pipe(Effect.provide(OnnxBackend.layer({ model: "models/pocket" })))
)
console.log(Candidate.text(await Effect.runPromise(exit)))
console.log(
  `${usage.drawnTokens} tokens drawn, ${usage.prunedTokens} of them pruned, ${usage.readTokens} read to judge`
)
