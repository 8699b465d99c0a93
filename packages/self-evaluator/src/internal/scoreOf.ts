import type * as Backend from "@mulligan/core/Backend"
import * as Scorer from "@mulligan/core/Scorer"

/**
 * P(keep) / (P(keep) + P(restart)) from log-probabilities that may be far below what `exp` can hold; `unknown` where
 * neither is possible.
 */
const share = (keep: number, restart: number, unknown: number): number => {
  if (keep === -Infinity && restart === -Infinity) return unknown
  const x = restart - keep
  return x > 0 ? Math.exp(-x) / (1 + Math.exp(-x)) : 1 / (1 + Math.exp(x))
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value))

/** The share from the bounds: least keep against most restart, and the other way round; the value is halfway. */
export const scoreOf = ({ labels: [keep, restart], over }: Backend.LogProbs): Scorer.Score => {
  if (keep === undefined || restart === undefined) return Scorer.exact(NaN)
  const lower = share(keep.lower, restart.upper, 0)
  const upper = share(keep.upper, restart.lower, 1)
  const value = lower === upper ? lower : (lower + upper) / 2
  if (over === "labels") return { value, lower, upper }
  const sums = [keep.lower, restart.lower, keep.upper, restart.upper].map(Math.exp)
  return { value, lower, upper, mass: clamp(sums.reduce((a, b) => a + b) / 2) }
}
