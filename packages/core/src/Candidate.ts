/**
 * A candidate is plain data: a draft of an answer, finished or not. It holds no cache and no handle, so it can be logged,
 * compared, sent, recorded and replayed.
 */
import * as Schema from "effect/Schema"
import { Prompt } from "./Prompt.ts"
import * as SchemaVersion from "./SchemaVersion.ts"
import { type End, Token } from "./Token.ts"

export const Candidate = Schema.Struct({
  /** Place among the candidates of its run, from 0: it breaks ties and keeps a run independent of timing. */
  index: Schema.Int,
  prompt: Prompt,
  /** Drawn so far. */
  tokens: Schema.Array(Token),
  /** The same seed draws the same tokens, whatever runs beside it. */
  seed: Schema.Int,
  /** 0 is greedy; 1 draws from the model's own distribution. */
  temperature: Schema.Finite
})
export interface Candidate extends Schema.Schema.Type<typeof Candidate> {}

/** What has been written so far. */
export const text = (self: Candidate): string => self.tokens.map((token) => token.text).join("")

/** How it ended, read off its last token; undefined: it may go on. */
export const end = (self: Candidate): End | undefined => self.tokens.at(-1)?.end

export const CandidateJson = SchemaVersion.versioned("Candidate", Candidate)
