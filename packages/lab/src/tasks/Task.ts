/**
 * What a model is evaluated on: problems, how an answer is read off a draft, and how the draft is graded. Plain data and
 * functions, so a part of a task, or one graded otherwise, is `{ ...task, problems, grade }`.
 */
import * as Effect from "effect/Effect"
import type { Prompt } from "@mulligan/core/Prompt"
import { ungraded } from "./internal/errors.ts"
import type { TaskError } from "./TaskError.ts"

export interface Problem {
  /** No other problem of the task has it. */
  readonly id: string
  readonly prompt: Prompt
  /** What a draft is compared with: the right answer, or the output of another model. */
  readonly reference?: string | undefined
  /** What else the benchmark says of the problem, to report by: MATH's subject and level, for one. */
  readonly about?: Readonly<Record<string, string>> | undefined
}

interface Problems {
  readonly name: string
  readonly problems: ReadonlyArray<Problem>
  /** What a draft's text answers, in a form in which equal answers are equal texts; undefined: nothing. For votes. */
  readonly answerOf: (text: string) => string | undefined
}

/** Graded by a rule. */
export interface Task extends Problems {
  /** From 0 (wrong) to 1 (right), by nothing but the two. */
  readonly grade: (problem: Problem, text: string) => number
}

/** Graded by somebody who must be asked. */
export interface JudgedTask<out E = never, out R = never> extends Problems {
  /** From 0 to 1. */
  readonly judge: (problem: Problem, text: string) => Effect.Effect<number, E, R>
}

/**
 * Grades a draft of either kind of task, from 0 to 1. Fails as the judge fails, and with `Ungraded` if what was said is no
 * number from 0 to 1. What a rule throws is a defect.
 */
export const gradeOf = <E = never, R = never>(
  task: Task | JudgedTask<E, R>,
  problem: Problem,
  text: string
): Effect.Effect<number, E | TaskError, R> => {
  const graded: Effect.Effect<number, E, R> =
    "judge" in task ? task.judge(problem, text) : Effect.sync(() => task.grade(problem, text))
  return Effect.flatMap(graded, (grade) =>
    grade >= 0 && grade <= 1
      ? Effect.succeed(grade)
      : ungraded(task.name, `Problem ${problem.id} got the grade ${grade}.`, "Let it be a number from 0 to 1.")
  )
}
