import { assert, describe, it } from "@effect/vitest"
import { bootstrap, mean, meanInterval, random } from "../pocket/Statistics.ts"

describe("Statistics", () => {
  it("covers the true mean in about 95 of 100 samples", () => {
    const next = random(1)
    const covered = Array.from({ length: 200 }, () => {
      const { high, low } = meanInterval(Array.from({ length: 60 }, () => (next() < 0.7 ? 1 : 0)))
      return low <= 0.7 && 0.7 <= high ? 1 : 0
    })
    assert.isAbove(mean(covered), 0.89)
    assert.isBelow(mean(covered), 0.99)
  })

  it("gives the same interval for the same data", () => {
    const statistic = (rows: ReadonlyArray<number>) => mean(rows)
    assert.deepStrictEqual(bootstrap(50, statistic), bootstrap(50, statistic))
  })

  it("does not claim certainty from a few problems that all went well", () => {
    assert.deepStrictEqual(meanInterval([1, 1, 1, 1, 1, 1]), { low: 0.5, high: 1 })
    assert.deepStrictEqual(meanInterval([0, 0, 0, 0, 0, 0]), { low: 0, high: 0.5 })
  })
})
