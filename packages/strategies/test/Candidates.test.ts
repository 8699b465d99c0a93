import { assert, describe, it } from "@effect/vitest"
import { BackendError, Candidate, RunError, Scorer, Usage } from "@mulligan/core"
import { Annealing, Candidates, Stopping } from "@mulligan/strategies"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import {
  byDigits,
  byIndex,
  collectFacts,
  draws,
  indexes,
  permanent,
  scored,
  scripted,
  transient,
  usageOf
} from "./harness.ts"

const reasonOf = (exit: Exit.Exit<unknown, unknown>) => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof RunError.RunError ? error.reason._tag : error
}

describe("fromPrompt", () => {
  it.effect.each([0, 1, 3])("emits %d empty candidates, in order, with seeds of their own", (count) =>
    Effect.gen(function* () {
      const all = yield* Stream.runCollect(Candidates.fromPrompt("p", { count, seed: 7 }))
      assert.deepStrictEqual(
        indexes(all),
        Array.from({ length: count }, (_, i) => i)
      )
      assert.isTrue(all.every((c) => c.tokens.length === 0 && c.temperature === 1))
      assert.strictEqual(new Set(all.map((c) => c.seed)).size, count)
    })
  )

  it.effect("gives the same seeds for the same seed, and others for another", () =>
    Effect.gen(function* () {
      const seeds = (seed: number) =>
        Effect.map(Stream.runCollect(Candidates.fromPrompt("p", { count: 50, seed })), (all) => all.map((c) => c.seed))
      assert.deepStrictEqual(yield* seeds(1), yield* seeds(1))
      const [a, b] = [yield* seeds(1), yield* seeds(2)]
      assert.isFalse(a.some((seed) => b.includes(seed)))
    })
  )
})

describe("laziness", () => {
  it.effect("a draw that is not pulled is never drawn", () =>
    Effect.gen(function* () {
      const [, log] = yield* scripted(
        Stream.runCollect(
          Stream.take(Candidates.fromPrompt("p").pipe(Candidates.generate(), Candidates.score(byDigits)), 2)
        )
      )
      assert.strictEqual(log.generateCalls, 2)
    })
  )

  it.effect.each([
    [0, 1],
    [1, 2],
    [2, 4],
    [4, 8],
    [8, 16]
  ])("rounds of 1, 1, 2, 4, 8: if candidate %d wins, %d are drawn", ([winner, calls]) =>
    Effect.gen(function* () {
      const run = Candidates.fromPrompt("p", { count: 16 }).pipe(
        Candidates.rounds([1, 1, 2, 4, 8], (round) =>
          round.pipe(Candidates.generate(), Candidates.score(byIndex((i) => (i === winner ? 1 : 0))))
        ),
        Candidates.takeUntil(Stopping.threshold(1)),
        Candidates.runBest
      )
      const [best, log] = yield* scripted(run)
      assert.strictEqual(best.index, winner)
      assert.strictEqual(log.generateCalls, calls)
    })
  )
})

