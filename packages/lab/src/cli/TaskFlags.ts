/**
 * Which problems: a benchmark by its name, from the Hub or from a file of it, or a file of your own.
 */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Judge } from "../tasks/Judge.ts"
import type { JudgedTask, Task } from "../tasks/Task.ts"
import type { TaskError } from "../tasks/TaskError.ts"
import * as Problem from "./Problem.ts"
import { count } from "./StrategyFlags.ts"

export type AnyTask = Task | JudgedTask<BackendError | TaskError, Judge>

const names = ["gsm8k", "math-500", "alpaca-eval", "countdown"] as const

export const flags = {
  task: Flag.Literals("task", names).pipe(
    Flag.withDescription("a benchmark, from the Hub or from --prompts; default: problems of your own in --prompts"),
    Flag.withDefault(undefined)
  ),
  prompts: Flag.File("prompts").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription('JSON Lines or Parquet, in the benchmark\'s form or rows of {"messages", "answer"}'),
    Flag.withDefault(undefined)
  ),
  limit: count("limit", "of the problems the first so many; default all")
}

export interface Flags {
  readonly task: (typeof names)[number] | undefined
  readonly prompts: string | undefined
  readonly limit: number | undefined
}

interface Options {
  /** Answers are needed to grade; without, rows of your own may have none. */
  readonly isGraded: boolean
}

const loaded = ({ prompts: file, task }: Flags, { isGraded }: Options) =>
  Effect.gen(function* () {
    const Tasks = yield* Effect.promise(() => import("../tasks/index.ts"))
    const source = { file }
    switch (task) {
      case "gsm8k":
        return yield* Tasks.Gsm8k.load(source)
      case "math-500":
        return yield* Tasks.Math500.load(source)
      case "alpaca-eval":
        return yield* Tasks.AlpacaEval.load(source)
      case "countdown":
        return file === undefined
          ? yield* Problem.usage("--task countdown needs a file.", "Give --prompts models/pocket/problems.json.")
          : yield* Tasks.Pocket.countdown({ file })
      case undefined:
        return file === undefined
          ? yield* Problem.usage("Which problems?", `Give --task (${names.join(", ")}), or --prompts FILE.`)
          : yield* Tasks.Problems.load({ file, ...(isGraded ? {} : { grade: () => 0 }) })
    }
  })

/** Loads the problems that the options name; the first so many. */
export const load = (given: Flags, options: Options): Effect.Effect<AnyTask, Problem.UsageError | TaskError> =>
  Effect.map(loaded(given, options), (task: AnyTask) => ({
    ...task,
    problems: task.problems.slice(0, given.limit ?? Infinity)
  }))
