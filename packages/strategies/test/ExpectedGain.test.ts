import { assert, describe, it } from "@effect/vitest"
import { Stopping } from "@mulligan/strategies"
import * as fc from "fast-check"
import { gainIndex } from "../src/internal/gainIndex.ts"
import * as StudentT from "../src/internal/studentT.ts"
import { history } from "./harness.ts"

describe("Student's t", () => {
  // scipy.stats.t: pdf(x, df), cdf(x, df)
  it.each([
    [0, 2, 0.3535533905932738, 0.5],
    [1.5, 2, 0.1141344118, 0.8638034376],
    [-2.5, 3, 0.0386614857, 0.0438533235],
    [0.7, 5, 0.2867654576, 0.7424255258],
    [-3, 14, 0.0094659206, 0.0047757564],
    [2, 15, 0.0592077316, 0.9680274964]
  ])("at %d with %d degrees of freedom", (x, df, density, cumulative) => {
    assert.closeTo(StudentT.density(x, df), density, 1e-9)
    assert.closeTo(StudentT.cumulative(x, df), cumulative, 1e-9)
  })

  it("its quantile is where that share lies below", () =>
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.499, noNaN: true }), fc.integer({ min: 2, max: 40 }), (p, df) => {
        assert.closeTo(StudentT.cumulative(StudentT.lowQuantile(p, df), df), p, 1e-9)
      })
    ))
})

describe("the index", () => {
  // Horizon, rewards seen, best: h solves H(z; c) = c, with H by adaptive quadrature (scipy.integrate.quad) of the Bellman
  // equation over angles, one to three draws before the horizon.
  it.each([
    [4, 3, 0.5, 0.5],
    [4, 3, 1, 0.36603],
    [5, 3, 0, 0.74162],
    [5, 3, 0.5, 0.53865],
    [5, 3, 1, 0.40732],
    [5, 4, 0, 0.55133],
    [5, 4, 1.5, 0.14211],
    [6, 3, 0.5, 0.5593],
    [6, 3, 1, 0.4302],
    [8, 6, 0, 0.47653],
    [8, 6, 1, 0.15131],
    [8, 6, 1.5, 0.08498],
    [16, 14, 0, 0.42416],
    [16, 14, 0.5, 0.2223],
    [16, 14, 1.5, 0.0459],
    [16, 15, 1, 0.10238],
    [16, 15, 1.5, 0.04332]
  ])("of a horizon of %d after %d rewards with the best at %d is %d", (horizon, k, z, expected) => {
    assert.closeTo(gainIndex(horizon)(k, z) / expected, 1, 3e-3)
  })

  it("falls with the best so far, and rises with what may still be drawn", () => {
    for (let k = 3; k < 15; k++) {
      for (let z = 0; z < 3; z += 0.1) {
        assert.isAbove(gainIndex(16)(k, z), gainIndex(16)(k, z + 0.1))
        assert.isAtLeast(gainIndex(24)(k, z) * 1.005, gainIndex(16)(k, z))
      }
    }
  })
})

describe("expectedGain", () => {
  // The cost from which it stops: h · scale, with the posterior by numpy and scipy.stats.t.ppf(0.01) for outliers, and h as
  // above. One history has an outlier, once with the rule for outliers and once without.
  it.each([
    [[0.2, 0.5, 0.9], 4, 0.01, 0.15701],
    [[0.2, 0.5, 0.9], 5, 0.01, 0.17359],
    [[3, 1, 2], 5, 0.01, 0.50443],
    [[1, 1.2, 1.1, -50], 5, 0.01, 0.01828],
    [[1, 1.2, 1.1, -50], 5, 0, 10.35501],
    [[1, 1.2, 1.1, -50, 1.3], 7, 0.01, 0.01647],
    [[0.1, 0.4, 0.35, 0.8, 0.75, 0.6, 0.2], 9, 0.01, 0.0306],
    [[-5, 0, -1, -2, 2, 1], 8, 0.01, 0.37961]
  ])("of %j up to %d, outliers below %d, stops at a cost of %d", (scores, horizon, outlier, cost) => {
    const rule = (c: number) => Stopping.expectedGain({ cost: c, horizon, outlier })(history(scores))
    assert.isTrue(rule(cost * 1.005))
    assert.isFalse(rule(cost * 0.995))
  })

  it.each([
    ["two scores say too little", { cost: 100 }, [1, 2], false],
    ["the horizon ends it, whatever the cost", { cost: 0, horizon: 4 }, [1, 2, 3, 4], true],
    ["… even before a variance is known", { cost: 0, horizon: 2 }, [1, 2], true],
    ["a cost of 0 is off", { cost: 0 }, [1, 2, 3, 3, 3, 3, 3, 3], false],
    ["a cost of 0 is off for equal scores, too", { cost: 0 }, [1, 1, 1], false],
    ["equal scores promise nothing", {}, [1, 1, 1], true],
    ["infinite scores teach nothing", { cost: 1 }, [-Infinity, 1, 2], false],
    ["… and finite ones beside them do", { cost: 1 }, [-Infinity, 1, 2, 3], true],
    ["nothing is better than infinity", {}, [1, 2, 3, Infinity], true],
    [
      "a doubtful best is counted low",
      { cost: 0.16, horizon: 4 },
      [0.2, 0.5, { value: 0.9, lower: 0.6, upper: 1 }],
      false
    ],
    ["… where a sure one is enough", { cost: 0.16, horizon: 4 }, [0.2, 0.5, 0.9], true]
  ] as const)("%s", (_, options, scores, expected) =>
    assert.strictEqual(Stopping.expectedGain(options)(history(scores)), expected)
  )

  it("does not depend on where the scores lie, nor, the cost in their unit, on the unit", () =>
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 3, maxLength: 12 }),
        fc.double({ min: -5, max: 5, noNaN: true }),
        fc.constantFrom(0.02, 0.1, 0.3),
        (scores, shift, cost) => {
          const spread = Math.max(...scores) - Math.min(...scores)
          fc.pre(spread > 1e-3)
          const moved = scores.map((s) => 2 * s + shift)
          const [one, other] = [scores, moved].map((s, i) =>
            [0.99, 1.01].map((near) => Stopping.expectedGain({ cost: cost * near * (i + 1), outlier: 0 })(history(s)))
          )
          fc.pre(one?.[0] === one?.[1]) // not where rounding decides
          assert.deepStrictEqual(one, other)
        }
      ),
      { numRuns: 50 }
    ))

  it("refuses what is none when built", () => {
    assert.throws(() => Stopping.expectedGain({ cost: -1 }), RangeError, "units of the score")
    assert.throws(() => Stopping.expectedGain({ cost: NaN }), RangeError, "units of the score")
    assert.throws(() => Stopping.expectedGain({ horizon: Infinity }), RangeError, "whole number")
    assert.throws(() => Stopping.expectedGain({ horizon: 2.5 }), RangeError, "whole number")
    assert.throws(() => Stopping.expectedGain({ outlier: 0.5 }), RangeError, "quantile")
  })
})
