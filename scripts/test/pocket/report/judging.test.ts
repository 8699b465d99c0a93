import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Reliability } from "@mulligan/self-evaluator"
import { endScore } from "../../../pocket/Recording.ts"
import { figure, holds, meanFigure, ratio, valueOf } from "../../../pocket/report/Figure.ts"
import { binned, bins, ece, observations, pairs, winOrTie } from "../../../pocket/report/Judging.ts"
import { row as crossRow } from "../../../pocket/report/cross.ts"
import { anyDrafts, draft } from "./drafts.ts"

const asObservations = (drafts: ReadonlyArray<ReturnType<typeof draft>>) =>
  drafts.map((d) => ({ score: endScore(d), outcome: d.right }))

describe("figures of judging", () => {
  it("sums pairs to what Reliability.aurocWithin gives", () => {
    fc.assert(
      fc.property(fc.array(anyDrafts, { minLength: 1, maxLength: 8 }), (problems) => {
        const ours = valueOf(
          problems.map((drafts) => pairs(drafts, endScore)),
          ratio
        )
        const theirs = Reliability.aurocWithin(problems.map(asObservations))
        if (Number.isNaN(theirs)) assert.isNaN(ours)
        else assert.closeTo(ours, theirs, 1e-12)
      })
    )
  })

  it("sums bins to what Reliability.ece gives of all problems together", () => {
    fc.assert(
      fc.property(fc.array(anyDrafts, { minLength: 1, maxLength: 8 }), (problems) => {
        const all = problems.map((drafts) => observations(drafts, endScore))
        assert.closeTo(valueOf(all.map(binned), ece), Reliability.ece(all.flat()), 1e-9)
      })
    )
  })

  it("gives a wrong draft the share of the others that are wrong", () => {
    const drafts = [draft(1, 0.9), draft(0, 0.5), draft(0, 0.2), draft(1, 0.7)]
    assert.deepStrictEqual(
      observations(drafts, endScore).map((o) => o.outcome),
      [1, 1 - 2 / 3, 1 - 2 / 3, 1]
    )
    assert.strictEqual(winOrTie(0, 0), 1)
  })

  it("keeps the bins that hold something, with their means", () => {
    const row = binned([
      { score: 0.12, outcome: 0 },
      { score: 0.18, outcome: 1 },
      { score: 1, outcome: 1 }
    ])
    const [low, high, ...rest] = bins([row, row])
    assert.deepInclude(low, { count: 4, outcome: 0.5 })
    assert.closeTo(low?.score ?? 0, 0.15, 1e-12)
    assert.deepStrictEqual(high, { count: 2, score: 1, outcome: 1 })
    assert.isEmpty(rest)
  })

  it("takes the chance of the judging model's own other drafts when it judges another's", () => {
    // Two of four own drafts are right, so a foreign wrong one ties with half of the restarts.
    const own = [draft(1, 0.55), draft(0, 0.65), draft(1, 0.75), draft(0, 0.85)]
    const foreign = [draft(0, 0.1), draft(1, 0.1)]
    const judged = [draft(0, 0.15), draft(0, 0.25)]
    const row = crossRow(own, foreign, judged, 1)
    const outcomeIn = (bin: number) => row[3 * bin + 2]
    assert.deepStrictEqual([1, 2, 5, 6, 7, 8].map(outcomeIn), [0.5, 1, 1, 1 - 2 / 3, 1, 1 - 2 / 3])
  })
})

describe("Figure", () => {
  it("has an interval around the value that is narrower with more problems", () => {
    const alternating = (count: number) =>
      meanFigure(
        "half",
        Array.from({ length: count }, (_, i) => i % 2)
      )
    const [few, many] = [alternating(20), alternating(2000)]
    assert.strictEqual(few.value, 0.5)
    assert.isBelow(few.low ?? 1, 0.5)
    assert.isAbove(few.high ?? 0, 0.5)
    const width = (f: typeof few) => (f.high ?? 0) - (f.low ?? 0)
    // The standard error of the mean of 2000 halves is .0112.
    assert.closeTo(width(many), 2 * 1.96 * 0.0112, 0.008)
    assert.isBelow(width(many), width(few) / 5)
  })

  it("is null where it is not defined, and leaves such resamples out", () => {
    assert.deepInclude(figure("none", [[0, 0]], ratio), { value: null, low: null, high: null })
    const rare = figure("rare", [[1, 1], ...Array.from({ length: 9 }, () => [0, 0])], ratio)
    assert.deepInclude(rare, { value: 1, low: 1, high: 1 })
  })

  it.each([
    [">= .99", 0.99, true],
    [">= .99", 0.98, false],
    ["<= 1.2", 1.2, true],
    ["<= 1.2", 1.21, false],
    [">= .75 (hope)", 0.7, false],
    [null, 1, undefined]
  ])("aim %s with %d: %s", (target, value, held) => {
    assert.strictEqual(holds({ figure: "x", value, low: value, high: value, target }), held)
  })
})
