import * as Effect from "effect/Effect"
import * as BackendError from "@mulligan/core/BackendError"
import type * as Candidate from "@mulligan/core/Candidate"

/** What a token may tell of the model's own distribution. */
export type Quantity = "logProb" | "confidence" | "certainty"

const missing = {
  logProb: {
    capability: "logProbs",
    problem: "This backend gave no log-probabilities.",
    advice: "Use another scorer (a verifier, self-evaluation), or a backend that gives them."
  },
  confidence: {
    capability: "confidence",
    problem: "A token tells no confidence.",
    advice: "Draw with generate({ confidence: 20 }), all of the draft."
  },
  certainty: {
    capability: "certainty",
    problem: "A token tells no certainty.",
    advice: "Draw with generate({ certainty: true }), all of the draft."
  }
} as const

const PROCESSED = "This backend's log-probabilities are those after temperature and truncation, not the model's own."

const unsupported = (scorer: string, quantity: Quantity, isProcessed: boolean) => {
  const reason = isProcessed
    ? { ...missing[quantity], problem: PROCESSED, advice: missing.logProb.advice }
    : missing[quantity]
  return new BackendError.BackendError({ backend: scorer, reason: new BackendError.Unsupported(reason) })
}

/** What each token tells of the model's own distribution; refuses (`Unsupported`) where one does not, or of another's. */
export const perToken = (
  { tokens }: Candidate.Candidate,
  quantity: Quantity,
  scorer: string
): Effect.Effect<ReadonlyArray<number>, BackendError.BackendError> => {
  const values: Array<number> = []
  for (const token of tokens) {
    const value = token[quantity]
    if (value === undefined || token.processed) {
      return Effect.fail(unsupported(scorer, quantity, value !== undefined && token.processed === true))
    }
    values.push(value)
  }
  return Effect.succeed(values)
}

/** Of nothing it is -Infinity: no token at all is no good sign. */
export const mean = (values: ReadonlyArray<number>): number =>
  values.length === 0 ? -Infinity : values.reduce((sum, v) => sum + v, 0) / values.length
