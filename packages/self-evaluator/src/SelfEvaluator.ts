/**
 * A scorer that asks the model itself whether it would do better if it started over (Manvi, Singh and Ermon, arXiv
 * 2410.02725). Works on finished and on unfinished candidates.
 */
import * as Effect from "effect/Effect"
import * as Backend from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import type * as Scorer from "@mulligan/core/Scorer"
import * as Calibration from "./Calibration.ts"
import * as Question from "./Question.ts"

export interface Options {
  /** Default: the paper's wording, answered by "No" (keep) and "Yes" (restart). */
  readonly question?: Question.Question | undefined
  /** Maps the raw score to a probability that holds for this model; left out: the raw score. */
  readonly calibration?: Calibration.Calibration | undefined
}

/** 1 / (1 + exp(x)), exact at both ends. */
const odds = (x: number): number => (x > 0 ? Math.exp(-x) / (1 + Math.exp(-x)) : 1 / (1 + Math.exp(x)))

/** P(keep) / (P(keep) + P(restart)) from log-probabilities that may be far below what `exp` can hold. */
const share = (keep: number, restart: number): number =>
  keep === restart ? 0.5 : keep === -Infinity ? 0 : restart === -Infinity ? 1 : odds(restart - keep)

const clamp = (value: number): number => Math.min(1, Math.max(0, value))

/**
 * The share from the bounds: least keep against most restart, and the other way round. The value is the share of the
 * middles where both are exact or bounded, and always within.
 */
const scoreOf = ({ labels: [keep, restart], over }: Backend.LogProbs): Scorer.Score => {
  if (keep === undefined || restart === undefined) return { value: NaN, lower: NaN, upper: NaN }
  const lower = share(keep.lower, restart.upper)
  const upper = share(keep.upper, restart.lower)
  const value = lower === upper ? lower : (lower + upper) / 2
  if (over === "labels") return { value, lower, upper }
  const mass = clamp(
    (Math.exp(keep.lower) + Math.exp(restart.lower) + Math.exp(keep.upper) + Math.exp(restart.upper)) / 2
  )
  return { value, lower, upper, mass }
}

/**
 * Gives `{ value, lower, upper, mass }`: value = P(No) / (P(No) + P(Yes)), 0 to 1, the probability that this candidate
 * wins or ties against a restart of the same model. Where the backend can only bound the two, so is the score. `mass` =
 * P(No) + P(Yes), absent where the backend knows their ratio alone; far below 1 it says that the model does not answer
 * this question.
 *
 * Gotcha: a model that was not trained for this question answers it badly; measure before you trust it.
 */
export const make = (options: Options = {}): Scorer.Scorer<BackendError.BackendError, Backend.Backend> => {
  const { calibration, question = Question.paper } = options
  const labels = [question.keep, question.restart]
  return ({ prompt, tokens: prefix }) =>
    Effect.gen(function* () {
      const backend = yield* Backend.Backend
      const raw = scoreOf(yield* backend.logProbs({ prompt, prefix, question: question.text, labels }))
      return calibration === undefined ? raw : Calibration.calibrate(calibration, raw)
    })
}
