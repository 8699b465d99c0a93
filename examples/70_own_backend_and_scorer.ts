// A scorer of your own beside the model's, a strategy as a plain function, and a scripted backend to test it without a model.
import { Candidate } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates, Scorers } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { flow } from "effect/Function"

const short = Scorers.verifier((candidate) => 1 / (1 + candidate.tokens.length))
const judge = Scorers.weightedSum([
  { scorer: SelfEvaluator.make(), weight: 1 },
  { scorer: short, weight: 0.5 }
])

/** A strategy is a flow: give it any stream of candidates, nest it, test it, ship it. */
const race = flow(
  Candidates.generate({ maxTokens: 3 }),
  Candidates.score(judge),
  Candidates.prune({ keep: 0.5 }),
  Candidates.generate(),
  Candidates.score(judge)
)

const winner = await Effect.runPromise(
  Candidates.fromPrompt("any prompt", { count: 6 }).pipe(
    Candidates.rounds([2, 4], race),
    Candidates.runBest,
    Effect.provide(ScriptedBackend.layer({ length: (request) => 4 + (request.seed % 5) }))
  )
)
console.log(`candidate ${winner.index} wrote ${Candidate.text(winner)}, score ${winner.score.value.toFixed(3)}`)
