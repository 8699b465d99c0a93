/**
 * Platt scaling: a sigmoid from score to probability (Platt 1999).
 */
import * as Schema from "effect/Schema"
import type { Observation } from "./Observation.ts"

/** p = 1 / (1 + exp(slope · score + intercept)). The slope is at most 0, so a better score is never a lower probability. */
export const Platt = Schema.TaggedStruct("Platt", {
  slope: Schema.Finite.check(Schema.isLessThanOrEqualTo(0)),
  intercept: Schema.Finite
})
export interface Platt extends Schema.Schema.Type<typeof Platt> {}

/** The probability that a score stands for, 0 to 1. */
export const apply = ({ intercept, slope }: Platt, score: number): number =>
  // A flat curve says the same of an infinite score, where 0 · Infinity would say nothing.
  1 / (1 + Math.exp(slope === 0 && !Number.isNaN(score) ? intercept : slope * score + intercept))

interface Point {
  readonly score: number
  readonly target: number
}

/** Platt's smoothed targets keep the fit finite where scores separate outcomes perfectly. */
const targets = (observations: ReadonlyArray<Observation>): ReadonlyArray<Point> => {
  const right = observations.reduce((sum, { outcome }) => sum + outcome, 0)
  const wrong = observations.length - right
  const high = (right + 1) / (right + 2)
  const low = 1 / (wrong + 2)
  return observations.map(({ outcome, score }) => ({ score, target: outcome * high + (1 - outcome) * low }))
}

/** Cross-entropy, as log(1 + exp(z)) that neither overflows nor cancels (Lin, Lin and Weng 2007). */
const loss = (points: ReadonlyArray<Point>, { intercept, slope }: Platt): number =>
  points.reduce((sum, { score, target }) => {
    const z = slope * score + intercept
    return sum + target * z + Math.max(0, -z) + Math.log1p(Math.exp(-Math.abs(z)))
  }, 0)

/** Keeps the curvature invertible where all scores are equal. */
const RIDGE = 1e-12

/** Where Newton's method would go: the gradient by the inverse of the curvature. */
const direction = (points: ReadonlyArray<Point>, model: Platt): readonly [slope: number, intercept: number] => {
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
  return [(h00 * g1 - h10 * g0) / determinant, (h11 * g0 - h10 * g1) / determinant]
}

/** One step, halved until the loss falls; the same model where none does. */
const step = (points: ReadonlyArray<Point>, model: Platt): Platt => {
  const [slope, intercept] = direction(points, model)
  const before = loss(points, model)
  for (let size = 1; size > 1e-10; size /= 2) {
    const next = { ...model, slope: model.slope - size * slope, intercept: model.intercept - size * intercept }
    if (loss(points, next) < before) return next
  }
  return model
}

/**
 * The likeliest sigmoid, by Newton's method. Scores that are worse than chance get a flat one, at the share of right
 * outcomes: a calibration never turns the order around.
 */
export const fit = (observations: ReadonlyArray<Observation>): Platt => {
  const points = targets(observations)
  const mean = points.reduce((sum, { target }) => sum + target, 0) / points.length
  const flat: Platt = { _tag: "Platt", slope: 0, intercept: points.length === 0 ? 0 : Math.log(1 / mean - 1) }
  let model = flat
  for (let steps = 0; steps < 100; steps++) {
    const next = step(points, model)
    if (next === model) break
    model = next
  }
  return model.slope <= 0 ? model : flat
}
