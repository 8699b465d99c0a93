import { assert, describe, it } from "@effect/vitest"
import { Bootstrap } from "@mulligan/lab"
import * as fc from "fast-check"

const values = (count: number, of: (i: number) => number) => Array.from({ length: count }, (_, i) => of(i))
/** Spread evenly over 0 to 1, in no order. */
const uniform = values(400, (i) => ((i * 7919) % 400) / 400)

describe("Resamples", () => {
  it("gives the interval that theory gives of a mean", () => {
    const { high, low, value } = new Bootstrap.Resamples(400, { resamples: 4000 }).mean(uniform)
    const error = 1.96 * Math.sqrt(1 / 12 / 400)
    assert.closeTo(value, 0.49875, 1e-12)
    assert.closeTo(low, value - error, 0.1 * error)
    assert.closeTo(high, value + error, 0.1 * error)
  })

  it("compares problem by problem: what all have in common does not widen a difference", () => {
    const better = uniform.map((value, i) => value + (i % 2 === 0 ? 0.02 : 0.01))
    const resamples = new Bootstrap.Resamples(400)
    const { high, low, value } = resamples.difference(better, uniform)
    assert.closeTo(value, 0.015, 1e-9)
    assert.isAbove(low, 0.014)
    assert.isBelow(high, 0.016)
    assert.isAbove(resamples.mean(uniform).high - resamples.mean(uniform).low, 0.05)
  })

  it("is the same for the same problems and seed, and another for another seed", () => {
    const of = (seed: number) => new Bootstrap.Resamples(400, { seed }).mean(uniform)
    assert.deepStrictEqual(of(1), of(1))
    assert.notDeepEqual(of(1), of(2))
  })

  it("claims no certainty where every problem came out alike (rule of three)", () => {
    const resamples = new Bootstrap.Resamples(100)
    assert.deepStrictEqual(resamples.mean(values(100, () => 1)), { value: 1, low: 0.97, high: 1 })
    assert.deepStrictEqual(resamples.mean(values(100, () => 0)), { value: 0, low: 0, high: 0.03 })
  })

  it("leaves out resamples in which nothing is to be measured", () => {
    const resamples = new Bootstrap.Resamples(4)
    const ratio = resamples.ofSums(
      [
        [1, 0, 0, 0],
        [2, 0, 0, 0]
      ],
      ([a = 0, b = 0]) => a / b
    )
    assert.deepStrictEqual(ratio, { value: 0.5, low: 0.5, high: 0.5 })
    const never = resamples.ofSums([[0, 0, 0, 0]], ([a = 0]) => a / 0)
    assert.deepStrictEqual(never, { value: NaN, low: NaN, high: NaN })
  })

  it("has the value between its bounds, for a mean of anything", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 30 }), (column) => {
        const { high, low, value } = new Bootstrap.Resamples(column.length).mean(column)
        assert.isAtMost(low, value + 1e-9)
        assert.isAtLeast(high, value - 1e-9)
      })
    )
  })

  it.each([0, 1.5, NaN])("refuses %s resamples", (resamples) =>
    assert.throws(() => new Bootstrap.Resamples(3, { resamples }), RangeError)
  )
})
