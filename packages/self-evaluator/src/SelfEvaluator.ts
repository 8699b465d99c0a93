/**
 * A scorer that asks the model itself whether it would do better if it started over (Manvi, Singh and Ermon, arXiv
 * 2410.02725). Works on finished and on unfinished candidates.
 */
import * as Effect from "effect/Effect"
import * as Backend from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import type * as Scorer from "@mulligan/core/Scorer"
import * as Calibration from "./Calibration.ts"
import { scoreOf } from "./internal/scoreOf.ts"
import * as Question from "./Question.ts"

export { reserved, type ReservedOptions } from "./Reserved.ts"

export interface Options {
  /** Asked as a user turn after the answer. Default: the paper's wording. */
  readonly question?: string | undefined
  /** The replies that count. Default: the paper's `No` (keep) and `Yes` (restart). */
  readonly labels?: Question.Labels | undefined
  /** Maps the raw score to a probability that holds for this model; left out: the raw score. */
  readonly calibration?: Calibration.Calibration | undefined
}

/**
 * Gives `{ value, lower, upper, mass }`: value = P(keep) / (P(keep) + P(restart)), 0 to 1, the probability that this
 * candidate wins or ties against a restart of the same model. Where the backend can only bound the two, so is the score,
 * and the value is the middle of its interval. `mass` = P(keep) + P(restart), the middle of its bounds, absent where the
 * backend knows their ratio alone; far below 1 it says that the model does not answer this question. It fails as the
 * backend's `logProbs` fails.
 *
 * Cost: the question's own tokens are read, behind each candidate; those of the answer only where they are not known.
 *
 * Gotcha: a model that was not trained for this question answers it badly; measure before you trust it.
 */
export const make = (options: Options = {}): Scorer.Scorer<BackendError.BackendError, Backend.Backend> => {
  const { calibration, labels: { keep, restart } = Question.yesNo, question = Question.paper } = options
  const labels = [keep, restart]
  return ({ prompt, tokens: prefix }) =>
    Effect.flatMap(Backend.Backend, (backend) => backend.logProbs({ prompt, prefix, question, labels })).pipe(
      Effect.map(scoreOf),
      Effect.map((raw) => (calibration === undefined ? raw : Calibration.calibrate(calibration, raw)))
    )
}
