import * as Effect from "effect/Effect"
import * as BackendError from "@mulligan/core/BackendError"
import type * as Candidate from "@mulligan/core/Candidate"

const unsupported = (scorer: string, processed: boolean) =>
  new BackendError.BackendError({
    backend: scorer,
    reason: new BackendError.Unsupported({
      capability: "logProbs",
      problem: processed
        ? "This backend's log-probabilities are those after temperature and truncation, not the model's own."
        : "This backend gave no log-probabilities.",
      advice: "Use another scorer (a verifier, self-evaluation), or a backend that gives them."
    })
  })

/** The model's own log-probability of each token; refuses (`Unsupported`) where one is missing or is another's. */
export const logProbs = (
  candidate: Candidate.Candidate,
  scorer: string
): Effect.Effect<ReadonlyArray<number>, BackendError.BackendError> => {
  const values: Array<number> = []
  for (const { logProb, processed } of candidate.tokens) {
    if (logProb === undefined || processed) return Effect.fail(unsupported(scorer, processed === true))
    values.push(logProb)
  }
  return Effect.succeed(values)
}

/** Of nothing it is -Infinity: no token at all is no good sign. */
export const mean = (values: ReadonlyArray<number>): number =>
  values.length === 0 ? -Infinity : values.reduce((sum, v) => sum + v, 0) / values.length
