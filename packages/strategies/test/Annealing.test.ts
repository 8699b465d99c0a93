import { assert, describe, it } from "@effect/vitest"
import { Scorer } from "@mulligan/core"
import { Annealing } from "@mulligan/strategies"

const scored = (value: number): Scorer.Scored => ({
  index: 0,
  prompt: "",
  tokens: [],
  seed: 0,
  temperature: 1,
  score: Scorer.exact(value)
})
const first = (rule: Annealing.Annealing) => Array.from({ length: 5 }, (_, i) => Number(rule(i, []).toFixed(6)))

describe("Annealing", () => {
  it.each([
    ["constant", Annealing.constant(0.7), [0.7, 0.7, 0.7, 0.7, 0.7]],
    ["linear, rising", Annealing.linear({ from: 0, to: 1, count: 5 }), [0, 0.25, 0.5, 0.75, 1]],
    ["linear, falling", Annealing.linear({ from: 1, to: 0.5, count: 3 }), [1, 0.75, 0.5, 0.5, 0.5]],
    ["linear over one", Annealing.linear({ from: 0, to: 1, count: 1 }), [1, 1, 1, 1, 1]],
    ["linear, off", Annealing.linear({ from: 1, to: 1, count: 9 }), [1, 1, 1, 1, 1]],
    ["exponential, rising", Annealing.exponential({ from: 0, to: 1 }), [0, 0.5, 0.75, 0.875, 0.9375]],
    ["exponential, falling", Annealing.exponential({ from: 2, to: 1, decay: 0.1 }), [2, 1.1, 1.01, 1.001, 1.0001]],
    ["exponential, at once", Annealing.exponential({ from: 0, to: 1, decay: 0 }), [0, 1, 1, 1, 1]],
    ["exponential, off", Annealing.exponential({ from: 0.3, to: 1, decay: 1 }), [0.3, 0.3, 0.3, 0.3, 0.3]],
    ["greedy first", Annealing.greedyFirst(), [0, 1, 1, 1, 1]],
    ["greedy first, then cooler", Annealing.greedyFirst(0.6), [0, 0.6, 0.6, 0.6, 0.6]]
  ] as const)("%s", (_, rule, expected) => assert.deepStrictEqual(first(rule), [...expected]))

  it.each([
    [[], 1],
    [[0], 1],
    [[0.5, 0.25], 0.6],
    [[1, 0.2], 0.2],
    [[3], 0.2]
  ] as const)("by best score of %j is %d", (scores, expected) => {
    const rule = Annealing.byBestScore({ cold: 0.2, hot: 1 })
    assert.closeTo(rule(9, scores.map(scored)), expected, 1e-12)
  })

  it("refuses temperatures that are none, when built", () => {
    assert.throws(() => Annealing.constant(-1), RangeError)
    assert.throws(() => Annealing.linear({ from: NaN, to: 1, count: 2 }), RangeError)
    assert.throws(() => Annealing.exponential({ from: 0, to: Infinity }), RangeError)
    assert.throws(() => Annealing.greedyFirst(-0.1), RangeError)
    assert.throws(() => Annealing.byBestScore({ cold: -1, hot: 1 }), RangeError)
  })
})
