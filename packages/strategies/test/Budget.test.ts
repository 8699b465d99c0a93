import { assert, describe, it } from "@effect/vitest"
import { Backend, type BackendError, RunError, Scorer, Usage } from "@mulligan/core"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { byDigits, scripted } from "./harness.ts"

const race = (count: number) =>
  Candidates.fromPrompt("p", { count }).pipe(
    Candidates.rounds([count], (round) =>
      round.pipe(
        Candidates.generate({ maxTokens: 4 }),
        Candidates.score(byDigits),
        Candidates.prune({ keep: 0.5 }),
        Candidates.generate(),
        Candidates.score(byDigits)
      )
    )
  )

/** Asks the backend, so that judging costs read tokens. */
const asking: Scorer.Scorer<BackendError.BackendError, Backend.Backend> = ({ prompt, tokens: prefix }) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    Effect.map(backend.logProbs({ prompt, prefix, labels: ["No"] }), ({ labels }) =>
      Scorer.exact(labels[0]?.lower ?? NaN)
    )
  )

describe("withBudget", () => {
  it.effect.each([1, 5, 20, 50, 60, 200])(
    "%d drawn tokens are never overdrawn, also by rows side by side, and give the best so far",
    (drawnTokens) =>
      Effect.gen(function* () {
        const [best, log] = yield* scripted(race(16).pipe(Candidates.withBudget({ drawnTokens }), Candidates.runBest))
        assert.isAtMost(log.drawnTokens, drawnTokens)
        assert.isAbove(best.tokens.length, 0)
        if (drawnTokens <= 60) assert.strictEqual(log.drawnTokens, drawnTokens)
      })
  )

  it.effect("a number of samples begins no more than that", () =>
    Effect.gen(function* () {
      const [all, log] = yield* scripted(
        Stream.runCollect(Candidates.fromPrompt("p").pipe(Candidates.generate(), Candidates.withBudget({ samples: 3 })))
      )
      assert.deepStrictEqual([all.length, log.generateCalls], [3, 3])
    })
  )

  it.effect("nested budgets share the outer one", () =>
    Effect.gen(function* () {
      const inner = () =>
        Candidates.fromPrompt("p", { count: 3 }).pipe(
          Candidates.generate(),
          Candidates.withBudget({ drawnTokens: 1000 })
        )
      const both = Stream.concat(inner(), Stream.suspend(inner)).pipe(Candidates.withBudget({ drawnTokens: 30 }))
      const [, log] = yield* scripted(Stream.runDrain(both))
      assert.strictEqual(log.drawnTokens, 30)
    })
  )

  it.live("time ends the rows under way and keeps what they have", () =>
    Effect.gen(function* () {
      const [all, log] = yield* scripted(
        Stream.runCollect(
          Candidates.fromPrompt("p", { count: 4 }).pipe(
            Candidates.rounds([4], (r) => r.pipe(Candidates.generate())),
            Candidates.withBudget({ time: "60 millis" })
          )
        ),
        { delay: () => "20 millis", length: () => 1000 }
      )
      assert.strictEqual(all.length, 4)
      assert.isTrue(all.every((c) => c.tokens.length > 0 && c.tokens.length < 10))
      assert.strictEqual(log.openRows, 0)
    })
  )

  it.live("time does not wait for a token that takes for ever", () =>
    Effect.gen(function* () {
      const [all, log] = yield* scripted(
        Stream.runCollect(
          Candidates.fromPrompt("p", { count: 2 }).pipe(
            Candidates.generate(),
            Candidates.withBudget({ time: "50 millis" })
          )
        ),
        { delay: (_, at) => (at === 2 ? "1 hour" : undefined) }
      )
      assert.deepStrictEqual(
        all.map((c) => c.tokens.length),
        [2]
      )
      assert.strictEqual(log.openRows, 0)
    })
  )

  it.effect("read tokens and money gate drawing, never judging", () =>
    Effect.gen(function* () {
      const judged = Candidates.fromPrompt("p").pipe(Candidates.generate(), Candidates.score(asking))
      const [byRead] = yield* scripted(Stream.runCollect(judged.pipe(Candidates.withBudget({ readTokens: 12 }))))
      assert.strictEqual(byRead.length, 2)
      const money = { money: 8 * 5e-6, prices: { drawn: 1, read: 1, prompt: 1 } }
      const [byMoney] = yield* scripted(Stream.runCollect(judged.pipe(Candidates.withBudget(money))))
      assert.isTrue(byMoney.length >= 1 && byMoney.length <= 3)
    })
  )

  it.effect("spent before the first draw: nothing is drawn, and the choice says so", () =>
    Effect.gen(function* () {
      const [error, log] = yield* scripted(
        race(4).pipe(Candidates.runBest, Effect.flip, (run) =>
          Stream.runHead(Stream.fromEffect(run).pipe(Candidates.withBudget({ samples: 0 })))
        )
      )
      assert.isTrue(
        error._tag === "Some" &&
          error.value instanceof RunError.RunError &&
          /budget was spent/.test(error.value.message)
      )
      assert.strictEqual(log.generateCalls, 0)
    })
  )

  it.effect("limits left out are off", () =>
    Effect.gen(function* () {
      const [[free], [limited]] = yield* Effect.all([
        scripted(Candidates.runBest(race(8))),
        scripted(race(8).pipe(Candidates.withBudget({}), Candidates.runBest))
      ])
      assert.deepStrictEqual(limited, free)
    })
  )
})

describe("accounting", () => {
  it.live(
    "drawn = kept + pruned + lost + cancelled, and equals what the backend drew, wherever a run is interrupted",
    () =>
      Effect.gen(function* () {
        for (let millis = 1; millis < 40; millis += 3) {
          const meter = new Usage.Meter()
          const [, log] = yield* scripted(
            race(8).pipe(
              Candidates.runBest,
              Effect.timeoutOption(millis),
              Effect.ignore,
              Effect.provideService(Usage.CurrentMeter, meter)
            ),
            { delay: (_, at) => (at % 2 === 0 ? "1 millis" : undefined) }
          )
          const u = meter.usage
          assert.strictEqual(u.drawnTokens, log.drawnTokens)
          assert.isAtLeast(u.cancelledTokens, 0)
          assert.strictEqual(log.openRows, 0)
        }
      }),
    30_000
  )
})
