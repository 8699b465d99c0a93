import * as Effect from "effect/Effect"
import * as Backend from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import type * as Scorer from "@mulligan/core/Scorer"
import * as Calibration from "./Calibration.ts"
import { scoreOf } from "./internal/scoreOf.ts"
import type * as Question from "./Question.ts"

export interface ReservedOptions extends Question.Labels {
  /** Maps the raw score to a probability that holds for this model; left out: the raw score. */
  readonly calibration?: Calibration.Calibration | undefined
}

/** The reserved labels compete with nothing, so their share of the vocabulary says nothing. */
const withoutMass = ({ lower, upper, value }: Scorer.Score): Scorer.Score => ({ value, lower, upper })

/**
 * A scorer that asks no question: two tokens which the model was trained never to write hold, at every position of an
 * answer, whether starting over would do better (ZIP-RC, Manvi et al., arXiv 2512.01457). What `P(IK)` needs a value head
 * for (Kadavath et al., arXiv 2207.05221) is read from two logits that are computed anyway.
 *
 * Gives `{ value, lower, upper }`: value = P(keep) / (P(keep) + P(restart)), 0 to 1, as `make` does; there is no `mass`.
 *
 * Cost: no token beyond the answer's own. Of a draft that was just drawn in this process nothing is read if it ended by an
 * end of text, else its last token, which then need not be read to go on.
 *
 * Gotcha: only for a model trained with these very labels; of another the two logits are noise. Its engine must never draw
 * them (`suppress_tokens` in generation_config.json).
 */
export const reserved = (options: ReservedOptions): Scorer.Scorer<BackendError.BackendError, Backend.Backend> => {
  const { calibration, keep, restart } = options
  const labels = [keep, restart]
  return ({ prompt, tokens: prefix }) =>
    Effect.flatMap(Backend.Backend, (backend) => backend.logProbs({ prompt, prefix, labels })).pipe(
      Effect.map((answer) => withoutMass(scoreOf(answer))),
      Effect.map((raw) => (calibration === undefined ? raw : Calibration.calibrate(calibration, raw)))
    )
}
