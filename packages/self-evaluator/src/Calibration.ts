/**
 * Making scores mean what they say: a fitted map from a raw score to a probability. Plain data, so that it can be saved
 * beside the model it was fitted for.
 */
import * as Schema from "effect/Schema"
import type * as Scorer from "@mulligan/core/Scorer"
import * as SchemaVersion from "@mulligan/core/SchemaVersion"

/** p = 1 / (1 + exp(slope · score + intercept)); the slope is negative where higher scores are better. */
export const Platt = Schema.TaggedStruct("Platt", { slope: Schema.Finite, intercept: Schema.Finite })
export interface Platt extends Schema.Schema.Type<typeof Platt> {}

/** Straight lines between points with rising `x` and never falling `y`; level outside. */
export const Isotonic = Schema.TaggedStruct("Isotonic", {
  x: Schema.Array(Schema.Finite),
  y: Schema.Array(Schema.Finite)
})
export interface Isotonic extends Schema.Schema.Type<typeof Isotonic> {}

export const Calibration = Schema.Union([Platt, Isotonic])
export type Calibration = typeof Calibration.Type

export const CalibrationJson = SchemaVersion.versioned("Calibration", Calibration)

const between = ({ x, y }: Isotonic, score: number): number => {
  const right = x.findIndex((at) => at >= score)
  if (right === 0 || x.length === 0) return y[0] ?? score
  if (right === -1) return y.at(-1)!
  const [x0, x1, y0, y1] = [x[right - 1]!, x[right]!, y[right - 1]!, y[right]!]
  return y0 + ((y1 - y0) * (score - x0)) / (x1 - x0)
}

/** The probability that a raw score stands for, 0 to 1. */
export const apply = (self: Calibration, score: number): number =>
  self._tag === "Platt" ? 1 / (1 + Math.exp(self.slope * score + self.intercept)) : between(self, score)

/** Maps value and interval; the mass is of the raw score. */
export const calibrate = (self: Calibration, score: Scorer.Score): Scorer.Score => {
  const [lower, upper] = [apply(self, score.lower), apply(self, score.upper)]
  return { ...score, value: apply(self, score.value), lower: Math.min(lower, upper), upper: Math.max(lower, upper) }
}

/** A score and what came of it: 1 right (or won), 0 wrong, or a share in between. */
export interface Observation {
  readonly score: number
  readonly outcome: number
}

/**
 * Platt's sigmoid by Newton's method with his smoothed targets (Platt 1999; Lin, Lin and Weng 2007), which keep the fit
 * finite where scores separate outcomes perfectly.
 */
export const fitPlatt = (observations: ReadonlyArray<Observation>): Platt => {
  const right = observations.reduce((sum, { outcome }) => sum + outcome, 0)
  const wrong = observations.length - right
  const high = (right + 1) / (right + 2)
  const low = 1 / (wrong + 2)
  const points = observations.map(({ outcome, score }) => ({ score, target: outcome * high + (1 - outcome) * low }))
  let model: Platt = { _tag: "Platt", slope: 0, intercept: Math.log((wrong + 1) / (right + 1)) }
  for (let step = 0; step < 100; step++) {
    const next = newton(points, model)
    const moved = Math.abs(next.slope - model.slope) + Math.abs(next.intercept - model.intercept)
    model = next
    if (moved < 1e-12) break
  }
  return model
}

type Point = { readonly score: number; readonly target: number }

const RIDGE = 1e-12

const loss = (points: ReadonlyArray<Point>, { intercept, slope }: Platt): number =>
  points.reduce((sum, { score, target }) => {
    const z = slope * score + intercept
    return sum + target * z + (z > 0 ? Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z)) - z)
  }, 0)

/** One Newton step, halved until the loss does not rise. */
const newton = (points: ReadonlyArray<Point>, model: Platt): Platt => {
  let [g1, g0, h11, h10, h00] = [0, 0, RIDGE, 0, RIDGE]
  for (const { score, target } of points) {
    const p = apply(model, score)
    const weight = p * (1 - p)
    g1 += score * (target - p)
    g0 += target - p
    h11 += score * score * weight
    h10 += score * weight
    h00 += weight
  }
  const determinant = h11 * h00 - h10 * h10
  const before = loss(points, model)
  for (let size = 1; size > 1e-10; size /= 2) {
    const slope = model.slope - (size * (h00 * g1 - h10 * g0)) / determinant
    const intercept = model.intercept - (size * (h11 * g0 - h10 * g1)) / determinant
    const next: Platt = { _tag: "Platt", slope, intercept }
    if (loss(points, next) <= before) return next
  }
  return model
}

/** Isotonic regression by pooling adjacent violators (Zadrozny and Elkan 2002); equal scores are one point. */
export const fitIsotonic = (observations: ReadonlyArray<Observation>): Isotonic => {
  const pools: Array<{ first: number; last: number; sum: number; weight: number }> = []
  for (const { outcome, score } of byScore(observations)) {
    const top = pools.at(-1)
    if (top !== undefined && top.last === score && top.first === score) {
      top.sum += outcome
      top.weight += 1
    } else pools.push({ first: score, last: score, sum: outcome, weight: 1 })
  }
  const merged: typeof pools = []
  for (const pool of pools) {
    merged.push({ ...pool })
    while (merged.length > 1 && violates(merged.at(-2)!, merged.at(-1)!)) {
      const right = merged.pop()!
      const left = merged.at(-1)!
      Object.assign(left, { last: right.last, sum: left.sum + right.sum, weight: left.weight + right.weight })
    }
  }
  const points = merged.flatMap(({ first, last, sum, weight }) => {
    const y = sum / weight
    return first === last
      ? [{ x: first, y }]
      : [
          { x: first, y },
          { x: last, y }
        ]
  })
  return { _tag: "Isotonic", x: points.map(({ x }) => x), y: points.map(({ y }) => y) }
}

const byScore = (observations: ReadonlyArray<Observation>) => observations.toSorted((a, b) => a.score - b.score)

const violates = (left: { sum: number; weight: number }, right: { sum: number; weight: number }) =>
  left.sum / left.weight >= right.sum / right.weight
