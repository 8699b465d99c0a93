import { assert, describe, it } from "@effect/vitest"
import { type Candidate, Scorer, type Token } from "@mulligan/core"
import { Scorers } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { bottomMean, groupMeans } from "../src/GroupScorers.ts"

const candidate = (logProbs: ReadonlyArray<number>, end?: Token.End): Candidate.Candidate => ({
  index: 0,
  prompt: "",
  tokens: logProbs.map((logProb, i) => ({
    text: "x",
    logProb,
    ...(end !== undefined && i === logProbs.length - 1 ? { end } : {})
  })),
  seed: 0,
  temperature: 1
})

// Token confidences, and what calculate_bottom_window_confidence (at -1, 0.1, 0.25, 0.5) and calculate_tail_confidence of
// DeepConf's repository (675529d) say of them, run from it.
const confidences = [2, 1, 4, 3, 0.5, 2.5, 6, 1.5, 3.5, 5, 0.25, 7]
const table = [
  [1, 0.25, 0.25, 0.5833333333333334, 1.2916666666666667, 7],
  [2, 1.5, 1.5, 1.5, 1.95, 3.625],
  [3, 2, 2, 2.166666666666667, 2.4833333333333334, 4.083333333333333],
  [5, 2.1, 2.1, 2.15, 2.45, 3.45],
  [12, 3.0208333333333335, 3.0208333333333335, 3.0208333333333335, 3.0208333333333335, 3.0208333333333335],
  [20, 3.0208333333333335, 3.0208333333333335, 3.0208333333333335, 3.0208333333333335, 3.0208333333333335]
] as const
/** Log-probabilities are at most 0, confidences at least: a constant apart, every mean is the same constant apart. */
const APART = 8
const finished = candidate(
  confidences.map((c) => c - APART),
  "stop"
)

