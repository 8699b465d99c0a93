import { assert, describe, it } from "@effect/vitest"
import { type Observation, Reliability } from "@mulligan/self-evaluator"
import * as FastCheck from "fast-check"
import { byPrompt, cases, observations } from "./fixtures.ts"

const near = (a: number, b: number) => assert.isBelow(Math.abs(a - b), 1e-12, `${a} is not ${b}`)
const at = (scores: ReadonlyArray<number>, outcome: number): ReadonlyArray<Observation> =>
  scores.map((score) => ({ score, outcome }))

describe.each(cases)("as scikit-learn on $name", (known) => {
  it("AUROC, pooled and within prompts", () => {
    near(Reliability.auroc(observations(known)), known.auroc)
    near(Reliability.aurocWithin(byPrompt(known)), known.aurocWithin)
  })

  it("reliability bins and the expected calibration error", () => {
    const bins = Reliability.reliabilityBins(observations(known))
    assert.strictEqual(bins.length, known.bins.length)
    bins.forEach((bin, i) => {
      assert.strictEqual(bin.count, known.bins[i]!.count)
      near(bin.score, known.bins[i]!.score)
      near(bin.outcome, known.bins[i]!.outcome)
    })
    near(Reliability.ece(observations(known)), known.ece)
  })
})

describe("Reliability", () => {
  it("AUROC of a table: right scores, wrong scores", () => {
    const table: ReadonlyArray<readonly [ReadonlyArray<number>, ReadonlyArray<number>, number]> = [
      [[2], [1], 1],
      [[1], [2], 0],
      [[1], [1], 0.5],
      [[3, 1], [2], 0.5],
      [[1, -Infinity], [-Infinity], 0.75],
      [[1], [], NaN],
      [[], [], NaN]
    ]
    for (const [right, wrong, auroc] of table) {
      assert.deepStrictEqual(Reliability.auroc([...at(right, 1), ...at(wrong, 0)]), auroc)
    }
  })

  it("knowing only which prompt is hard is worth nothing within prompts", () => {
    const easy = [...at([0.9, 0.9, 0.9], 1), ...at([0.9], 0)]
    const hard = [...at([0.1], 1), ...at([0.1, 0.1, 0.1], 0)]
    assert.isAbove(Reliability.auroc([...easy, ...hard]), 0.7)
    assert.strictEqual(Reliability.aurocWithin([easy, hard]), 0.5)
  })

  it("prompts without both outcomes do not count, and nothing but those is NaN", () => {
    const both = [...at([2], 1), ...at([1], 0)]
    assert.strictEqual(Reliability.aurocWithin([both, at([1, 2], 1), []]), 1)
    assert.isNaN(Reliability.aurocWithin([at([1], 1), at([1], 0)]))
  })

  it("AUROC depends on the order alone, and turns around with it", () => {
    const observation = FastCheck.record({
      score: FastCheck.integer({ min: -20, max: 20 }),
      outcome: FastCheck.constantFrom(0, 1)
    })
    const property = FastCheck.property(FastCheck.array(observation), (data) => {
      const mapped = (f: (score: number) => number) => Reliability.auroc(data.map((o) => ({ ...o, score: f(o.score) })))
      const auroc = Reliability.auroc(data)
      for (const f of [Math.exp, (x: number) => x ** 3, (x: number) => 7 * x - 2])
        assert.deepStrictEqual(mapped(f), auroc)
      assert.isTrue(Number.isNaN(auroc) || Math.abs(mapped((x) => -x) - (1 - auroc)) < 1e-12)
    })
    FastCheck.assert(property)
  })

  it("a perfectly calibrated score has no error, a sure and wrong one an error of 1", () => {
    assert.strictEqual(Reliability.ece([...at([0.5, 0.5], 1), ...at([0.5, 0.5], 0)]), 0)
    assert.strictEqual(Reliability.ece(at([1, 1], 0)), 1)
    assert.isNaN(Reliability.ece([]))
  })

  it("each score is in one bin, the edges and what lies outside included", () => {
    const bins = Reliability.reliabilityBins(at([-1, 0, 0.1, 0.10001, 1, 2], 1))
    assert.deepStrictEqual(
      bins.map(({ count, from }) => [from, count]),
      [
        [0, 3],
        [0.1, 1],
        [0.9, 2]
      ]
    )
  })
})
