import { assert, describe, it } from "@effect/vitest"
import { Stopping } from "@mulligan/strategies"
import * as fc from "fast-check"
import { history } from "./harness.ts"

describe("reservationValue", () => {
  // By hand: E[max(score - r, 0)] = cost.
  it.each([
    [[1], 0.25, 0.75],
    [[0, 1], 0.25, 0.5],
    [[0, 1], 0.5, 0],
    [[0, 1], 0.75, -0.25],
    [[4, 1, 3, 2], 0.25, 3],
    [[4, 1, 3, 2], 0.1, 3.6],
    [[4, 1, 3, 2], 0.5, 2.5],
    [[2, 2, 2], 0.5, 1.5],
    [[0, 1], 0, Infinity]
  ])("of %j at a cost of %d is %d", (scores, cost, expected) =>
    assert.closeTo(Math.min(1e9, Stopping.reservationValue(scores, { cost })), Math.min(1e9, expected), 1e-12)
  )

  it("is where what lies above is worth the cost", () =>
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.double({ min: 0.001, max: 9, noNaN: true }),
        (scores, cost) => {
          const value = Stopping.reservationValue(scores, { cost })
          const above = scores.reduce((sum, s) => sum + Math.max(0, s - value), 0) / scores.length
          assert.closeTo(above, cost, 1e-9)
        }
      )
    ))

  it("refuses what is no distribution, or no cost", () => {
    assert.throws(() => Stopping.reservationValue([], { cost: 1 }), RangeError, "at least one score")
    assert.throws(() => Stopping.reservationValue([1, NaN], { cost: 1 }), RangeError, "finite")
    assert.throws(() => Stopping.reservationValue([1], { cost: -1 }), RangeError, "costs 0 (off) or more")
  })

  it("as a threshold, is the best of all thresholds for the distribution", () => {
    const scores = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    const cost = 0.3
    // Of a threshold t, drawing until it is reached gives E[score | score >= t] for 1 / P(score >= t) draws.
    const worth = (t: number) => {
      const reached = scores.filter((s) => s >= t)
      return reached.reduce((a, b) => a + b, 0) / reached.length - (cost * scores.length) / reached.length
    }
    const best = Math.max(...scores.map(worth))
    assert.closeTo(worth(Stopping.reservationValue(scores, { cost })), best, 1e-12)
  })
})

