/**
 * GSM8K: grade-school word problems whose answer is a number (Cobbe et al., arXiv 2110.14168; openai/grade-school-math, MIT).
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Prompt from "@mulligan/core/Prompt"
import { load as loadProblems } from "./internal/load.ts"
import type { Format } from "./internal/problems.ts"
import type { Source } from "./Source.ts"
import type { Task } from "./Task.ts"
import type { TaskError } from "./TaskError.ts"

/**
 * How an answer is read off a draft; equal answers are equal texts, so 18 and 18.00 differ by each of the rules.
 *
 * - `benchmark`: the first number behind `#### `, without its commas (`grade_school_math/dataset.py`).
 * - `strict`: the same number without `$` and a full stop at its end too (`strict-match` of lm-evaluation-harness).
 * - `flexible`: the last number in the text, without commas, `$` and a full stop at its end (its `flexible-extract`).
 */
export type Rule = "benchmark" | "strict" | "flexible"

export interface Options extends Source {
  /** Of the Hub's two files (openai/gsm8k, `main`). Default "test": 1319 problems; "train" has 7473. */
  readonly split?: "test" | "train" | undefined
  /** Default "benchmark". */
  readonly rule?: Rule | undefined
  /** Makes the prompt of a question. Default: `ask`. */
  readonly prompt?: ((question: string) => Prompt.Prompt) | undefined
}

/** A user's message: the question, and that the answer shall stand behind `#### `, where the rules look for it. */
export const ask = (question: string): Prompt.Prompt =>
  Prompt.user(
    `${question}\n\nThink step by step. End with a line that has nothing but "#### " and the answer, a number without its unit.`
  )

const marked = /#### (-?[0-9.,]+)/
const anyNumber = /(?:-?[$0-9.,]{2,})|(?:-?[0-9]+)/g

/** The number that a text answers, as the rule reads it; undefined: none. */
export const answerOf = (text: string, rule: Rule = "benchmark"): string | undefined => {
  const found = rule === "flexible" ? [...text.matchAll(anyNumber)].at(-1)?.[0] : marked.exec(text)?.[1]
  const plain = found?.replaceAll(",", "")
  return (rule === "benchmark" ? plain : plain?.replaceAll("$", "").replace(/\.$/, "")) || undefined
}

const format = (
  rule: Rule,
  prompt: (question: string) => Prompt.Prompt
): Format<{ question: string; answer: string }> => ({
  expected: 'Each row of GSM8K has the texts "question" and "answer", which ends in a line such as "#### 42".',
  fields: Schema.Struct({ question: Schema.String, answer: Schema.String }),
  problem: ({ answer, question }, { number }) => {
    const reference = answerOf(answer, rule === "flexible" ? "strict" : rule)
    if (reference === undefined) return 'has no number behind "#### " in its answer.'
    return { id: String(number), prompt: prompt(question), reference }
  }
})

/**
 * GSM8K from a file in the benchmark's own format, or from the Hub. Ids are the rows' numbers, from 1. A draft that answers
 * as the benchmark does is graded 1, any other 0; the calculator's annotations (`<<48/2=24>>`) do not matter. Fails with
 * `Inaccessible`, `Malformed`, `Unavailable` or `Refused`.
 */
export const load = (options: Options = {}): Effect.Effect<Task, TaskError> => {
  const { prompt = ask, rule = "benchmark", split = "test" } = options
  const hub = { dataset: "openai/gsm8k", path: `main/${split}-00000-of-00001.parquet` }
  return Effect.map(loadProblems(options, hub, format(rule, prompt)), (problems) => ({
    name: "gsm8k",
    problems,
    answerOf: (text) => answerOf(text, rule),
    grade: ({ reference }, text) => Number(reference !== undefined && answerOf(text, rule) === reference)
  }))
}
