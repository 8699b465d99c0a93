/**
 * One step of a model: what it wrote and how likely that was.
 */
import * as Schema from "effect/Schema"
import * as SchemaVersion from "./SchemaVersion.ts"

/** Why nothing follows: the model stopped (`stop`: end of text or a stop sequence) or ran into its own limit (`length`). */
export const End = Schema.Literals(["stop", "length"])
export type End = typeof End.Type

export const Token = Schema.Struct({
  /** Its number in the model's vocabulary, where the backend gives one. */
  id: Schema.optionalKey(Schema.Int),
  /** May be empty: the end of text is a token too, and a character cut into several tokens comes with the last of them. */
  text: Schema.String,
  /**
   * Natural logarithm of its probability, at most 0; -Infinity is impossible, absent is unknown (never 0). It is the
   * model's own, at temperature 1 and before penalties and truncation, unless `processed` says otherwise.
   */
  logProb: Schema.optionalKey(Schema.Number),
  /**
   * Token confidence (Fu et al., arXiv 2508.15260): minus the mean log-probability of the likeliest tokens here, as many as
   * the request's `confidence`; from 0, higher is surer. Whichever token was drawn: it is of the distribution that `logProb`
   * is of.
   */
  confidence: Schema.optionalKey(Schema.Number),
  /**
   * Self-certainty of one token (Kang et al., arXiv 2502.18581): Kullback-Leibler divergence of that distribution from the
   * uniform one over the vocabulary, in nats, from 0; Infinity where some token is impossible.
   */
  certainty: Schema.optionalKey(Schema.Number),
  /** The log-probability is of the distribution that was drawn from (vLLM's `processed_logprobs`), not the model's own. */
  processed: Schema.optionalKey(Schema.Literal(true)),
  /** Only on the last token. Absent there: cut by `maxTokens` or by a budget, so it may go on. */
  end: Schema.optionalKey(End)
})
export interface Token extends Schema.Schema.Type<typeof Token> {}

export const TokenJson = SchemaVersion.versioned("Token", Token)