describe("groups of tokens", () => {
  it.effect.each(table)("of %d", ([size, least, tenth, quarter, half, tail]) =>
    Effect.gen(function* () {
      const says = (scorer: Scorer.Scorer<unknown>, expected: number) =>
        Effect.map(scorer(finished), (score) => {
          assert.closeTo(score.value + APART, expected, 1e-12)
          assert.deepStrictEqual(score, Scorer.exact(score.value))
        })
      yield* says(Scorers.lowestGroupLogProb({ size }), least)
      yield* says(Scorers.bottomGroupLogProb({ size }), tenth)
      yield* says(Scorers.bottomGroupLogProb({ size, share: 0 }), least)
      yield* says(Scorers.bottomGroupLogProb({ size, share: 0.25 }), quarter)
      yield* says(Scorers.bottomGroupLogProb({ size, share: 0.5 }), half)
      yield* says(Scorers.tailLogProb({ size }), tail)
    })
  )

  it.effect.each(table)("of %d, of what DeepConf's code was given", ([size, least, tenth, quarter, half, tail]) =>
    Effect.gen(function* () {
      const tokens = finished.tokens.map((token, i) => ({ ...token, confidence: confidences[i]! }))
      const says = (scorer: Scorer.Scorer<unknown>, expected: number) =>
        Effect.map(scorer({ ...finished, tokens }), (score) => {
          assert.closeTo(score.value, expected, 1e-12)
          assert.deepStrictEqual(score, Scorer.exact(score.value))
        })
      yield* says(Scorers.lowestGroupConfidence({ size }), least)
      yield* says(Scorers.bottomGroupConfidence({ size }), tenth)
      yield* says(Scorers.bottomGroupConfidence({ size, share: 0.25 }), quarter)
      yield* says(Scorers.bottomGroupConfidence({ size, share: 0.5 }), half)
      yield* says(Scorers.tailConfidence({ size }), tail)
    })
  )

  it.effect("of confidence that are not whole are bounded by 0 and Infinity", () =>
    Effect.gen(function* () {
      const open = { ...finished, tokens: [{ text: "x", confidence: 3 }] }
      for (const make of [Scorers.lowestGroupConfidence, Scorers.bottomGroupConfidence])
        assert.deepStrictEqual(yield* make({ size: 2 })(open), { value: 3, lower: 0, upper: Infinity })
    })
  )

  it.effect("of which one holds all is the mean log-probability: off", () =>
    Effect.gen(function* () {
      const mean = yield* Scorers.meanLogProb(finished)
      for (const scorer of [Scorers.lowestGroupLogProb(), Scorers.bottomGroupLogProb(), Scorers.tailLogProb()]) {
        assert.closeTo((yield* scorer(finished)).value, mean.value, 1e-12)
      }
    })
  )

  it.effect.each([
    [
      "unfinished and shorter than one: nothing is known",
      [-1, -3],
      undefined,
      { value: -2, lower: -Infinity, upper: 0 }
    ],
    ["unfinished, with one at least", [-1, -3, -2], undefined, Scorer.exact(-2)],
    ["finished and shorter than one", [-1, -3], "stop", Scorer.exact(-2)],
    ["ended by the model's limit", [-1, -3], "length", Scorer.exact(-2)],
    ["none drawn", [], undefined, { value: -Infinity, lower: -Infinity, upper: 0 }]
  ] as const)("of a candidate: %s", ([, logProbs, end, expected]) =>
    Effect.gen(function* () {
      for (const scorer of [Scorers.lowestGroupLogProb({ size: 3 }), Scorers.bottomGroupLogProb({ size: 3 })]) {
        assert.deepStrictEqual(yield* scorer(candidate(logProbs, end)), expected)
      }
      assert.deepStrictEqual(
        yield* Scorers.tailLogProb({ size: 3 })(candidate(logProbs, end)),
        Scorer.exact(expected.value)
      )
    })
  )

  it("an impossible token spoils its own groups and no other", () =>
    assert.deepStrictEqual(groupMeans([-1, -Infinity, -3, -5, -7], 2), [-Infinity, -Infinity, -4, -6]))

  it("a token that is surer than sure lifts its own groups and no other", () =>
    assert.deepStrictEqual(groupMeans([1, Infinity, Infinity, 3, 5], 2), [Infinity, Infinity, Infinity, 4]))

  const values = fc.array(fc.double({ min: -20, max: 0, noNaN: true }), { minLength: 1, maxLength: 60 })
  it("in one pass are what they are one by one", () =>
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 70 }), (all, size) => {
        const width = Math.min(size, all.length)
        const one = Array.from({ length: all.length - width + 1 }, (_, i) => {
          return all.slice(i, i + width).reduce((a, b) => a + b, 0) / width
        })
        groupMeans(all, size).forEach((mean, i) => assert.closeTo(mean, one[i]!, 1e-9))
        assert.strictEqual(groupMeans(all, size).length, one.length)
        assert.closeTo(bottomMean(one, 0), Math.min(...one), 1e-12)
      })
    ))

  it("the lowest only falls while a candidate grows, once there is one", () =>
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 20 }), (all, size) => {
        const lowest = (n: number) => Math.min(...groupMeans(all.slice(0, n), size))
        for (let n = size; n < all.length; n++) assert.isAtMost(lowest(n + 1), lowest(n) + 1e-9)
      })
    ))

  it.effect("are refused without the model's own log-probabilities, by name", () =>
    Effect.gen(function* () {
      const bare = { ...finished, tokens: [{ text: "x" }] }
      const { bottomGroupLogProb, lowestGroupLogProb, tailLogProb } = Scorers
      const { bottomGroupConfidence, lowestGroupConfidence, tailConfidence } = Scorers
      const ofLogProb = { bottomGroupLogProb, lowestGroupLogProb, tailLogProb }
      const ofConfidence = { bottomGroupConfidence, lowestGroupConfidence, tailConfidence }
      for (const [name, make] of Object.entries({ ...ofLogProb, ...ofConfidence })) {
        const error = yield* Effect.flip(make()(bare))
        assert.strictEqual(error.reason._tag, "Unsupported")
        assert.include(error.backend, name)
        assert.match(error.message, name in ofConfidence ? /generate\(\{ confidence: 20 \}\)/ : /gave no log-prob/)
      }
    })
  )

  it("of no whole number of tokens are refused when built", () => {
    for (const make of [Scorers.lowestGroupLogProb, Scorers.bottomGroupLogProb, Scorers.tailLogProb]) {
      assert.throws(() => make({ size: 0 }), RangeError, "whole number of tokens")
      assert.throws(() => make({ size: 1.5 }), RangeError, "whole number of tokens")
    }
    assert.throws(() => Scorers.bottomGroupLogProb({ share: 1.1 }), RangeError, "from 0 to 1")
  })
})