describe("generate", () => {
  it.effect("continues a draft where it was cut", () =>
    Effect.gen(function* () {
      const [[whole]] = yield* scripted(Stream.runCollect(draws(1)))
      const [[parts]] = yield* scripted(
        Stream.runCollect(draws(1, { maxTokens: 3 }).pipe(Candidates.generate({ maxTokens: 2 }), Candidates.generate()))
      )
      assert.deepStrictEqual(parts, whole)
    })
  )

  it.effect("leaves an ended candidate alone, and takes no score along", () =>
    Effect.gen(function* () {
      const [[again], log] = yield* scripted(
        Stream.runCollect(draws(1).pipe(Candidates.score(byDigits), Candidates.generate()))
      )
      assert.strictEqual(log.generateCalls, 1)
      assert.isFalse("score" in again!)
    })
  )

  it.live("works on a whole round at once, and outside on one at a time", () =>
    Effect.gen(function* () {
      const script = { delay: () => "1 millis" as const }
      const [, inside] = yield* scripted(
        Stream.runDrain(
          Candidates.fromPrompt("p", { count: 6 }).pipe(Candidates.rounds([6], (r) => r.pipe(Candidates.generate())))
        ),
        script
      )
      const [, outside] = yield* scripted(Stream.runDrain(draws(6)), script)
      const [, two] = yield* scripted(Stream.runDrain(draws(6, { concurrency: 2 })), script)
      assert.deepStrictEqual([inside.mostOpenRows, outside.mostOpenRows, two.mostOpenRows], [6, 1, 2])
    })
  )

  it.live("emits in the order of the index, or of arrival if asked", () =>
    Effect.gen(function* () {
      const slowFirst = {
        delay: (r: { readonly seed: number }) => (r.seed === first ? "10 millis" : undefined) as "10 millis" | undefined
      }
      const [{ seed: first }] = (yield* Stream.runCollect(Candidates.fromPrompt("p", { count: 1 }))) as [
        Candidate.Candidate
      ]
      const [byIndex] = yield* scripted(Stream.runCollect(draws(3, { concurrency: 3 })), slowFirst)
      const [byArrival] = yield* scripted(Stream.runCollect(draws(3, { concurrency: 3, order: "arrival" })), slowFirst)
      assert.deepStrictEqual(indexes(byIndex), [0, 1, 2])
      assert.strictEqual(indexes(byArrival).at(-1), 0)
    })
  )

  it.live("one failed draw of sixteen does not lose fifteen", () =>
    Effect.gen(function* () {
      const script = {
        fault: (_: unknown, at: number, call: number) => (call === 5 && at === 2 ? transient : undefined)
      }
      const usage = usageOf(
        Stream.runCollect(draws(16, { retries: 0 })).pipe(
          Effect.tap((all) => Effect.sync(() => assert.strictEqual(all.length, 15)))
        )
      )
      const [spent] = yield* scripted(usage, script)
      assert.strictEqual(spent.failures, 1)
      assert.strictEqual(spent.lostTokens, 2)
    })
  )

  it.live(
    "a retry goes on from the tokens so far: no token comes twice, and the count never starts again",
    () =>
      Effect.gen(function* () {
        const script = {
          fault: (_: unknown, at: number, call: number) => (call <= 2 && at === 2 + call ? transient : undefined)
        }
        const [[[facts, all]], log] = yield* scripted(Effect.all([collectFacts(Stream.runCollect(draws(1)))]), script)
        const [[calm]] = yield* scripted(Stream.runCollect(draws(1)))
        assert.deepStrictEqual(all, [calm!])
        assert.strictEqual(facts.filter((f) => f._tag === "Drawn").length, 8)
        assert.strictEqual(log.generateCalls, 3)
        const always = { fault: (_: unknown, at: number) => (at % 2 === 1 && at > 2 ? transient : undefined) }
        const [exit, again] = yield* scripted(Effect.exit(Stream.runCollect(draws(1, { retries: 2 }))), always)
        assert.strictEqual(reasonOf(exit), "AllFailed")
        assert.strictEqual(again.generateCalls, 3)
      }),
    20_000
  )

  const asking = { problem: "Busy.", advice: "Wait.", retryAfter: Duration.minutes(1) }
  it.effect.each([new BackendError.RateLimited(asking), new BackendError.Unavailable(asking)])(
    "waits as long as the backend asks for: $_tag",
    (reason) =>
      Effect.gen(function* () {
        const busy = new BackendError.BackendError({ backend: "s", reason })
        const fault = (_: unknown, __: number, call: number) => (call === 1 ? busy : undefined)
        const fiber = yield* Effect.forkChild(scripted(Stream.runCollect(draws(1)), { fault }))
        yield* TestClock.adjust("59 seconds")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 second")
        const [all, log] = yield* Fiber.join(fiber)
        assert.strictEqual(all.length, 1)
        assert.strictEqual(log.generateCalls, 2)
      })
  )

  it.live("fails with the first cause if nothing came through", () =>
    Effect.gen(function* () {
      const [exit] = yield* scripted(Effect.exit(Stream.runCollect(draws(3, { retries: 0 }))), {
        fault: () => transient
      })
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.isTrue(error instanceof RunError.RunError && error.reason._tag === "AllFailed" && error.reason.count === 3)
    })
  )

  it.effect("fails at once for a permanent reason, and for any with strict", () =>
    Effect.gen(function* () {
      const third = (fault: typeof transient) => ({
        fault: (_: unknown, __: number, call: number) => (call === 3 ? fault : undefined)
      })
      const [exit, log] = yield* scripted(Effect.exit(Stream.runCollect(draws(9, { retries: 0 }))), third(permanent))
      assert.strictEqual(reasonOf(exit), permanent)
      assert.strictEqual(log.generateCalls, 3)
      const [strict] = yield* scripted(
        Effect.exit(Stream.runCollect(draws(9, { retries: 0, strict: true }))),
        third(transient)
      )
      assert.strictEqual(reasonOf(strict), transient)
    })
  )

  it.effect("passes on an empty answer", () =>
    Effect.gen(function* () {
      const [all] = yield* scripted(Stream.runCollect(draws(2)), { length: () => 1, text: () => "" })
      assert.deepStrictEqual(all.map(Candidate.text), ["", ""])
      assert.deepStrictEqual(all.map(Candidate.end), ["stop", "stop"])
    })
  )
})

