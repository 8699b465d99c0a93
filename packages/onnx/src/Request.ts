/**
 * A question to the engine: what follows some tokens?
 */
import type * as Effect from "effect/Effect"
import type { Measures, Sampling } from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import { greedy, type Reading, type Slot } from "./Driver.ts"
import { TOP } from "./graph/SamplerTail.ts"
import { isFiltered } from "./Sampler.ts"

export interface Request {
  /** Shared by all drafts. At least one token. */
  readonly prompt: ReadonlyArray<number>
  /** What stands behind it: a draft's tokens, or those and a question. */
  readonly answer: ReadonlyArray<number>
  /** Whether the answer is a draft that may go on; a question is rewound. */
  readonly keep: boolean
  /** The older goes first where not all fit. */
  readonly order: number
  /** Draws a token. Left out: only labels are read. */
  readonly sampling?: (Sampling & Measures & { readonly temperature: number; readonly uniform: number }) | undefined
  /** Ids whose log-probabilities are wanted. */
  readonly labels?: ReadonlyArray<number> | undefined
  /** Tokens that the answer will come to, where it is known. */
  readonly expected?: number | undefined
  /** Told how many tokens the model read, in one or more parts: none that were known, or that somebody else asked for as well. */
  readonly onRead: (tokens: number) => void
  /** Told if the asker was interrupted while the step was under way, whose result is then thrown away. */
  readonly onWaste?: (() => void) | undefined
}

export interface Job extends Request {
  readonly resume: (result: Effect.Effect<Reading, BackendError.BackendError>) => void
}

/** Tokens that these will come to, as far as it is known; one more at least. */
export const growthOf = (jobs: ReadonlyArray<Job>): number =>
  jobs.reduce((sum, { answer, expected = 0 }) => sum + Math.max(1, expected - answer.length), 1)

const looking: Omit<Slot, "row"> = { inverseTemperature: 1, uniform: 0, mass: 0, wantsTop: false }

/** Mass that the likeliest tokens must hold so that filters can be applied to them alone; 2: whole logits are needed. */
const massOf = (options: Sampling & Measures): number => {
  const { confidence = 0, minP = 0, repetitionPenalty = 1, topK = 0, topP = 1 } = options
  if (repetitionPenalty !== 1 || topK > TOP || confidence > TOP) return 2
  if (topK > 0) return 0
  if (topP < 1) return topP
  // Only tokens with at least this share of the likeliest one's probability stay: at most 1 / minP of them.
  return minP > 0 && minP < 1 / TOP ? 2 : 0
}

/** What must be read for a job. */
export const needsOf = (job: Job | undefined): Omit<Slot, "row"> => {
  if (job?.sampling === undefined) return { ...looking, mass: job?.keep === true ? 2 : 0 }
  const { sampling } = job
  const { certainty = false, confidence = 0, temperature, uniform } = sampling
  const mass = massOf(sampling)
  return {
    inverseTemperature: temperature === 0 ? greedy : Math.min(1 / temperature, greedy),
    uniform: Math.min(uniform, 1 - 2 ** -24),
    mass,
    wantsTop: mass < 2 && (isFiltered(sampling) || certainty || confidence > 0)
  }
}
