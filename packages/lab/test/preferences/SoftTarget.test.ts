import { assert, describe, it } from "@effect/vitest"
import * as SoftTarget from "@mulligan/lab/preferences/SoftTarget"
import * as fc from "fast-check"

describe("SoftTarget", () => {
  it.each([
    ["a clear order", [3, 1, 2], 0, [1, 0, 0.5]],
    ["all ties", [1, 1, 1, 1], 0, [1, 1, 1, 1]],
    ["two", [0, 1], 0, [0, 1]],
    ["right or wrong", [1, 0, 1, 0, 0], 0, [1, 0.5, 1, 0.5, 0.5]],
    ["a margin makes ties", [0, 1, 2, 3], 1, [1 / 3, 2 / 3, 1, 1]],
    ["a margin over everything", [0, 1, 2, 3], 3, [1, 1, 1, 1]],
    ["negative rewards", [-3, -1], 0, [0, 1]]
  ])("%s", (_, rewards, margin, expected) => assert.deepStrictEqual(SoftTarget.winOrTie(rewards, margin), expected))

  const rewards = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 2, maxLength: 12 })

  it("is the mean over all pairs of winning or tying", () =>
    fc.assert(
      fc.property(rewards, fc.integer({ min: 0, max: 5 }), (all, margin) => {
        const targets = SoftTarget.winOrTie(all, margin)
        all.forEach((own, i) => {
          const pairs = all.filter((_, j) => j !== i).map((other): number => (other - own > margin ? 0 : 1))
          assert.closeTo(targets[i]!, pairs.reduce((a, b) => a + b) / pairs.length, 1e-12)
        })
      })
    ))

  it("grows with the reward and with the margin, and the best always wins or ties", () =>
    fc.assert(
      fc.property(rewards, (all) => {
        const [tight, wide] = [SoftTarget.winOrTie(all, 0), SoftTarget.winOrTie(all, 3)]
        all.forEach((own, i) => {
          assert.isAtLeast(wide[i]!, tight[i]!)
          all.forEach((other, j) => own <= other && assert.isAtMost(tight[i]!, tight[j]!))
        })
        assert.strictEqual(tight[all.indexOf(Math.max(...all))], 1)
      })
    ))

  it.each([
    ["one draft", [1], 0],
    ["a negative margin", [1, 2], -1],
    ["no number", [1, NaN], 0],
    ["an endless reward", [1, Infinity], 0]
  ])("refuses %s", (_, rewards, margin) => assert.throws(() => SoftTarget.winOrTie(rewards, margin), RangeError))
})
