/**
 * What a backend must do: continue a prefix, and tell the probability of labels. All else is derived.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { BackendError } from "./BackendError.ts"
import type { Prompt } from "./Prompt.ts"
import type { Token } from "./Token.ts"

/** How a token is drawn from the model's distribution. Every knob left out is switched off. */
export interface Sampling {
  /** Keeps the smallest set of tokens that holds this probability, 0 to 1; 1 is off (Holtzman et al., arXiv 1904.09751). */
  readonly topP?: number | undefined
  /** Keeps this many likeliest tokens; 0 is off. */
  readonly topK?: number | undefined
  /** Keeps tokens at least this share as likely as the likeliest, 0 to 1; 0 is off (arXiv 2407.01082). */
  readonly minP?: number | undefined
  /** Divides positive, multiplies negative logits of tokens already seen; 1 is off (CTRL, arXiv 1909.05858). */
  readonly repetitionPenalty?: number | undefined
  /** The answer ends before the first of these; they are not part of its text. */
  readonly stop?: ReadonlyArray<string> | undefined
}

/** What is told of the distribution that a token came from, beside its own log-probability; only where asked for. */
export interface Measures {
  /**
   * Over so many of the likeliest tokens `Token.confidence` is counted: a whole number from 1, 20 in DeepConf (Fu et al.,
   * arXiv 2508.15260). More than the vocabulary has are all of it. Refused (`Unsupported`, `confidence`) where a backend
   * does not list so many.
   */
  readonly confidence?: number | undefined
  /** `Token.certainty` is told; refused (`Unsupported`, `certainty`) where a backend lists only the likeliest. Default false. */
  readonly certainty?: boolean | undefined
}

export interface GenerateRequest extends Sampling, Measures {
  readonly prompt: Prompt
  /** Tokens, not text: text cut from tokens and encoded again is not the same tokens. */
  readonly prefix: ReadonlyArray<Token>
  /** From 0 (greedy) up. */
  readonly temperature: number
  readonly seed: number
  /** At most this many *more* tokens; left out: until the model stops or its context is full. */
  readonly maxTokens?: number | undefined
}

export interface LogProbsRequest {
  readonly prompt: Prompt
  readonly prefix: ReadonlyArray<Token>
  /**
   * Asked as a new user turn after the (possibly unfinished) answer; left out: at the prefix's own next position. Of an
   * answer that has ended that is where it ended: an end of text drawn as a token is taken off, with a question and without.
   */
  readonly question?: string | undefined
  /** Each spelling of a label counts by exact match (`No`, ` No`, `No.`; never `Not`): that is the backend's business. */
  readonly labels: ReadonlyArray<string>
}

/** Natural logarithms; exact when they are equal, else an interval that always contains the truth. */
export interface Bounds {
  readonly lower: number
  readonly upper: number
}

export interface LogProbs {
  /** In the order of the request. */
  readonly labels: ReadonlyArray<Bounds>
  /** Over `labels` only the ratio is known, not how much of the whole vocabulary's probability they hold. */
  readonly over: "vocabulary" | "labels"
}

/**
 * Continues prefixes and reads probabilities. It keeps its caches behind this contract, finds them again by prefix, and
 * obeys the laws in `testing/BackendLaws`. By `Budget.charging` it charges its caller for what it reads (`promptTokens`
 * to draw, `readTokens` to judge) and for what it drew that nobody took (a step under way when its caller was
 * interrupted); tokens that it emits are charged by who takes them.
 */
export class Backend extends Context.Service<
  Backend,
  {
    /** Emits the next tokens one by one. Pulling draws; interrupting frees the row no later than the end of its step. */
    readonly generate: (request: GenerateRequest) => Stream.Stream<Token, BackendError>
    /** Log-probability that the next token begins each label. Disturbs nothing of what `generate` gives. */
    readonly logProbs: (request: LogProbsRequest) => Effect.Effect<LogProbs, BackendError>
  }
>()("@mulligan/core/Backend") {}
