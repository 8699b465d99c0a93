/**
 * MATH-500: problems of mathematical competitions with an answer in LaTeX (the 500 of MATH that Lightman et al., arXiv
 * 2305.20050, tested on; MATH by Hendrycks et al., arXiv 2103.03874, MIT).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Prompt from "@mulligan/core/Prompt"
import { load as loadProblems } from "./internal/load.ts"
import type { Format } from "./internal/problems.ts"
import { boxed, isEquivalent, normalForm } from "./MathEquivalence.ts"
import type { Source } from "./Source.ts"
import type { Task } from "./Task.ts"
import type { TaskError } from "./TaskError.ts"

export interface Options extends Source {
  /** Makes the prompt of a problem. Default: `ask`. */
  readonly prompt?: ((problem: string) => Prompt.Prompt) | undefined
}

/** A user's message: the problem, and that the answer shall stand in a box, where the rule looks for it. */
export const ask = (problem: string): Prompt.Prompt =>
  Prompt.user(`${problem}\n\nThink step by step, and put your final answer in \\boxed{}.`)

/** What stands in a text's last box, in the form in which equal answers are equal texts; undefined: no answer. */
export const answerOf = (text: string): string | undefined => {
  const answer = boxed(text)
  return answer === undefined ? undefined : normalForm(answer)
}

const Name = Schema.Union([Schema.String, Schema.Finite, Schema.BigInt])

const Fields = Schema.Struct({
  problem: Schema.String,
  answer: Schema.optionalKey(Schema.String),
  solution: Schema.optionalKey(Schema.String),
  unique_id: Schema.optionalKey(Schema.String),
  subject: Schema.optionalKey(Name),
  type: Schema.optionalKey(Name),
  level: Schema.optionalKey(Name)
})

const aboutOf = ({ level, subject, type }: typeof Fields.Type) => ({
  ...(subject === undefined && type === undefined ? {} : { subject: String(subject ?? type) }),
  ...(level === undefined ? {} : { level: String(level).replace("Level ", "") })
})

const format = (prompt: (problem: string) => Prompt.Prompt): Format<typeof Fields.Type> => ({
  expected:
    'Each row of MATH-500 has the texts "problem" and "answer", of MATH itself "problem" and "solution", with a \\boxed{} in it.',
  fields: Fields,
  problem: (fields, { number }) => {
    const { answer, problem, solution = "", unique_id: id = String(number) } = fields
    const reference = answer ?? boxed(solution)
    if (reference === undefined) return "has no answer, and no \\boxed{} in a solution."
    return { id, prompt: prompt(problem), reference, about: aboutOf(fields) }
  }
})

/**
 * MATH-500 from a file (or any part of MATH in the same or in MATH's own fields), or from the Hub
 * (HuggingFaceH4/MATH-500). `about` has `subject` and `level`, 1 to 5. A draft whose last box holds the right answer by
 * MATH's own rules (`MathEquivalence`) is graded 1, any other 0. Fails with `Inaccessible`, `Malformed`, `Unavailable` or
 * `Refused`.
 *
 * Gotcha: graders with algebra, such as Math-Verify, accept more; grades are comparable with those of the same rules only.
 */
export const load = (options: Options = {}): Effect.Effect<Task, TaskError> =>
  Effect.map(
    loadProblems(options, { dataset: "HuggingFaceH4/MATH-500", path: "test.jsonl" }, format(options.prompt ?? ask)),
    (problems) => ({
      name: "math-500",
      problems,
      answerOf,
      grade: ({ reference }, text) => {
        const answer = boxed(text)
        return Number(answer !== undefined && reference !== undefined && isEquivalent(answer, reference))
      }
    })
  )
