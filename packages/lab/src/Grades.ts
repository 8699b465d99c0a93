/**
 * What the drafts of a recording are worth on a task: each text is graded once, however often it is asked for.
 */
import * as Effect from "effect/Effect"
import * as Candidate from "@mulligan/core/Candidate"
import { keyOf } from "./internal/keyOf.ts"
import type { Recording } from "./Recording.ts"
import * as Task from "./tasks/Task.ts"
import type { TaskError } from "./tasks/TaskError.ts"
import { ungraded } from "./tasks/internal/errors.ts"

type AnyTask<E, R> = Task.Task | Task.JudgedTask<E, R>

/** The task's problem behind each problem of the recording, by its prompt. Fails with `Ungraded` where there is none. */
const problemsOf = <E, R>(
  task: AnyTask<E, R>,
  { problems }: Recording
): Effect.Effect<ReadonlyArray<Task.Problem>, TaskError> => {
  const known = new Map(task.problems.map((problem) => [keyOf(problem.prompt), problem]))
  return Effect.forEach(problems, ({ prompt }, i) => {
    const found = known.get(keyOf(prompt))
    if (found !== undefined) return Effect.succeed(found)
    return ungraded(
      task.name,
      `Prompt ${i + 1} of the recording is none of the task's.`,
      "Evaluate on the task that was recorded, with the same prompts."
    )
  })
}

export interface Grades<E, R> {
  /** The task's problem behind each of the recording's. */
  readonly problems: ReadonlyArray<Task.Problem>
  /** The grade of a draft of that problem of the recording, from 0 to 1. */
  readonly of: (problem: number, candidate: Candidate.Candidate) => Effect.Effect<number, E | TaskError, R>
}

/** Nothing is graded before it is asked for. A failed grade is asked for again. */
export const make = <E = never, R = never>(
  task: AnyTask<E, R>,
  recording: Recording
): Effect.Effect<Grades<E, R>, TaskError> =>
  Effect.map(problemsOf(task, recording), (problems) => {
    const known = problems.map(() => new Map<string, number>())
    return {
      problems,
      of: (problem, candidate) => {
        const text = Candidate.text(candidate)
        const grade = known[problem]?.get(text)
        if (grade !== undefined) return Effect.succeed(grade)
        return Effect.tap(Task.gradeOf(task, problems[problem]!, text), (made) =>
          Effect.sync(() => known[problem]!.set(text, made))
        )
      }
    }
  })