describe("score", () => {
  it.effect("refuses NaN by name", () =>
    Effect.gen(function* () {
      const [exit] = yield* scripted(
        Effect.exit(Stream.runCollect(draws(2).pipe(Candidates.score(byIndex(() => NaN)))))
      )
      assert.strictEqual(reasonOf(exit), "InvalidScore")
    })
  )

  it.live("drops what a scorer cannot judge for the moment, and retries first", () =>
    Effect.gen(function* () {
      let tries = 0
      const scorer = (c: Candidate.Candidate) =>
        c.index === 1
          ? Effect.andThen(
              Effect.sync(() => tries++),
              Effect.fail(transient)
            )
          : Effect.succeed(Scorer.exact(c.index))
      const [all] = yield* scripted(Stream.runCollect(draws(3).pipe(Candidates.score(scorer, { retries: 1 }))))
      assert.deepStrictEqual(indexes(all), [0, 2])
      assert.strictEqual(tries, 2)
    })
  )

  it.effect("keeps the error of a user's scorer", () =>
    Effect.gen(function* () {
      const [error] = yield* scripted(
        Effect.flip(Stream.runCollect(draws(2).pipe(Candidates.score(() => Effect.fail("mine" as const)))))
      )
      assert.strictEqual(error, "mine")
    })
  )
})

describe("anneal", () => {
  const seen = (script = {}) =>
    Effect.gen(function* () {
      const histories: Array<number> = []
      const run = Candidates.fromPrompt("p", { count: 8 }).pipe(
        Candidates.anneal((_, history) => (histories.push(history.length), 1)),
        Candidates.rounds([1, 1, 2, 4], (round) => round.pipe(Candidates.generate(), Candidates.score(byDigits))),
        Candidates.takeUntil(Stopping.never),
        Candidates.runBest
      )
      yield* scripted(run, script)
      return histories
    })

  it.live("before rounds sees exactly the earlier rounds, on a quick and on a slow backend", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* seen(), [0, 1, 2, 2, 4, 4, 4, 4])
      assert.deepStrictEqual(yield* seen({ delay: () => "1 millis" }), [0, 1, 2, 2, 4, 4, 4, 4])
    })
  )

  it.effect("sets the temperature that the backend draws at", () =>
    Effect.gen(function* () {
      const temperatures: Array<number> = []
      const script = {
        text: (r: { readonly temperature: number }) => (temperatures.push(r.temperature), "x"),
        length: () => 1
      }
      yield* scripted(
        Stream.runDrain(
          Candidates.fromPrompt("p", { count: 3 }).pipe(
            Candidates.anneal(Annealing.exponential({ from: 0, to: 1 })),
            Candidates.generate()
          )
        ),
        script
      )
      assert.deepStrictEqual(temperatures, [0, 0.5, 0.75])
    })
  )
})

describe("takeUntil", () => {
  it.live("with the order of arrival the first to satisfy the rule interrupts its siblings, counted as cancelled", () =>
    Effect.gen(function* () {
      const all = yield* Stream.runCollect(Candidates.fromPrompt("p", { count: 4 }))
      const quick = all[2]!.seed
      const script = {
        delay: (r: { readonly seed: number }) =>
          (r.seed === quick ? "1 millis" : "30 millis") as "1 millis" | "30 millis"
      }
      const run = Candidates.fromPrompt("p", { count: 4 }).pipe(
        Candidates.rounds([4], (round) =>
          round.pipe(
            Candidates.generate({ order: "arrival" }),
            Candidates.score(
              byIndex(() => 1),
              { order: "arrival" }
            )
          )
        ),
        Candidates.takeUntil(Stopping.threshold(1)),
        Candidates.runBest
      )
      const [[[facts, [usage, exit]], drawn], log] = yield* scripted(
        Effect.gen(function* () {
          const told = yield* collectFacts(Usage.measure(run))
          return [told, 0] as const
        }),
        script
      )
      assert.strictEqual((yield* exit).index, 2)
      assert.strictEqual(usage.keptTokens, 8)
      assert.strictEqual(usage.drawnTokens, log.drawnTokens + drawn)
      assert.strictEqual(usage.cancelledTokens, log.drawnTokens - 8)
      assert.strictEqual(log.openRows, 0)
      assert.deepStrictEqual(
        facts.find((f) => f._tag === "Stopped"),
        { _tag: "Stopped", index: 2, order: "arrival" }
      )
      const after = log.drawnTokens
      yield* Effect.sleep(60)
      assert.strictEqual(log.drawnTokens, after)
    })
  )

  it.live("closes what it stops before it passes the winner on", () =>
    Effect.gen(function* () {
      let open = -1
      const run = (log: { readonly openRows: number }) =>
        Candidates.fromPrompt("p", { count: 4 }).pipe(
          Candidates.rounds([4], (round) =>
            round.pipe(Candidates.generate({ order: "arrival" }), Candidates.score(byDigits, { order: "arrival" }))
          ),
          Candidates.takeUntil(Stopping.count(1)),
          Stream.tap(() => Effect.sync(() => (open = log.openRows))),
          Stream.runDrain
        )
      const { ScriptedLog, layer } = yield* Effect.promise(() => import("@mulligan/core/testing/ScriptedBackend"))
      yield* Effect.flatMap(ScriptedLog, run).pipe(Effect.provide(layer({ delay: (_, at) => `${1 + at} millis` })))
      assert.strictEqual(open, 0)
    })
  )

  it.effect("never leaves the rule unasked, and passes the last candidate on", () =>
    Effect.gen(function* () {
      const all = yield* Stream.runCollect(
        scored(0.1, 0.9, 0.2, 0.95).pipe(Candidates.takeUntil(Stopping.threshold(0.9)))
      )
      assert.deepStrictEqual(indexes(all), [0, 1])
    })
  )
})

