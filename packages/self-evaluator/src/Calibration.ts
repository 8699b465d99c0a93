/**
 * Making scores mean what they say: a fitted map from a raw score to a probability. Plain data, so that it can be saved
 * beside the model it was fitted for.
 */
import * as Schema from "effect/Schema"
import * as SchemaVersion from "@mulligan/core/SchemaVersion"
import type * as Scorer from "@mulligan/core/Scorer"
import * as Isotonic from "./Isotonic.ts"
import * as Platt from "./Platt.ts"

/** Platt's sigmoid needs few observations; isotonic steps assume nothing of the curve and need a thousand or so. */
export const Calibration = Schema.Union([Platt.Platt, Isotonic.Isotonic])
export type Calibration = typeof Calibration.Type

export const CalibrationJson = SchemaVersion.versioned("Calibration", Calibration)

export { fit as fitPlatt } from "./Platt.ts"
export { fit as fitIsotonic } from "./Isotonic.ts"

/** The probability that a raw score stands for, 0 to 1. Never turns the order of two scores around; NaN stays NaN. */
export const apply = (self: Calibration, score: number): number =>
  self._tag === "Platt" ? Platt.apply(self, score) : Isotonic.apply(self, score)

/** Maps value and interval; the mass is of the raw score. */
export const calibrate = (self: Calibration, score: Scorer.Score): Scorer.Score => ({
  ...score,
  value: apply(self, score.value),
  lower: apply(self, score.lower),
  upper: apply(self, score.upper)
})
