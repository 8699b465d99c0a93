/**
 * What the laws are tried on: a prompt that the backend knows, and what is known of it from elsewhere.
 */
import type * as Effect from "effect/Effect"
import type { GenerateRequest, LogProbsRequest } from "../Backend.ts"
import type { Prompt } from "../Prompt.ts"

/** What the model's reference implementation gives for the subject's prompt. */
export interface Reference {
  /** Ids of the greedy answer's first tokens. */
  readonly greedy?: ReadonlyArray<number> | undefined
  /** The same as text, for a backend whose tokens have no ids. */
  readonly text?: string | undefined
  /** Probability of each of the subject's labels after this many tokens of the greedy answer and the question. */
  readonly labels?: ReadonlyArray<{ readonly after: number; readonly probabilities: ReadonlyArray<number> }> | undefined
}

/** A request that the backend must refuse, by what is wrong with it. */
export type BadRequest =
  | { readonly name: string; readonly generate: Partial<GenerateRequest> }
  | { readonly name: string; readonly logProbs: Partial<LogProbsRequest> }

export interface Subject {
  /** Best with answers longer than `maxTokens`: a draft that ends early is cut in fewer places. */
  readonly prompt: Prompt
  /** Others for its neighbours in law 3; left out: the same. */
  readonly others?: ReadonlyArray<Prompt> | undefined
  readonly question: string
  /** At least one. */
  readonly labels: ReadonlyArray<string>
  /** Tokens to draw in each check, from 4. Default 12. */
  readonly maxTokens?: number | undefined
  readonly reference?: Reference | undefined
  /** How far a probability may be from the reference's. Default 1e-4. */
  readonly tolerance?: number | undefined
  /**
   * How far a log-probability may move where floating point depends on what else is computed. Default 1e-3; 0 asks for the
   * same bits. Where any moved, a law is `bounded` and not `passed`.
   */
  readonly bound?: number | undefined
  /** Share of the tokens that may differ from those drawn alone when others are drawn beside them. Default 0. */
  readonly independenceBound?: number | undefined
  /**
   * Of what a drawn token is a function: of seed and `position`, however a draft is cut (the default); of the `request` too,
   * so that only the same cuts give the same tokens; of nothing that is known (`none`): only greedy drafts are compared.
   */
  readonly seeds?: "position" | "request" | "none" | undefined
  /** Tokens of each row that a backend may draw ahead of whoever takes them. Default 0. */
  readonly ahead?: number | undefined
  /** Rows that the backend holds for answers under way, if it tells. */
  readonly openRows?: Effect.Effect<number> | undefined
  /** Tokens drawn since the backend was made, those included that nobody took, if it tells. */
  readonly drawnTokens?: Effect.Effect<number> | undefined
  /** Beside those that every backend must refuse. */
  readonly refusals?: ReadonlyArray<BadRequest> | undefined
}