describe("prune", () => {
  it.effect.each([
    [0.5, [0, 2]],
    [0.25, [2]],
    [0.01, [2]],
    [1, [2]],
    [3, [0, 1, 2]],
    [Infinity, [0, 1, 2, 3]]
  ] as const)("keeping %d keeps %j of scores .5 .4 .9 .3", ([keep, expected]) =>
    Effect.map(Stream.runCollect(scored(0.5, 0.4, 0.9, 0.3).pipe(Candidates.prune({ keep }))), (all) =>
      assert.deepStrictEqual<unknown>(indexes(all), expected)
    )
  )

  it.effect("the earliest of equals survives", () =>
    Effect.map(Stream.runCollect(Candidates.prune(scored(0.5, 0.5, 0.5), { keep: 1 })), (all) =>
      assert.deepStrictEqual(indexes(all), [0])
    )
  )

  it.effect("keeps whatever may still be among the best", () =>
    Effect.gen(function* () {
      const bounded = Stream.map(scored(0.6, 0.5, 0.1), (c) => ({
        ...c,
        score: { ...c.score, lower: c.score.value - 0.1, upper: c.score.value + 0.1 }
      }))
      assert.deepStrictEqual(indexes(yield* Stream.runCollect(Candidates.prune(bounded, { keep: 1 }))), [0, 1])
    })
  )

  const beginning = (text: string) =>
    Stream.map((c: Scorer.Scored): Scorer.Scored => ({ ...c, tokens: [{ text: text[c.index] ?? "" }] }))

  it.effect.each([
    ["aabc", 1, [0]],
    ["aabc", 2, [0, 2]],
    ["aabc", 3, [0, 2, 3]],
    ["aaab", 3, [0, 1, 3]],
    ["abcd", 2, [0, 1]]
  ] as const)("distinct: of beginnings %s with falling scores, %d are %j", ([text, keep, expected]) =>
    Effect.map(
      Stream.runCollect(scored(0.9, 0.9, 0.4, 0.3).pipe(beginning(text), Candidates.prune({ keep, distinct: true }))),
      (all) => assert.deepStrictEqual<unknown>(indexes(all), expected)
    )
  )

  it.effect("distinct: keeps whatever may still be among the best of its kind, and no further copy", () =>
    Effect.gen(function* () {
      const bounded = Stream.map(scored(0.6, 0.6, 0.5, 0.1), (c) => ({
        ...c,
        score: { ...c.score, lower: c.score.value - 0.1, upper: c.score.value + 0.1 }
      }))
      const kept = bounded.pipe(beginning("aabc"), Candidates.prune({ keep: 1, distinct: true }))
      assert.deepStrictEqual(indexes(yield* Stream.runCollect(kept)), [0, 2])
    })
  )

  it.effect("counts what it drops", () =>
    Effect.gen(function* () {
      const usage = yield* usageOf(Candidates.runBest(Candidates.prune(scored(0.5, 0.4, 0.9), { keep: 1 })))
      assert.deepStrictEqual([usage.prunedTokens, usage.keptTokens], [2, 1])
    })
  )

  it("throws when built with nothing to keep", () => {
    for (const keep of [0, -1, NaN]) assert.throws(() => Candidates.prune(scored(1), { keep }), RangeError)
  })

  it.effect("of nothing is nothing", () =>
    Effect.map(Stream.runCollect(Candidates.prune(scored(), { keep: 1 })), (all) => assert.deepStrictEqual(all, []))
  )
})

