import { assert, describe, it } from "@effect/vitest"
import { Stopping, Threshold, Weights } from "@mulligan/strategies"
import * as fc from "fast-check"
import { firstText, history } from "./harness.ts"

const alike = (answers: string) =>
  history(
    Array.from(answers, () => 1),
    answers
  )

describe("betaPosterior", () => {
  // Probability and stop of BetaStoppingCriteria().should_stop(answers), run from the repository (899ab56).
  it.each([
    ["a", 0.75, false],
    ["ab", 0.5, false],
    ["aaa", 0.9375, false],
    ["aaaa", 0.96875, true],
    ["aaaab", 0.890625, false],
    ["aaaaab", 0.9375, false],
    ["aaaaaab", 0.96484375, true],
    ["aabbb", 0.65625, false],
    ["aaaabcde", 0.890625, false],
    ["aaaaabbcc", 0.85546875, false],
    ["aaaaaaaabbb", 0.927001953125, false],
    ["aaaaaaaaaabbb", 0.971313476562, true],
    ["abcabcabcaaaaa", 0.927001953125, false]
  ])("of %s is %d sure, so stops: %s", (answers, probability, stops) => {
    const rule = (confidence?: number) => Stopping.betaPosterior(firstText, { confidence })(alike(answers))
    assert.strictEqual(rule(), stops)
    assert.isTrue(rule(probability - 1e-9))
    assert.isFalse(rule(probability + 1e-9))
  })

  /** Their rule as it is written: the integral of x^a (1 - x)^b over the upper half, as a share of the whole; by Simpson. */
  const integral = (a: number, b: number, from: number) => {
    const steps = 2000
    const at = (i: number) => {
      const x = from + ((1 - from) * i) / steps
      return x ** a * (1 - x) ** b * (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2)
    }
    return ((1 - from) / steps / 3) * Array.from({ length: steps + 1 }, (_, i) => at(i)).reduce((x, y) => x + y, 0)
  }

  it("is the integral of the source for any votes", () =>
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), (a, b) => {
        assert.closeTo(Stopping.majorityProbability(a, b), integral(a, b, 0.5) / integral(a, b, 0), 1e-6)
      })
    ))
})

describe("supermajority", () => {
  // its_hub: after 2, 4, 8, … responses, stop when top_count / len(eligible) >= threshold; "-" is not eligible.
  it.each([
    ["a", {}, false],
    ["aa", {}, true],
    ["ab", {}, false],
    ["a-", {}, true],
    ["--", {}, false],
    ["aaa", {}, false],
    ["abaa", {}, true],
    ["abab", {}, false],
    ["abaab", {}, false],
    ["abababaa", {}, false],
    ["abaaabaa", {}, true],
    ["abaab-aa", {}, false],
    ["abaa--aa", {}, true],
    ["aaaaaaaaaaaabbbb", {}, true],
    ["aaaaaaaaaaabbbbb", {}, false],
    ["abaa", { share: 0.8 }, false],
    ["aa", { share: 1 }, true],
    ["aa", { share: 1.1 }, false],
    ["aaa", { first: 3 }, true],
    ["aaaa", { first: 3 }, false],
    ["aaaabb", { first: 3 }, false],
    ["aaaaab", { first: 3 }, true],
    ["a", { first: 1 }, true],
    ["", { first: 1 }, false]
  ] as const)("of %s with %j: %s", (answers, options, expected) =>
    assert.strictEqual(Stopping.supermajority(firstText, options)(alike(answers)), expected)
  )

  it("refuses what is no supermajority when built", () => {
    assert.throws(() => Stopping.supermajority(firstText, { share: 0.5 }), RangeError, "above 0.5")
    assert.throws(() => Stopping.supermajority(firstText, { first: 0 }), RangeError, "whole number")
    assert.throws(() => Stopping.supermajority(firstText, { first: 1.5 }), RangeError, "whole number")
  })
})

const firstStop = (rule: Stopping.Stopping, all: ReturnType<typeof history>) => {
  const at = all.findIndex((_, i) => rule(all.slice(0, i + 1)))
  return at < 0 ? undefined : at + 1
}

describe("consensus", () => {
  // Samples used by AscConfAggregator(0.8) and AscAggregator(0.8), run from the repository (ee53787); undefined: all of them.
  it.each([
    ["aa", [0.9, 0.3], 2, 2],
    ["abbbb", [0.2, 0.9, 0.5, 0.9, 0.9], 2, 5],
    ["abab", [0.5, 0.5, 0.5, 0.5], undefined, undefined],
    ["abb", [0.1, 0.7, 0.1], 2, undefined],
    ["aaa", [0, 0, 0], undefined, 2]
  ] as const)("of %s at %j stops after %s, unweighted after %s", (answers, scores, weighted, plain) => {
    const all = history(scores, answers)
    assert.strictEqual(firstStop(Stopping.consensus(firstText, { share: 0.8 }), all), weighted)
    assert.strictEqual(firstStop(Stopping.consensus(firstText, { share: 0.8, weights: Weights.equal }), all), plain)
  })

  // DeepConf online with a warm-up of 4 that keeps half: the bar is numpy.percentile([4, 1, 3, 2], 50) = 2.5. So of the
  // warm-up 4 and 3 vote; b's weight is 3 of 7, then 23 of 27, then 83 of 87 = 0.954.
  const deepConf = { above: Threshold.warmUp({ count: 4, keep: 0.5 }), least: 4 }
  it.each([
    ["aaaa", [4, 1, 3, 2], true],
    ["aaa", [4, 1, 3], false],
    ["aabb", [4, 1, 3, 2], false],
    ["abab", [4, 1, 3, 2], true],
    ["aabbb", [4, 1, 3, 2, 20], false],
    ["aabbbb", [4, 1, 3, 2, 20, 60], true],
    ["ababbbb", [4, 1, 3, 2, 2.4, 2.4, 2.4], true],
    ["-aaa", [4, 1, 3, 2], true],
    ["----", [4, 1, 3, 2], false]
  ] as const)("of %s at %j above a bar: %s", (answers, scores, expected) =>
    assert.strictEqual(Stopping.consensus(firstText, deepConf)(history(scores, answers)), expected)
  )

  it.each([
    ["a share above 1", { share: 1.1 }],
    ["endless patience", { least: Infinity }]
  ] as const)("is off with %s", (_, options) =>
    assert.isFalse(Stopping.consensus(firstText, options)(alike("aaaaaaaa")))
  )

  it("refuses what is no consensus when built", () => {
    assert.throws(() => Stopping.consensus(firstText, { share: 0 }), RangeError, "above 0")
    assert.throws(() => Stopping.consensus(firstText, { share: NaN }), RangeError, "above 0")
    assert.throws(() => Stopping.consensus(firstText, { least: -1 }), RangeError, "number of candidates")
  })

  it("combines with others, as every rule does", () => {
    const rule = Stopping.and(Stopping.consensus(firstText), Stopping.count(3))
    assert.strictEqual(firstStop(rule, alike("aaaa")), 3)
  })
})
