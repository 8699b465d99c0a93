import { assert, describe, it } from "@effect/vitest"
import { Candidates, Threshold } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { firstText, history, indexes, scored } from "./harness.ts"

const scores = [3, 1, 4, 1.5, 9, 2.6, 5, 3.5]

describe("Threshold", () => {
  // numpy.percentile(scores, 100 - k), as DeepConf's repository calls it
  it.each([
    [0.1, 6.2],
    [0.25, 4.25],
    [0.5, 3.25],
    [0.75, 2.325],
    [0.9, 1.35]
  ])("that the best %d reach is %d", (keep, expected) => {
    assert.closeTo(Threshold.topShare({ keep })(history(scores)), expected, 1e-12)
    assert.closeTo(Threshold.warmUp({ keep, count: 8 })(history([...scores, 100, -100])), expected, 1e-12)
  })

  it.each([
    ["none keeps all", Threshold.none, scores, -Infinity],
    ["the best tenth is the default", Threshold.topShare(), scores, 6.2],
    ["keeping all is off", Threshold.topShare({ keep: 1 }), scores, -Infinity],
    ["of nothing keeps all", Threshold.topShare(), [], -Infinity],
    ["of one is that one", Threshold.topShare(), [7], 7],
    ["a warm-up that is not over keeps all", Threshold.warmUp({ count: 9 }), scores, -Infinity],
    ["16 warm up by default", Threshold.warmUp(), Array.from({ length: 15 }, (_, i) => i), -Infinity],
    ["… and of 16 the best tenth", Threshold.warmUp(), Array.from({ length: 16 }, (_, i) => i), 13.5],
    ["a warm-up that keeps all is off", Threshold.warmUp({ count: 2, keep: 1 }), scores, -Infinity],
    ["an endless warm-up is off", Threshold.warmUp({ count: Infinity }), scores, -Infinity],
    ["impossible scores do no harm", Threshold.topShare({ keep: 0.5 }), [-Infinity, -Infinity, 1, 2], -Infinity]
  ] as const)("%s", (_, rule, all, expected) =>
    assert.closeTo(Math.max(-1e9, rule(history(all))), Math.max(-1e9, expected), 1e-12)
  )

  it("at least that share reaches its own bar, and no more than one besides, unless scores are equal", () =>
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: -99, max: 99 }), { minLength: 1, maxLength: 30 }),
        fc.constantFrom(0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
        (all, keep) => {
          const bar = Threshold.topShare({ keep })(history(all))
          const reached = all.filter((s) => s >= bar).length
          assert.isAtLeast(reached, Math.floor(Math.round(keep * all.length * 1e9) / 1e9))
          assert.isAtMost(reached, Math.floor(keep * all.length) + 1)
        }
      )
    ))

  it("a candidate at the very place of the bar reaches it", () => {
    const all = Array.from({ length: 11 }, (_, i) => i * 0.1)
    const bar = Threshold.topShare({ keep: 0.7 })(history(all))
    assert.strictEqual(all.filter((s) => s >= bar).length, 8)
  })

  it("refuses what is no share and no warm-up when built", () => {
    for (const make of [Threshold.topShare, Threshold.warmUp]) {
      for (const keep of [0, -0.1, 1.1, NaN]) assert.throws(() => make({ keep }), RangeError, "A share to keep")
    }
    assert.throws(() => Threshold.warmUp({ count: 0 }), RangeError, "at least one candidate")
  })
})

describe("pruneBelow a learned bar", () => {
  const bar = Threshold.warmUp({ count: 3, keep: 0.5 })

  it.effect("lets the warm-up pass, then drops what falls below it", () =>
    Effect.gen(function* () {
      // The bar is 2, the median of 3, 1 and 2, whatever comes later; and whether they come singly or in one chunk.
      const seen: Array<number> = []
      yield* Stream.fromIterable(history([3, 1, 2, 1.9, 9, 2, 0])).pipe(
        Candidates.pruneBelow(bar),
        Stream.tap((c) => Effect.sync(() => void seen.push(c.index))),
        Candidates.runBest
      )
      assert.deepStrictEqual(seen, [0, 1, 2, 4, 5])
    })
  )

  it.effect("learns nothing where nobody downstream remembers, and keeps all", () =>
    Effect.map(Stream.runCollect(scored(3, 1, 2, 0).pipe(Candidates.pruneBelow(bar))), (all) =>
      assert.deepStrictEqual(indexes(all), [0, 1, 2, 3])
    )
  )

  it.effect("keeps what may still reach it", () =>
    Effect.gen(function* () {
      const all = history([3, 1, 2, { value: 0, lower: -Infinity, upper: 2 }, { value: 0, lower: 0, upper: 1.9 }])
      const seen: Array<number> = []
      yield* Stream.fromIterable(all, { chunkSize: 1 }).pipe(
        Candidates.pruneBelow(bar),
        Stream.tap((c) => Effect.sync(() => void seen.push(c.index))),
        Candidates.runBest
      )
      assert.deepStrictEqual(seen, [0, 1, 2, 3])
    })
  )
})

describe("a vote above a bar", () => {
  const vote = (answers: string, all: ReadonlyArray<number>, options?: Candidates.VoteOptions) =>
    Effect.map(
      Candidates.runWeightedMajority(Stream.fromIterable(history(all, answers)), firstText, options),
      (c) => c.index
    )

  // DeepConf: filter_top_confidence, then weighted_majority_vote; worked out by hand from the code.
  it.effect.each([
    ["all vote by default", "abb", [5, 2, 2], {}, 0],
    ["the best half", "abbb", [5, 3, 3, 3], { above: Threshold.topShare({ keep: 0.5 }) }, 1],
    ["the best quarter", "abbb", [5, 3, 3, 3], { above: Threshold.topShare({ keep: 0.25 }) }, 0],
    [
      "a warm-up's own weak ones are silent",
      "abbc",
      [5, 3, 3, 1],
      { above: Threshold.warmUp({ count: 2, keep: 0.5 }) },
      0
    ],
    [
      "one without an answer counts for the bar, not for the vote",
      "-bcc",
      [9, 3, 2.5, 2.5],
      { above: Threshold.topShare({ keep: 0.5 }) },
      1
    ]
  ] as const)("%s", ([, answers, all, options, expected]) =>
    Effect.map(vote(answers, all, options), (index) => assert.strictEqual(index, expected))
  )

  it.effect("fails with advice where nobody reaches it", () =>
    Effect.map(Effect.flip(vote("ab", [1, 2], { above: () => 3 })), (error) => {
      assert.strictEqual(error.reason._tag, "NothingDrawn")
      assert.match(error.message, /none of the 2 answers anything, or none reaches the bar/)
    })
  )
})