describe("pruneBelow", () => {
  it.effect("drops as they come what is surely below", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        indexes(yield* Stream.runCollect(scored(0.2, 0.8, 0.5).pipe(Candidates.pruneBelow(0.5)))),
        [1, 2]
      )
      const endless = Stream.flatMap(Stream.range(0, Infinity), () => scored(0.9))
      assert.strictEqual((yield* Stream.runCollect(Stream.take(Candidates.pruneBelow(endless, 0.5), 3))).length, 3)
    })
  )
})

describe("choosing", () => {
  const answers =
    (...texts: ReadonlyArray<string | undefined>) =>
    (c: Candidate.Candidate) =>
      texts[c.index]

  it.effect("runBest takes the highest score, the earliest of equals", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Candidates.runBest(scored(0.2, 0.9, 0.9))).index, 1)
      assert.strictEqual((yield* Candidates.runBest(scored(-Infinity, -Infinity))).index, 0)
    })
  )

  it.effect("runMajority takes the answer given most often, by its earliest candidate", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Candidates.runMajority(scored(1, 1, 1), answers("a", "b", "b"))).index, 1)
      assert.strictEqual((yield* scored(1, 1, 1, 1).pipe(Candidates.runMajority(answers("b", "a", "a", "b")))).index, 0)
      assert.strictEqual((yield* Candidates.runMajority(scored(1, 1, 1), answers(undefined, undefined, "c"))).index, 2)
    })
  )

  it.effect("runWeightedMajority sums scores by answer", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        (yield* scored(0.9, 0.5, 0.5).pipe(Candidates.runWeightedMajority(answers("a", "b", "b")))).index,
        1
      )
      assert.strictEqual(
        (yield* Candidates.runWeightedMajority(scored(0.9, 0.4, 0.4), answers("a", "b", "b"))).index,
        0
      )
    })
  )

  it.effect("of nothing says why", () =>
    Effect.gen(function* () {
      const exits = yield* Effect.forEach(
        [
          Candidates.runBest(scored()),
          Candidates.runMajority(scored(), () => "a"),
          Candidates.runBest(scored(0.1).pipe(Candidates.pruneBelow(0.5)))
        ],
        Effect.exit
      )
      assert.deepStrictEqual(exits.map(reasonOf), ["NothingDrawn", "NothingDrawn", "NothingDrawn"])
    })
  )
})

describe("runStream", () => {
  it.effect("gives what the winner has at once, and draws the rest live", () =>
    Effect.gen(function* () {
      const run = Candidates.fromPrompt("p", { count: 4 }).pipe(
        Candidates.rounds([4], (round) =>
          round.pipe(Candidates.generate({ maxTokens: 3 }), Candidates.score(byDigits), Candidates.prune({ keep: 1 }))
        ),
        Candidates.runStream
      )
      const [[usage, exit], log] = yield* scripted(Usage.measure(Stream.runCollect(run)))
      assert.strictEqual((yield* exit).length, 8)
      assert.strictEqual(log.drawnTokens, 4 * 3 + 5)
      assert.deepStrictEqual([usage.keptTokens, usage.prunedTokens, usage.cancelledTokens], [8, 9, 0])
      const [firstThree, partly] = yield* scripted(Stream.runCollect(Stream.take(run, 3)))
      assert.strictEqual(firstThree.length, 3)
      assert.strictEqual(partly.drawnTokens, 12)
    })
  )
})

describe("facts", () => {
  it.effect("tell what happens, in order, and end with the choice", () =>
    Effect.gen(function* () {
      const run = Candidates.fromPrompt("p", { count: 2 }).pipe(
        Candidates.rounds([2], (round) =>
          round.pipe(Candidates.generate({ maxTokens: 1 }), Candidates.score(byDigits), Candidates.prune({ keep: 1 }))
        ),
        Candidates.runBest
      )
      const [facts] = yield* scripted(Stream.runCollect(Candidates.facts(run)))
      assert.deepStrictEqual(
        facts.map((f) => f._tag),
        ["Drawn", "Drawn", "Scored", "Scored", "Pruned", "Chosen"]
      )
    })
  )

  it.effect("a failing run fails its facts", () =>
    Effect.gen(function* () {
      const [exit] = yield* scripted(Effect.exit(Stream.runCollect(Candidates.facts(Stream.runDrain(draws(1))))), {
        fault: () => permanent
      })
      assert.strictEqual(reasonOf(exit), permanent)
    })
  )
})
