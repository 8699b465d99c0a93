// One strategy, unchanged, on ONNX Runtime in this process or on a server: ENDPOINT_URL decides (examples/support/backend.ts).
import { Candidate, Prompt, Usage } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Annealing, Candidates, Stopping } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { backend } from "./support/backend.ts"

const strategy = Candidates.fromPrompt(Prompt.user("Make 17 from 9 2 11 6"), { count: 16, seed: 7 }).pipe(
  Candidates.anneal(Annealing.exponential({ from: 0, to: 1 })),
  Candidates.rounds([1, 1, 2, 4, 8], (round) =>
    round.pipe(
      Candidates.generate({ maxTokens: 13 }),
      Candidates.score(SelfEvaluator.make()), // in the middle
      Candidates.prune({ keep: 0.5 }),
      Candidates.generate(),
      Candidates.score(SelfEvaluator.make())
    )
  ),
  Candidates.takeUntil(Stopping.threshold(0.92)),
  Candidates.runBest
)

const [usage, exit] = await Effect.runPromise(Effect.provide(Usage.measure(strategy), backend))
const winner = await Effect.runPromise(exit)
console.log(`${Candidate.text(winner)}\nscore ${winner.score.value.toFixed(3)}, mass ${winner.score.mass?.toFixed(3)}`)
console.log(`${usage.samples} drafts, ${usage.drawnTokens} drawn of which ${usage.prunedTokens} pruned`)
console.log(`${usage.promptTokens} tokens read to draw, ${usage.readTokens} to judge, ${usage.calls} calls to draw`)
