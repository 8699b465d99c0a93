/**
 * What the laws are checked on: a prompt that the backend knows, and what is known of it from elsewhere.
 */
import type * as Effect from "effect/Effect"
import type { Prompt } from "../Prompt.ts"

/** What the reference implementation gives for the subject's prompt. */
export interface Reference {
  /** Ids of the greedy answer's first tokens. */
  readonly greedy?: ReadonlyArray<number> | undefined
  /** Probability of each label after this many tokens of the greedy answer and the question. */
  readonly labels?: ReadonlyArray<{ readonly after: number; readonly probabilities: ReadonlyArray<number> }> | undefined
}

export interface Subject {
  readonly prompt: Prompt
  readonly question: string
  readonly labels: ReadonlyArray<string>
  /** Tokens to draw in each check; enough to cut twice. Default 12. */
  readonly maxTokens?: number | undefined
  readonly reference?: Reference | undefined
  /** Rows that the backend holds for answers under way, if it tells. */
  readonly openRows?: Effect.Effect<number> | undefined
  /**
   * Share of tokens that may differ from a draft drawn alone when others are drawn beside it, where floating point does
   * not allow exactness. Default 0.
   */
  readonly independenceBound?: number | undefined
}