describe("fairCap", () => {
  // open_count of pandoras_box(rewards, cost, 0.05, least), run from the repository (ed7e872); 16: all were opened.
  it.each([
    [0.002, 8, 8, [2, -2.6, 0.4, -0.6, -0.5, -0.2, -2, -0.2, -0.9, 3.3, 0.2, -0.4, -0.3, -0.7, -1.1, -0.4]],
    [0.002, 8, 9, [0.2, -0.5, -0.4, -2.4, 1.8, 1.1, -0.3, 0.8, 0.3, -0.6, 1, -0.3, -0.3, -0.8, 0.5, -0.1]],
    [0.002, 8, 10, [-1.4, -0.9, 0.4, -0.5, 0.5, 0.8, -1.4, 1, -0.6, 2.1, 0.7, -0.5, 0.2, 0.2, 0.3, 1.4]],
    [0.002, 8, 11, [0.1, -0.1, 0.6, 0.1, -0.5, 0.4, 1.3, 0.9, -0.7, -1.3, -0.6, 0, -2.3, -0.2, -1.2, -0.7]],
    [0.002, 8, 13, [-1.4, -1.2, -1.3, -0.6, 1.4, -1.6, 0.9, 1.3, -0.4, -0.7, 0.5, 1.2, 2.2, 0.9, 1.6, -0.5]],
    [0.002, 8, 14, [0.6, 0.2, -0.1, -2.3, 0.4, -2.1, 0.9, 0.6, 0.8, 0.8, 0.3, -0.5, -0.3, 1.5, -0.6, -0.2]],
    [0.002, 8, 15, [0.3, 0.8, 0.3, -1.3, 0.9, 0.4, -0.5, 0.6, 0.4, 0.3, 0, 0.5, -0.7, -0.2, -0.5, 0.6]],
    [0.002, 8, 16, [1.1, 1.8, -2.6, -0.1, 1, 1.4, 0.7, 1.5, 0.3, 0.6, 0.2, -1.1, -0.8, 0.4, -0.6, 1.3]],
    [0.005, 6, 6, [0.2, -0.5, -0.4, -2.4, 1.8, 1.1, -0.3, 0.8, 0.3, -0.6, 1, -0.3, -0.3, -0.8, 0.5, -0.1]],
    [0.005, 6, 7, [0.1, -0.1, 0.6, 0.1, -0.5, 0.4, 1.3, 0.9, -0.7, -1.3, -0.6, 0, -2.3, -0.2, -1.2, -0.7]],
    [0.005, 6, 8, [-1.7, -1.3, -1.4, -0.4, -2.3, -0.2, -1, 0.9, 1, 1.4, 0.8, -0.1, 0.9, 1.5, -0.7, 0.6]],
    [0.005, 6, 9, [-0.4, 0.3, 0.6, -1, 0.8, 0.3, 0.8, 0.3, 1.2, -0.9, 1.8, 1.2, -0.6, 0.7, 0.4, -1.7]],
    [0.005, 6, 13, [0, 1.4, 1.2, -0.5, -0.3, -0.5, 0.6, -0.1, 0.7, -1.8, 1.6, -0.1, 0.7, -0.1, -0.4, 0.5]],
    [0.005, 6, 15, [-0.3, 1.3, 0.2, 1.4, 0.2, -1, 0.9, -0.6, 0.4, 1.2, 0.7, 0.3, -1.1, 0, -0.7, 1.3]],
    [0.01, 5, 5, [0.1, -0.1, 0.6, 0.1, -0.5, 0.4, 1.3, 0.9, -0.7, -1.3, -0.6, 0, -2.3, -0.2, -1.2, -0.7]],
    [0.01, 5, 6, [-1.4, -0.9, 0.4, -0.5, 0.5, 0.8, -1.4, 1, -0.6, 2.1, 0.7, -0.5, 0.2, 0.2, 0.3, 1.4]],
    [0.01, 5, 7, [-0.3, 1.3, 0.2, 1.4, 0.2, -1, 0.9, -0.6, 0.4, 1.2, 0.7, 0.3, -1.1, 0, -0.7, 1.3]],
    [0.02, 6, 6, [0.1, -0.1, 0.6, 0.1, -0.5, 0.4, 1.3, 0.9, -0.7, -1.3, -0.6, 0, -2.3, -0.2, -1.2, -0.7]],
    [0.03, 6, 6, [0.1, -0.1, 0.6, 0.1, -0.5, 0.4, 1.3, 0.9, -0.7, -1.3, -0.6, 0, -2.3, -0.2, -1.2, -0.7]]
  ])("at a cost of %d, not before %d, opens %d", (cost, least, expected, rewards) => {
    const rule = Stopping.fairCap({ cost, least })
    let opened = 1
    while (opened < rewards.length && !rule(history(rewards.slice(0, opened)))) opened++
    assert.strictEqual(opened, expected)
  })

  it.each([
    ["a cost of 0 is off", { cost: 0, least: 2 }, [9, 0, 0, 0, 0, 0], false],
    ["endless patience is off", { cost: 0.4, least: Infinity }, [9, 0, 0, 0, 0, 0], false],
    ["by default not before 20", { cost: 0.4 }, Array.from({ length: 19 }, (_, i) => i), false],
    ["… but then", { cost: 0.4 }, Array.from({ length: 20 }, (_, i) => i), true],
    ["equal scores promise nothing", { cost: 1e-9, least: 2 }, [1, 1, 1], true],
    ["nothing is better than infinity", { cost: 1e-9, least: 2 }, [1, Infinity], true],
    ["nothing but impossible ones says nothing", { cost: 0.4, least: 2 }, [-Infinity, -Infinity], false],
    ["huge rewards do not overflow", { cost: 0.4, least: 2 }, [4000, 4001, 3999], true],
    ["a doubtful best is counted low", { cost: 0.1, least: 3 }, [0, 0.5, { value: 3, lower: -3, upper: 3 }], false],
    ["… where a sure one is enough", { cost: 0.1, least: 3 }, [0, 0.5, 3], true]
  ] as const)("%s", (_, options, scores, expected) =>
    assert.strictEqual(Stopping.fairCap(options)(history(scores)), expected)
  )

  it("refuses what is none when built", () => {
    assert.throws(() => Stopping.fairCap({ cost: NaN }), RangeError, "costs 0 (off) or more")
    assert.throws(() => Stopping.fairCap({ cost: 1, horizon: 0 }), RangeError, "horizon")
    assert.throws(() => Stopping.fairCap({ cost: 1, least: 1 }), RangeError, "at least 2")
    assert.throws(() => Stopping.fairCap({ cost: 1, delta: 0 }), RangeError, "delta")
  })
})
