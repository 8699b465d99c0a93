import { assert, describe, it } from "@effect/vitest"
import { Calibration, type Observation } from "@mulligan/self-evaluator"
import * as Schema from "effect/Schema"
import * as FastCheck from "fast-check"
import { cases, grid, observations } from "./fixtures.ts"

const near = (a: number, b: number, tolerance: number) => assert.isBelow(Math.abs(a - b), tolerance, `${a} is not ${b}`)
const fits = [Calibration.fitPlatt, Calibration.fitIsotonic]
const share = FastCheck.double({ min: 0, max: 1, noNaN: true })
const some = FastCheck.array(
  FastCheck.record({
    score: FastCheck.oneof(share, FastCheck.constantFrom(0, 0.5, 1)),
    outcome: FastCheck.constantFrom(0, 1)
  }),
  { maxLength: 30 }
)
const holds = (property: (data: ReadonlyArray<Observation>) => void) =>
  FastCheck.assert(FastCheck.property(some, property))

describe.each(cases)("as scikit-learn on $name", (known) => {
  it("Platt: slope, intercept and the curve", () => {
    const fit = Calibration.fitPlatt(observations(known))
    near(fit.slope / known.platt.slope, 1, 1e-3)
    near(fit.intercept, known.platt.intercept, 1e-3)
    grid.forEach((score, i) => near(Calibration.apply(fit, score), known.platt.at[i]!, 1e-4))
  })

  it("isotonic: between, at and beyond the points", () => {
    const fit = Calibration.fitIsotonic(observations(known))
    grid.forEach((score, i) => near(Calibration.apply(fit, score), known.isotonic.at[i]!, 1e-12))
  })
})

describe("Calibration", () => {
  it("never turns the order around, and gives probabilities", () => {
    holds((data) => {
      for (const fit of fits.map((f) => f(data))) {
        const mapped = [-Infinity, ...grid, Infinity].map((score) => Calibration.apply(fit, score))
        assert.isTrue(
          mapped.every((p) => p >= 0 && p <= 1),
          mapped.join()
        )
        mapped.forEach((p, i) => assert.isTrue(i === 0 || p >= mapped[i - 1]!, mapped.join()))
      }
    })
  })

  it("of scores that are worse than chance is flat, at about the share of right ones", () => {
    const fit = Calibration.fitPlatt([0.1, 0.2, 0.8, 0.9].map((score) => ({ score, outcome: score < 0.5 ? 1 : 0 })))
    assert.deepStrictEqual(fit, { _tag: "Platt", slope: 0, intercept: 0 })
  })

  it("isotonic steps rise, and their mean is the mean outcome", () => {
    holds((data) => {
      const { x, y } = Calibration.fitIsotonic(data)
      assert.isTrue(y.every((p, i) => i === 0 || (p >= y[i - 1]! && x[i]! > x[i - 1]!)))
      const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / (values.length || 1)
      const fitted = data.map(({ score }) => Calibration.apply(Calibration.fitIsotonic(data), score))
      near(mean(fitted), mean(data.map(({ outcome }) => outcome)), 1e-9)
    })
  })

  it("isotonic steps end where they should, to the last bit", () => {
    // 0.3 + (0.9 - 0.3) is more than 0.9, and what follows is level.
    const step: Calibration.Calibration = { _tag: "Isotonic", x: [0, 1, 2], y: [0.3, 0.9, 0.9] }
    assert.strictEqual(Calibration.apply(step, 1), 0.9)
  })

  it("maps value and interval, keeps the mass", () => {
    const fit = Calibration.fitPlatt(observations(cases[0]!))
    const { lower, mass, upper, value } = Calibration.calibrate(fit, { value: 0.5, lower: 0.2, upper: 0.7, mass: 0.3 })
    assert.deepStrictEqual(
      [lower, value, upper],
      [0.2, 0.5, 0.7].map((score) => Calibration.apply(fit, score))
    )
    assert.isTrue(lower < value && value < upper)
    assert.strictEqual(mass, 0.3)
  })

  it("says nothing of a score that is no number", () => {
    for (const fit of [...fits.map((f) => f(observations(cases[0]!))), Calibration.fitPlatt([])]) {
      assert.isNaN(Calibration.apply(fit, NaN))
    }
  })

  it("survives JSON", () => {
    holds((data) => {
      for (const fit of fits.map((f) => f(data))) {
        const written = JSON.stringify(Schema.encodeSync(Calibration.CalibrationJson)(fit))
        // JSON has no -0.
        const plain = JSON.parse(JSON.stringify(fit)) as unknown
        assert.deepStrictEqual<unknown>(
          Schema.decodeUnknownSync(Calibration.CalibrationJson)(JSON.parse(written)),
          plain
        )
      }
    })
  })

  it.each([
    { _tag: "Platt", slope: 1, intercept: 0 },
    { _tag: "Isotonic", x: [0, 1], y: [1, 0] },
    { _tag: "Isotonic", x: [1, 0], y: [0, 1] },
    { _tag: "Isotonic", x: [0, 1], y: [0] },
    { _tag: "Isotonic", x: [], y: [] }
  ])("refuses to read one that would turn the order around: %j", (value) => {
    const read = Schema.decodeUnknownSync(Calibration.CalibrationJson)
    assert.throws(() => read({ type: "Calibration", version: 1, value }))
  })
})
