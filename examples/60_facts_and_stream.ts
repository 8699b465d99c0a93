// Progress as it happens, and the winner's tokens live: prune to one draft early, then stream the rest of it.
import { Prompt } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const early = Candidates.fromPrompt(Prompt.user("Make 36 from 2 3 8 10"), { count: 8, seed: 4 }).pipe(
  Candidates.rounds([8], (round) =>
    round.pipe(
      Candidates.generate({ maxTokens: 13 }),
      Candidates.score(SelfEvaluator.make()),
      Candidates.prune({ keep: 1 })
    )
  )
)

const told = Candidates.facts(Candidates.runBest(early)).pipe(
  Stream.filter((fact) => fact._tag === "Scored" || fact._tag === "Chosen"),
  Stream.runForEach((fact) => Effect.sync(() => console.log(JSON.stringify(fact))))
)
const live = Candidates.runStream(early).pipe(
  Stream.runForEach((token) => Effect.sync(() => process.stdout.write(token.text)))
)

await Effect.runPromise(Effect.provide(Effect.andThen(told, live), OnnxBackend.layer({ model: "models/pocket" })))
console.log()
