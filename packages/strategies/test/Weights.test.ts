import { assert, describe, it } from "@effect/vitest"
import { Candidates, Weights } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { firstText, history } from "./harness.ts"

describe("Weights", () => {
  it.each([
    ["equal", Weights.equal, [3, -1], [1, 1]],
    ["score", Weights.score, [3, -1], [3, -1]],
    ["exp", Weights.exp, [0, -1, -Infinity], [1, Math.exp(-1), 0]],
    ["of nobody", Weights.borda(), [], []]
  ] as const)("%s", (_, weights, scores, expected) => assert.deepStrictEqual(weights(history(scores)), [...expected]))

  // Votes and winner of voting_from_list.py in Self-Certainty's repository (b17d021), run from it.
  it.each([
    [[0.9, 0.1, 0.2, 0.3], 0.5, [2, 1, Math.SQRT2, Math.sqrt(3)]],
    [[0.9, 0.1, 0.2, 0.3], 2, [16, 1, 4, 9]],
    [[0.9, 0.1, 0.2, 0.3], 0, [1, 1, 1, 1]],
    [[0.5, 0.5, 0.1], 0.5, [Math.sqrt(3), Math.SQRT2, 1]],
    [[-3, -1, -2, -4], undefined, [Math.SQRT2, 2, Math.sqrt(3), 1]],
    [[-3, -1, -2, -4, -9], 1, [3, 5, 4, 2, 1]]
  ] as const)("borda of %j at %s", (scores, power, expected) => {
    const weights = Weights.borda({ power })(history(scores))
    weights.forEach((weight, i) => assert.closeTo(weight, expected[i] ?? NaN, 1e-12))
    assert.strictEqual(weights.length, expected.length)
  })

  it.effect.each([
    ["abbb", [0.9, 0.1, 0.2, 0.3], 0.5, 1],
    ["abbb", [0.9, 0.1, 0.2, 0.3], 2, 0],
    ["abbb", [0.9, 0.1, 0.2, 0.3], 0, 1],
    ["abc", [0.5, 0.5, 0.1], 0.5, 0],
    ["abc", [0.1, 0.5, 0.5], 0, 0],
    ["abba", [-3, -1, -2, -4], 0.5, 1],
    ["babab", [-3, -1, -2, -4, -9], 1, 0]
  ] as const)("a Borda vote of %s at %j, to the power of %d", ([answers, scores, power, expected]) =>
    Effect.map(
      Candidates.runWeightedMajority(Stream.fromIterable(history(scores, answers)), firstText, {
        weights: Weights.borda({ power })
      }),
      (c) => assert.strictEqual(c.index, expected)
    )
  )

  it("refuses a power that is none when built", () => {
    for (const power of [-1, NaN, Infinity])
      assert.throws(() => Weights.borda({ power }), RangeError, "raised to a power")
  })
})
