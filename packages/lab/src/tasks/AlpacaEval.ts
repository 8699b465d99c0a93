/**
 * AlpacaEval 2: instructions of all kinds, each with the output of a reference model that a draft is compared with by a
 * judge (Dubois et al., arXiv 2404.04475; tatsu-lab/alpaca_eval, its data CC BY-NC 4.0).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Prompt from "@mulligan/core/Prompt"
import { load as loadProblems } from "./internal/load.ts"
import type { Format } from "./internal/problems.ts"
import type { Judge } from "./Judge.ts"
import * as Pairwise from "./Pairwise.ts"
import type { Source } from "./Source.ts"
import type { JudgedTask } from "./Task.ts"
import type { TaskError } from "./TaskError.ts"

export interface Options extends Source, Pairwise.Options {}

const Fields = Schema.Struct({
  instruction: Schema.String,
  output: Schema.String,
  dataset: Schema.optionalKey(Schema.String)
})

const format: Format<typeof Fields.Type> = {
  expected: 'Each row of AlpacaEval has the texts "instruction" and "output", the reference model\'s.',
  fields: Fields,
  problem: ({ dataset, instruction, output }, { number }) => ({
    id: String(number),
    prompt: Prompt.user(instruction),
    reference: output,
    about: dataset === undefined ? {} : { dataset }
  })
}

/**
 * AlpacaEval from a file of reference outputs (`alpaca_eval.json`, `alpaca_eval_gpt4_baseline.json` or any model's outputs in
 * the same form), or version 2's from the Hub (tatsu-lab/alpaca_eval). Ids are the rows' numbers, from 1; `about` has
 * `dataset`. Grades are `Pairwise.judge`'s: their mean is the win rate over the reference model, by whatever `Judge` is
 * provided. Texts have no answers to vote on. Fails with `Inaccessible`, `Malformed`, `Unavailable` or `Refused`.
 */
export const load = (options: Options = {}): Effect.Effect<JudgedTask<BackendError | TaskError, Judge>, TaskError> => {
  const hub = { dataset: "tatsu-lab/alpaca_eval", path: "alpaca_eval_gpt4_baseline.json" }
  return Effect.gen(function* () {
    yield* Pairwise.check(options.template ?? Pairwise.messages)
    const problems = yield* loadProblems(options, hub, format)
    return { name: "alpaca-eval", problems, answerOf: () => undefined, judge: Pairwise.judge(options) }
  })
}
