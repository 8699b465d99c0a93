/**
 * The four forms in which the pocket model was trained to be asked about a draft.
 */
import type { Backend, BackendError, Candidate, Scorer } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import type { Form } from "./Recording.ts"

type SelfScorer = Scorer.Scorer<BackendError.BackendError, Backend.Backend>

/** The id of `<|judge|>`: the token that stands for the whole question. */
const JUDGE = 4

/** An answer with that token in the place of its end of text. */
const withToken = (tokens: Candidate.Candidate["tokens"]) => [
  ...(tokens.at(-1)?.end === "stop" ? tokens.slice(0, -1) : tokens),
  { id: JUDGE, text: "" }
]

/** What is read behind the token is read as reserved labels are: at the next position, without a question. */
const atPosition = SelfEvaluator.reserved({ keep: "No", restart: "Yes" })

export const scorers: Readonly<Record<Form, SelfScorer>> = {
  /** The paper's sentence, a turn of the conversation. */
  full: SelfEvaluator.make(),
  /** One word, a turn of the conversation. */
  short: SelfEvaluator.make({ question: "Better?" }),
  /** One reserved token in place of a turn. */
  token: (candidate) => atPosition({ ...candidate, tokens: withToken(candidate.tokens) }),
  /** No question: two reserved tokens' logits at the answer's own next position. */
  reserved: SelfEvaluator.reserved({ keep: "<|no|>", restart: "<|yes|>" })
}
