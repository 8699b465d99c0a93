import { assert, describe, it } from "@effect/vitest"
import * as Balance from "@mulligan/lab/preferences/Balance"
import * as fc from "fast-check"

const row = (target: number, truncated: boolean, order = 0): Balance.Row => ({ target, truncated, order })
const repeat = (count: number, target: number, truncated: boolean) =>
  Array.from({ length: count }, (_, i) => row(target, truncated, (i * 0.618) % 1))

/** The share of all weight that some rows have. */
const share = (rows: ReadonlyArray<Balance.Row>, weights: Float64Array, of: (row: Balance.Row) => boolean) => {
  const sum = (all: ReadonlyArray<number>) => all.reduce((a, b) => a + b, 0)
  return sum(rows.map((row, i) => (of(row) ? weights[i]! : 0))) / sum([...weights])
}

describe("Balance", () => {
  const lopsided = [
    ...repeat(700, 1, true),
    ...repeat(200, 0.5, true),
    ...repeat(60, 0.5, false),
    ...repeat(40, 0, false)
  ]

  it("leaves everything alone where nothing is asked", () => {
    for (const by of ["weight", "drop"] as const)
      assert.deepStrictEqual(
        [...Balance.weights(lopsided, { by })],
        lopsided.map(() => 1)
      )
  })

  it.each(["weight", "drop"] as const)("gives each bin of targets its share, by %s", (by) => {
    const weights = Balance.weights(lopsided, { targets: [1, 2, 1], by })
    assert.closeTo(
      share(lopsided, weights, ({ target }) => target < 1 / 3),
      0.25,
      0.01
    )
    assert.closeTo(
      share(lopsided, weights, ({ target }) => target === 0.5),
      0.5,
      0.01
    )
    assert.closeTo(
      share(lopsided, weights, ({ target }) => target === 1),
      0.25,
      0.01
    )
  })

  it.each(["weight", "drop"] as const)("gives cut and whole rows their shares, by %s", (by) => {
    const weights = Balance.weights(lopsided, { truncated: 0.25, by })
    assert.closeTo(
      share(lopsided, weights, ({ truncated }) => truncated),
      0.25,
      0.01
    )
  })

  it("weighs both at once, without losing a row, to a mean of 1", () => {
    const rows = [...repeat(50, 0, true), ...repeat(10, 0, false), ...repeat(300, 1, true), ...repeat(5, 1, false)]
    const weights = Balance.weights(rows, { targets: [1, 1], truncated: 0.5 })
    assert.isTrue(weights.every((weight) => weight > 0))
    assert.closeTo(weights.reduce((a, b) => a + b) / rows.length, 1, 1e-9)
    for (const target of [0, 1])
      for (const truncated of [true, false])
        assert.closeTo(
          share(rows, weights, (row) => row.target === target && row.truncated === truncated),
          0.25,
          1e-9
        )
  })

  it("drops no more than it must, those of the highest order, whatever their place", () => {
    const rows = [row(0, false, 0.9), row(1, false, 0.8), row(1, false, 0.1), row(1, false, 0.5)]
    assert.deepStrictEqual([...Balance.weights(rows, { targets: [1, 1], by: "drop" })], [1, 0, 1, 0])
    const turned = rows.toReversed()
    assert.deepStrictEqual([...Balance.weights(turned, { targets: [1, 1], by: "drop" })], [0, 1, 0, 1])
  })

  it("gives what an empty kind should have to the others", () => {
    const rows = [...repeat(30, 0, false), ...repeat(10, 1, false)]
    const weights = Balance.weights(rows, { targets: [1, 1, 1] })
    assert.closeTo(
      share(rows, weights, ({ target }) => target === 0),
      0.5,
      1e-9
    )
  })

  it("leaves a kind out whose share is 0", () => {
    const rows = [row(0, true), row(0, false)]
    for (const by of ["weight", "drop"] as const)
      assert.deepStrictEqual([...Balance.weights(rows, { truncated: 0, by })], [0, 1])
  })

  it("asks for what it can have: dropped rows are in no greater number than there are", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean()), { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
        (all, targets) => {
          const rows = all.map(([target, truncated], i) => row(target, truncated, i / 40))
          const weights = Balance.weights(rows, { targets, by: "drop" })
          assert.isTrue(weights.every((weight) => weight === 0 || weight === 1))
          if (rows.length > 0)
            assert.isAbove(
              weights.reduce((a, b) => a + b),
              0
            )
        }
      )
    ))

  it.each([{ targets: [] }, { targets: [0, 0] }, { targets: [-1, 2] }, { truncated: 2 }, { truncated: NaN }])(
    "refuses %j",
    (asked) => assert.throws(() => Balance.weights([], asked), RangeError)
  )
})
