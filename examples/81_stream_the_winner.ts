// Eight drafts are begun at once, the best is chosen after a third of their length, and its rest is shown as it is drawn. The
// others cost no token more: what a server drew and nobody took is counted too.
import { Prompt, Usage } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { backend } from "./support/backend.ts"

const live = Candidates.fromPrompt(Prompt.user("Make 36 from 2 3 8 10"), { count: 8, seed: 4 }).pipe(
  Candidates.rounds([8], (round) =>
    round.pipe(
      Candidates.generate({ maxTokens: 10 }),
      Candidates.score(SelfEvaluator.make()),
      Candidates.prune({ keep: 1 })
    )
  ),
  Candidates.runStream,
  Stream.runForEach((token) => Effect.sync(() => process.stdout.write(token.text)))
)

const [usage] = await Effect.runPromise(Effect.provide(Usage.measure(live), backend))
console.log(`\n${usage.drawnTokens} tokens drawn: ${usage.keptTokens} kept, ${usage.prunedTokens} pruned`)
