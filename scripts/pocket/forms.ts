/**
 * The four forms in which the pocket model was trained to be asked about a draft.
 */
import * as Effect from "effect/Effect"
import { Backend, type BackendError, type Candidate, Scorer } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import type { Form } from "./Recording.ts"

type SelfScorer = Scorer.Scorer<BackendError.BackendError, Backend.Backend>

/** The id of `<|judge|>`: the token that stands for the whole question. */
const JUDGE = 4

/** An answer without the end of text, which a question would close twice. */
const open = (tokens: Candidate.Candidate["tokens"]) => (tokens.at(-1)?.end === "stop" ? tokens.slice(0, -1) : tokens)

/** Reads labels at the next position, after what `asked` appends. */
const atPosition =
  (labels: readonly [keep: string, restart: string], asked: Candidate.Candidate["tokens"]): SelfScorer =>
  ({ prompt, tokens }) =>
    Effect.gen(function* () {
      const backend = yield* Backend.Backend
      const read = yield* backend.logProbs({ prompt, prefix: [...open(tokens), ...asked], labels })
      const [keep, restart] = read.labels
      return Scorer.exact(1 / (1 + Math.exp((restart?.upper ?? 0) - (keep?.upper ?? 0))))
    })

export const scorers: Readonly<Record<Form, SelfScorer>> = {
  /** The paper's sentence, a turn of the conversation. */
  full: SelfEvaluator.make(),
  /** One word, a turn of the conversation. */
  short: SelfEvaluator.make({ question: "Better?" }),
  /** One reserved token in place of a turn. */
  token: atPosition(["No", "Yes"], [{ id: JUDGE, text: "" }]),
  /** No question: two reserved tokens' logits at the answer's own next position. */
  reserved: atPosition(["<|no|>", "<|yes|>"], [])
}
