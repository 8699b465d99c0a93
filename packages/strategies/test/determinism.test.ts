import { assert, describe, it } from "@effect/vitest"
import { Annealing, Candidates, Stopping } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { byDigits, scripted } from "./harness.ts"

const strategy = (seed: number, concurrency: number | "unbounded") =>
  Candidates.fromPrompt("p", { count: 12, seed }).pipe(
    Candidates.anneal(Annealing.byBestScore({ cold: 0.2, hot: 1 })),
    Candidates.rounds([1, 3, 8], (round) =>
      round.pipe(
        Candidates.generate({ maxTokens: 3, concurrency }),
        Candidates.score(byDigits, { concurrency }),
        Candidates.prune({ keep: 0.5 }),
        Candidates.generate({ concurrency }),
        Candidates.score(byDigits, { concurrency })
      )
    ),
    Candidates.takeUntil(Stopping.threshold(0.7)),
    Candidates.runBest
  )

describe("in the order of the index", () => {
  it("the winner depends on the seed alone: not on concurrency, not on timing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1000 }),
        fc.constantFrom(1, 2, 5, "unbounded" as const),
        fc.infiniteStream(fc.integer({ min: 0, max: 3 })),
        async (seed, concurrency, delays) => {
          const [calm] = await Effect.runPromise(scripted(strategy(seed, "unbounded")))
          const delay = () => {
            const millis = delays.next().value as number
            return millis === 0 ? undefined : millis
          }
          const [rushed] = await Effect.runPromise(scripted(strategy(seed, concurrency), { delay }))
          assert.deepStrictEqual(rushed, calm)
        }
      ),
      { numRuns: 25 }
    )
  }, 60_000)
})
