/**
 * Who judges the drafts: the model itself where it can be asked, else its log-probability.
 */
import * as Effect from "effect/Effect"
import * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Prompt } from "@mulligan/core/Prompt"
import * as Scorer from "@mulligan/core/Scorer"
import * as Question from "@mulligan/self-evaluator/Question"
import * as SelfEvaluator from "@mulligan/self-evaluator/SelfEvaluator"
import * as Scorers from "@mulligan/strategies/Scorers"
import type { Judge } from "../Policy.ts"

export interface Chosen {
  readonly name: "self-evaluation" | "mean log-probability" | "nobody"
  readonly judge: Judge
  /** Its scores are from 0 to 1, so that a threshold means something. */
  readonly isBounded: boolean
  /** Why it is not self-evaluation. */
  readonly reason: string | undefined
}

const self: Chosen = {
  name: "self-evaluation",
  judge: SelfEvaluator.make(),
  isBounded: true,
  reason: undefined
}

/** A single draft needs no judge. */
const nobody: Judge = () => Effect.succeed(Scorer.exact(0))

/** Without self-evaluation. */
const other = (drafts: number, reason: string): Chosen =>
  drafts === 1
    ? { name: "nobody", judge: nobody, isBounded: false, reason }
    : { name: "mean log-probability", judge: Scorers.meanLogProb, isBounded: false, reason }

/** Asks once behind an empty answer: some models, and some servers, cannot be asked at all. */
export const choose = (prompt: Prompt, drafts: number): Effect.Effect<Chosen, BackendError, Backend.Backend> =>
  Effect.flatMap(Backend.Backend, (backend) =>
    backend.logProbs({
      prompt,
      prefix: [],
      question: Question.paper,
      labels: [Question.yesNo.keep, Question.yesNo.restart]
    })
  ).pipe(
    Effect.as(self),
    Effect.catchReason("BackendError", "Unsupported", ({ problem }) => Effect.succeed(other(drafts, problem)))
  )
