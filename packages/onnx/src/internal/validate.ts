import * as Effect from "effect/Effect"
import type { GenerateRequest, LogProbsRequest } from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import type * as Token from "@mulligan/core/Token"
import type { ModelConfig } from "../ModelConfig.ts"
import { invalid } from "./errors.ts"

type Check = readonly [isFine: boolean, problem: string, advice: string]

const firstProblem = (checks: ReadonlyArray<Check>): Effect.Effect<void, BackendError.BackendError> => {
  const bad = checks.find(([isFine]) => !isFine)
  return bad === undefined ? Effect.void : Effect.fail(invalid(bad[1], bad[2]))
}

const isShare = (value: number | undefined) => value === undefined || (value >= 0 && value <= 1)
const isWhole = (value: number | undefined) => value === undefined || (Number.isInteger(value) && value >= 0)

/** Everything that can be wrong with the numbers of a request, before anything is spent. */
export const checkGenerate = (r: GenerateRequest): Effect.Effect<void, BackendError.BackendError> =>
  firstProblem([
    [
      r.temperature >= 0 && r.temperature < Infinity,
      `The temperature is ${r.temperature}.`,
      "Use 0 (greedy) or any number above."
    ],
    [Number.isFinite(r.seed), `The seed is ${r.seed}.`, "Use a whole number."],
    [
      r.maxTokens === Infinity || isWhole(r.maxTokens),
      `maxTokens is ${r.maxTokens}.`,
      "Use a whole number from 0, or leave it out."
    ],
    [isShare(r.topP) && r.topP !== 0, `topP is ${r.topP}.`, "Use a number above 0 up to 1; 1 is off."],
    [isShare(r.minP), `minP is ${r.minP}.`, "Use a number from 0 (off) to 1."],
    [isWhole(r.topK), `topK is ${r.topK}.`, "Use a whole number; 0 is off."],
    [
      (r.repetitionPenalty ?? 1) > 0 && (r.repetitionPenalty ?? 1) < Infinity,
      `repetitionPenalty is ${r.repetitionPenalty}.`,
      "Use a number above 0; 1 is off."
    ],
    [
      r.prefix.at(-1)?.end !== "stop",
      "The prefix has ended: nothing follows the end of text.",
      "Continue only candidates that may go on."
    ]
  ])

export const checkLogProbs = (r: LogProbsRequest): Effect.Effect<void, BackendError.BackendError> =>
  firstProblem([
    [r.labels.length > 0, "There are no labels.", "Name the labels whose probability is wanted."],
    [!r.labels.includes(""), "A label is empty.", "Name labels of at least one character."]
  ])

/** The prefix's ids; a token without one, or of another model, is refused rather than guessed from its text. */
export const idsOf = (
  config: ModelConfig,
  prefix: ReadonlyArray<Token.Token>
): Effect.Effect<ReadonlyArray<number>, BackendError.BackendError> => {
  const ids = prefix.flatMap(({ id }) =>
    id !== undefined && Number.isInteger(id) && id >= 0 && id < config.vocabulary ? [id] : []
  )
  if (ids.length === prefix.length) return Effect.succeed(ids)
  return invalid(
    "A token of the prefix has no id of this model.",
    "Continue only what this model drew: text alone is not the same tokens."
  )
}

export const checkContext = (config: ModelConfig, length: number): Effect.Effect<void, BackendError.BackendError> =>
  firstProblem([
    [length > 0, "The prompt is empty.", "Give at least one token."],
    [
      length < config.context,
      `The prompt and what follows it have ${length} tokens; this model's context is ${config.context}.`,
      "Shorten the prompt or the answer, or use a model with a longer context."
    ]
  ])
