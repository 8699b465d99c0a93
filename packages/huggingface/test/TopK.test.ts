import { assert, describe, it } from "@effect/vitest"
import { TopK } from "@mulligan/huggingface"
import * as fc from "fast-check"

const near = (a: number, b: number) => assert.isTrue(a === b || Math.abs(a - b) < 1e-5, `${a} is not ${b}`)

/** Any distribution, however peaked, its likeliest k, and the ids of a label. */
const cases = fc
  .tuple(
    fc.array(fc.double({ min: -30, max: 5, noNaN: true }), { minLength: 2, maxLength: 60 }),
    fc.nat(60),
    fc.array(fc.nat(59), { minLength: 1, maxLength: 6 })
  )
  .map(([logits, k, picked]) => {
    const total = logits.reduce((sum, x) => sum + Math.exp(x), 0)
    const all = logits.map((x, key) => ({ key, logProb: x - Math.log(total) }))
    const ids = new Set(picked.map((id) => id % all.length))
    const listed = all.toSorted((a, b) => b.logProb - a.logProb).slice(0, Math.max(1, k))
    const truth = all.filter(({ key }) => ids.has(key)).reduce((sum, { logProb }) => sum + Math.exp(logProb), 0)
    return { all, ids, listed, truth }
  })

const bounds = (
  { ids, listed }: { ids: ReadonlySet<number>; listed: ReadonlyArray<TopK.Listed<number>> },
  spellings = ids.size
) => TopK.bounds(listed, [{ is: (key) => ids.has(key), spellings }])[0]!

describe("bounds from a list of the likeliest", () => {
  it("always contain the truth, whatever the distribution and the list's length", () => {
    fc.assert(
      fc.property(cases, (known) => {
        for (const { lower, upper } of [bounds(known), bounds(known, Infinity)]) {
          assert.isAtMost(lower, upper)
          assert.isAtMost(upper, 0)
          assert.isAtMost(Math.exp(lower), known.truth + 1e-9)
          assert.isAtLeast(Math.exp(upper), known.truth - 1e-9)
        }
      }),
      { numRuns: 2000 }
    )
  })

  it("are exact where every spelling is listed", () => {
    fc.assert(
      fc.property(cases, (known) => {
        const { lower, upper } = bounds({ ...known, listed: known.all })
        assert.strictEqual(lower, upper)
        near(Math.exp(lower), known.truth)
      })
    )
  })

  it("are no wider with a longer list", () => {
    fc.assert(
      fc.property(cases, (known) => {
        const sorted = known.all.toSorted((a, b) => b.logProb - a.logProb)
        const widths = sorted.map((_, k) => {
          const { lower, upper } = bounds({ ...known, listed: sorted.slice(0, k + 1) })
          return Math.exp(upper) - Math.exp(lower)
        })
        widths.slice(1).forEach((width, i) => assert.isAtMost(width, widths[i]! + 1e-6))
      })
    )
  })

  it.each([
    ["not listed, one spelling", [0.5, 0.3], [], 1, 0, 0.2],
    ["not listed, the least listed is less than what is left", [0.5, 0.1], [], 1, 0, 0.1],
    ["not listed, two spellings", [0.5, 0.1], [], 2, 0, 0.2],
    ["not listed, open", [0.5, 0.1], [], Infinity, 0, 0.4],
    ["one of two listed", [0.5, 0.3], [1], 2, 0.3, 0.5],
    ["all listed", [0.5, 0.3], [0, 1], 2, 0.8, 0.8],
    ["nothing left", [0.7, 0.3], [], 3, 0, 0]
  ] as const)("%s", (_, listed, own, spellings, lower, upper) => {
    const ids = new Set<number>(own)
    const found = bounds({ ids, listed: listed.map((p, key) => ({ key, logProb: Math.log(p) })) }, spellings)
    near(Math.exp(found.lower), lower)
    near(Math.exp(found.upper), upper)
  })

  it("a list that adds up to more than all there is does not count", () => {
    const list = (...all: ReadonlyArray<number>) => all.map((p, key) => ({ key, logProb: Math.log(p) }))
    assert.isTrue(TopK.isNormalised(list(0.6, 0.4)))
    assert.isTrue(TopK.isNormalised(list(0.6, 0.4005)))
    assert.isFalse(TopK.isNormalised(list(0.6, 0.41)))
    assert.isTrue(TopK.isNormalised([]))
    assert.isFalse(TopK.isNormalised([{ key: 0, logProb: NaN }]))
  })

  it("any part of a distribution is one that counts", () => {
    fc.assert(fc.property(cases, ({ listed }) => assert.isTrue(TopK.isNormalised(listed))))
  })
})

describe("confidence from a list of the likeliest", () => {
  const logs = (...all: ReadonlyArray<number>) => all.map(Math.log)
  it.each([
    ["the likeliest alone", logs(0.5, 0.3, 0.1), 1, -Math.log(0.5)],
    ["of any order", logs(0.1, 0.5, 0.3), 2, -(Math.log(0.5) + Math.log(0.3)) / 2],
    ["a drawn token besides", logs(0.001, 0.5, 0.3), 2, -(Math.log(0.5) + Math.log(0.3)) / 2],
    ["all there are", logs(0.6, 0.4), 5, -(Math.log(0.6) + Math.log(0.4)) / 2],
    ["a certain one", [1e-9], 1, 0],
    ["some are missing", logs(0.5, 0.3), 3, undefined],
    ["none came", [], 1, undefined]
  ] as const)("%s", (_, listed, count, expected) => {
    const found = TopK.confidence(listed, count)
    if (expected === undefined) assert.isUndefined(found)
    else near(found!, expected)
  })
})
