/**
 * What is wrong with a request whatever the backend: each checks this before anything is spent.
 */
import * as Effect from "effect/Effect"
import type { GenerateRequest, LogProbsRequest } from "./Backend.ts"
import * as BackendError from "./BackendError.ts"
import type { Token } from "./Token.ts"

type Check = readonly [isFine: boolean, problem: string, advice: string]

const firstProblem = (
  backend: string,
  checks: ReadonlyArray<Check>
): Effect.Effect<void, BackendError.BackendError> => {
  const bad = checks.find(([isFine]) => !isFine)
  return bad === undefined ? Effect.void : Effect.fail(BackendError.invalid(backend, bad[1], bad[2]))
}

const isShare = (value: number | undefined) => value === undefined || (value >= 0 && value <= 1)
const isWhole = (value: number | undefined) => value === undefined || (Number.isInteger(value) && value >= 0)

/** Refuses numbers that make no sense and a prefix that has ended. Empty stop strings are no fault; they stop nothing. */
export const checkGenerate = (backend: string, r: GenerateRequest): Effect.Effect<void, BackendError.BackendError> =>
  firstProblem(backend, [
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
      isWhole(r.confidence) && r.confidence !== 0,
      `confidence is ${r.confidence}.`,
      "Use a whole number of tokens from 1, or leave it out."
    ],
    [
      r.prefix.at(-1)?.end !== "stop",
      "The prefix has ended: nothing follows the end of text.",
      "Continue only candidates that may go on."
    ]
  ])

/** Refuses to be asked for nothing. */
export const checkLogProbs = (backend: string, r: LogProbsRequest): Effect.Effect<void, BackendError.BackendError> =>
  firstProblem(backend, [
    [r.labels.length > 0, "There are no labels.", "Name the labels whose probability is wanted."],
    [!r.labels.includes(""), "A label is empty.", "Name labels of at least one character."]
  ])

/** The prefix's ids; a token without one, or of another model, is refused rather than guessed from its text. */
export const idsOf = (
  backend: string,
  vocabulary: number,
  prefix: ReadonlyArray<Token>
): Effect.Effect<ReadonlyArray<number>, BackendError.BackendError> => {
  const ids = prefix.flatMap(({ id }) =>
    id !== undefined && Number.isInteger(id) && id >= 0 && id < vocabulary ? [id] : []
  )
  if (ids.length === prefix.length) return Effect.succeed(ids)
  return BackendError.invalid(
    backend,
    "A token of the prefix has no id of this model.",
    "Continue only what this model drew: text alone is not the same tokens."
  )
}

/** Refuses what has this many tokens in all: none, or more than leave the model room for another. */
export const checkContext = (
  backend: string,
  context: number,
  length: number
): Effect.Effect<void, BackendError.BackendError> =>
  length < context
    ? firstProblem(backend, [[length > 0, "The prompt is empty.", "Give at least one token."]])
    : BackendError.overContext(
        backend,
        `The prompt and what follows it have ${length} tokens; this model's context is ${context}.`,
        "Shorten the prompt or the answer, or use a model with a longer context."
      )
