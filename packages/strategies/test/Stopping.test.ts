import { assert, describe, it } from "@effect/vitest"
import { Scorer } from "@mulligan/core"
import { Stopping } from "@mulligan/strategies"

const of = (score: Scorer.Score, text: string, index: number): Scorer.Scored => ({
  index,
  prompt: "",
  tokens: [{ text }],
  seed: 0,
  temperature: 1,
  score
})
const scores = (...values: ReadonlyArray<number>) => values.map((v, i) => of(Scorer.exact(v), "", i))
const texts = (all: string) => [...all].map((text, i) => of(Scorer.exact(0), text, i))
const answer = (c: Scorer.Scored) => (c.tokens[0]?.text === "-" ? undefined : c.tokens[0]?.text)

const A = Stopping.count(2)
const B = Stopping.threshold(0.9)

describe("Stopping", () => {
  it.each([
    ["threshold, not reached", Stopping.threshold(0.5), scores(0.1, 0.4), false],
    ["threshold, reached by an earlier one", Stopping.threshold(0.5), scores(0.5, 0.4), true],
    ["threshold, of nothing", Stopping.threshold(0.5), [], false],
    ["threshold, off", Stopping.threshold(Infinity), scores(1), false],
    [
      "threshold, only perhaps reached",
      Stopping.threshold(0.5),
      [of({ value: 0.6, lower: 0.4, upper: 0.8 }, "", 0)],
      false
    ],
    ["count", Stopping.count(2), scores(1, 1), true],
    ["count, not yet", Stopping.count(3), scores(1, 1), false],
    ["count, off", Stopping.count(Infinity), scores(1), false],
    ["never", Stopping.never, scores(1), false],
    ["and, one of two", Stopping.and(A, B), scores(0.1, 0.2), false],
    ["and, both", Stopping.and(A, B), scores(0.1, 0.95), true],
    ["or, one of two", Stopping.or(A, B), scores(0.95), true],
    ["or, none", Stopping.or(A, B), scores(0.1), false],
    ["or with never", Stopping.or(Stopping.never, A), scores(0, 0), true]
  ] as const)("%s", (_, rule, history, expected) => assert.strictEqual(rule(history), expected))

  it.each([
    ["aaaaa", 5, true],
    ["aaaab", 5, false],
    ["aaaa", 5, false],
    ["baaaa", 5, false],
    ["abcdeaaaaa", 5, true],
    ["abcdeaaaab", 5, false],
    ["baaaaa", 5, false],
    ["aa", 2, true],
    ["a", 1, true],
    ["-----", 5, false],
    ["aaa", Infinity, false]
  ])("agreement of %s in windows of %d is %s", (all, size, expected) => {
    assert.strictEqual(Stopping.agreement(answer, { size })(texts(all)), expected)
  })

  it("agreement refuses an empty window when built", () =>
    assert.throws(() => Stopping.agreement(answer, { size: 0 }), RangeError))

  // scipy.stats.beta.sf(0.5, a + 1, b + 1)
  it.each([
    [0, 0, 0.5],
    [1, 0, 0.75],
    [2, 0, 0.875],
    [3, 0, 0.9375],
    [4, 0, 0.96875],
    [5, 1, 0.9375],
    [6, 1, 0.96484375],
    [10, 4, 0.940765380859375],
    [30, 30, 0.5],
    [40, 20, 0.9950732759023704],
    [1, 2, 0.3125]
  ])("P(majority) with %d votes against %d is %d", (a, b, expected) => {
    assert.closeTo(Stopping.majorityProbability(a, b), expected, 1e-6)
  })

  it.each([
    ["aaa", 0.95, false],
    ["aaaa", 0.95, true],
    ["aaaab", 0.95, false],
    ["aaaaaab", 0.95, true],
    ["aaaabcde", 0.95, false],
    ["----", 0.95, false],
    ["", 0.1, false],
    ["aaaaaaaaaa", 1.1, false]
  ])("Beta posterior of %s at %d is %s", (all, confidence, expected) => {
    assert.strictEqual(Stopping.betaPosterior(answer, { confidence })(texts(all)), expected)
  })
})
