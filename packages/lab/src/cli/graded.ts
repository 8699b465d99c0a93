/**
 * A recording and the task that grades it, as several commands take them.
 */
import * as Effect from "effect/Effect"
import type { Backend } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Recording from "../Recording.ts"
import type { RecordingError } from "../RecordingError.ts"
import * as Judge from "../tasks/Judge.ts"
import type { JudgedTask, Task } from "../tasks/Task.ts"
import type { TaskError } from "../tasks/TaskError.ts"
import * as Problem from "./Problem.ts"
import { screen } from "./Screen.ts"
import * as Target from "./Target.ts"
import * as TaskFlags from "./TaskFlags.ts"

export interface Given extends TaskFlags.Flags, Target.Flags {
  readonly file: string
}

/** A judge where the task needs one; grading by a rule asks nobody. */
export type Gradable = Task | JudgedTask<BackendError | TaskError, Judge.Judge>

export interface Graded {
  readonly recording: Recording.Recording
  readonly task: Gradable
}

type Failure = BackendError | RecordingError | TaskError | Problem.UsageError

const hasModel = ({ endpoint, model, provider }: Target.Flags): boolean =>
  model !== undefined || endpoint.length > 0 || provider !== undefined

/** Of the task's problems the first so many, and of the recording those that are among them. */
const load = (given: Given): Effect.Effect<Graded, RecordingError | TaskError | Problem.UsageError> =>
  Effect.gen(function* () {
    const recording = yield* Recording.read(given.file)
    const task = yield* TaskFlags.load({ ...given, limit: undefined }, { isGraded: true })
    const problems = recording.problems.slice(0, given.limit ?? Infinity)
    if (problems.length === 0)
      return yield* Problem.usage("The recording has no problems.", "Record some, by mulligan record.")
    return { recording: { ...recording, problems }, task }
  })

/** Reads both, and does the work with the model that judges, if the task has one. */
export const withGraded = <E>(
  given: Given,
  work: (graded: Graded) => Effect.Effect<void, E, Judge.Judge>
): Effect.Effect<void, E | Failure> =>
  Effect.gen(function* () {
    const graded = yield* load(given)
    const isJudged = "judge" in graded.task
    if (isJudged && !hasModel(given))
      return yield* Problem.usage("This task is graded by a model.", "Give it by --model, or --endpoint and --model.")
    if (!isJudged) return yield* Effect.provideService(work(graded), Judge.Judge, nobody)
    const target = yield* Target.of(given)
    return yield* Effect.provide(work(graded), Judge.layer(yield* Target.layerOf(target, screen)))
  }).pipe(Effect.ensuring(Effect.sync(() => screen.clear())))

/** A task that is graded by a rule never asks. */
const nobody = {
  generate: () => {
    throw new Error("Nobody judges here.")
  },
  logProbs: () => {
    throw new Error("Nobody judges here.")
  }
} as Backend["Service"]
