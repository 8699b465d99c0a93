import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Scorer } from "@mulligan/core"
import { Stopping } from "@mulligan/strategies"
import { endScore } from "../../../pocket/Recording.ts"
import { adaptive, best, type Both, cheapest, one, oracle, self, taken } from "../../../pocket/report/Choosing.ts"
import { valueOf } from "../../../pocket/report/Figure.ts"
import { drawn, informed, over, perfect, row, samplesFor } from "../../../pocket/report/PerfectJudge.ts"
import { anyDrafts, draft } from "./drafts.ts"

const scored = (score: number, index: number): Scorer.Scored => ({
  index,
  prompt: "",
  tokens: [],
  seed: 0,
  temperature: 1,
  score: Scorer.exact(score)
})

describe("choosing", () => {
  it("stops where Stopping.threshold does and chooses as Scorer.better ranks", () => {
    fc.assert(
      fc.property(anyDrafts, fc.double({ min: 0, max: 1.1, noNaN: true }), (drafts, threshold) => {
        const history = drafts.map((d, i) => scored(endScore(d), i))
        const rule = Stopping.threshold(threshold)
        const at = history.findIndex((_, i) => rule(history.slice(0, i + 1)))
        const seen = taken(drafts, threshold)
        assert.strictEqual(seen.length, at === -1 ? drafts.length : at + 1)
        const winner = history.slice(0, seen.length).toSorted(Scorer.better)[0]
        assert.strictEqual(best(seen), drafts[winner?.index ?? -1])
      })
    )
  })

  it("knows one, the best by score, and the best possible", () => {
    const drafts = [draft(0, 0.9), draft(1, 0.8), draft(0, 0.1), draft(0, 0.2)]
    assert.deepStrictEqual([one(drafts), self(drafts), oracle(drafts)], [0.25, 0, 1])
    assert.strictEqual(
      self(drafts, (d) => d.meanLogProb),
      0
    )
  })

  it("counts the drafts and their tokens, the end of text included", () => {
    const drafts = [draft(0, 0.2), draft(1, 0.8, { length: 6 }), draft(0, 0.9)]
    assert.deepStrictEqual(adaptive(drafts, 0.5), { samples: 2, right: 1, tokens: 5 + 7 })
    assert.deepStrictEqual(adaptive(drafts, Infinity), { samples: 3, right: 0, tokens: 17 })
  })

  it("takes the threshold that draws least among those that reach the share", () => {
    // One draft: 1/2. Best of two by score: both right. At .3 all stop at once; at .6 the second problem is mended.
    const problems: ReadonlyArray<Both> = [
      { warm: [draft(1, 0.9), draft(0, 0.3)], annealed: [draft(1, 0.7), draft(1, 0.9)] },
      { warm: [draft(0, 0.3), draft(1, 0.9)], annealed: [draft(0, 0.4), draft(1, 0.8)] }
    ]
    assert.strictEqual(cheapest(problems, 0.9), 0.7)
    assert.strictEqual(cheapest(problems, 0), 0.4)
    assert.strictEqual(cheapest(problems, 1.1), Infinity)
  })
})

describe("perfect judges", () => {
  const both = (annealed: ReadonlyArray<number>, rights = 0): Both => ({
    annealed: annealed.map((right) => draft(right, 0.5)),
    warm: Array.from({ length: 4 }, (_, i) => draft(i < rights ? 1 : 0, 0.5))
  })

  it("stop at the first right draft or give up", () => {
    const { annealed } = both([0, 0, 1, 0])
    assert.deepStrictEqual(drawn(annealed, 2), { samples: 2, accuracy: 0 })
    assert.deepStrictEqual(drawn(annealed, 4), { samples: 3, accuracy: 1 })
  })

  it("mix two numbers of drafts linearly, and cost what the end costs beyond it", () => {
    const curve = [
      { samples: 1, accuracy: 0.5 },
      { samples: 1.4, accuracy: 0.7 },
      { samples: 2, accuracy: 0.8 }
    ]
    const table = [
      [0.3, 1],
      [0.5, 1],
      [0.6, 1.2],
      [0.75, 1.7],
      [0.8, 2],
      [0.9, 2]
    ]
    for (const [accuracy = 0, samples = 0] of table) assert.closeTo(samplesFor(curve, accuracy), samples, 1e-12)
  })

  it("are compared with ours at our accuracy, over all problems together", () => {
    // Of two problems the first draft is right once, the second mends the other: (1, .5), (1.5, 1).
    const problems = [both([1, 0]), both([0, 1])]
    const ours = [
      { samples: 2, accuracy: 1 },
      { samples: 2, accuracy: 1 }
    ]
    const rows = problems.map((problem, i) => row(ours[i]!, perfect(problem)))
    assert.closeTo(valueOf(rows, over), 2 / 1.5, 1e-12)
  })

  it("who know the chances leave the hopeless alone", () => {
    const problems = [both([0, 0, 0, 0], 0), both([0, 1, 0, 0], 2)]
    const ours = [
      { samples: 1, accuracy: 0 },
      { samples: 2, accuracy: 1 }
    ]
    const rows = (curve: typeof perfect) => problems.map((problem, i) => row(ours[i]!, curve(problem)))
    assert.closeTo(valueOf(rows(informed), over), 1, 1e-12)
    // The other one gives the hopeless problem a second draft too.
    assert.closeTo(valueOf(rows(perfect), over), 3 / 4, 1e-12)
  })
})
