import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { measure } from "../src/Measures.ts"
import { logSumExp, suppress } from "../src/Sampler.ts"

const logits = Float32Array.of(2, -1, 0.5, 0, 3)
const all = { vocabulary: 5, suppressed: [] }

// Worked out from the papers' formulas: of log-softmax [2, -1, .5, 0, 3], falling, minus the mean of the first k; -Σ log(5 p) / 5.
const table = [
  [{ confidence: 1 }, { confidence: 0.41744 }],
  [{ confidence: 2 }, { confidence: 0.91744 }],
  [{ confidence: 20 }, { confidence: 2.51744 }],
  [{ certainty: true }, { certainty: 0.908 }],
  [
    { confidence: 2, certainty: true },
    { confidence: 0.91744, certainty: 0.908 }
  ],
  [{ certainty: false }, {}],
  [{}, {}]
] as const

describe("what is told of a distribution", () => {
  it.each(table)("%j is %j", (asked, wanted) => {
    const told = measure({ logits }, all, asked)
    assert.deepStrictEqual(Object.keys(told), Object.keys(wanted))
    for (const [name, value] of Object.entries(wanted))
      assert.approximately(told[name as keyof typeof told] ?? NaN, value, 1e-4)
  })

  it("is the same from the likeliest and the mean as from whole logits, without what is never drawn", () => {
    const value = fc.double({ min: -12, max: 12, noNaN: true })
    fc.assert(
      fc.property(fc.array(value, { minLength: 3, maxLength: 40 }), fc.integer({ min: 1, max: 60 }), (values, k) => {
        const own = Float32Array.from(values)
        const of = { vocabulary: own.length, suppressed: [1, 1, 99] }
        const drawable = suppress(own, of.suppressed).slice(0, own.length)
        const total = logSumExp(drawable)
        const logProbs = Float64Array.from(drawable, (x) => x - total).toSorted((a, b) => b - a)
        const mean = logProbs.subarray(0, -1).reduce((a, b) => a + b, 0) / (own.length - 1)
        const top = { ids: [], probabilities: [], logProbs, mean }
        const asked = { confidence: k, certainty: true }
        const [whole, part] = [measure({ logits: own }, of, asked), measure({ top }, of, asked)]
        assert.approximately(part.confidence!, whole.confidence!, 1e-9)
        assert.approximately(part.certainty!, whole.certainty!, 1e-9)
        assert.isTrue(Number.isFinite(whole.confidence) && whole.certainty! >= 0)
      })
    )
  })

  it("is infinitely certain where a token that may be drawn is impossible, and not at all where all are alike", () => {
    const impossible = Float32Array.of(0, 1, -Infinity)
    assert.strictEqual(
      measure({ logits: impossible }, { ...all, vocabulary: 3 }, { certainty: true }).certainty,
      Infinity
    )
    const flat = new Float32Array(5)
    const told = measure({ logits: flat }, all, { certainty: true, confidence: 3 })
    assert.deepStrictEqual(told, { confidence: Math.log(5), certainty: 0 })
  })
})
