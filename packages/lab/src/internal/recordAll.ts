/**
 * All drafts of a recording, in the order of the prompts, so many at once.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Backend from "@mulligan/core/Backend"
import { BackendError } from "@mulligan/core/BackendError"
import type { Candidate } from "@mulligan/core/Candidate"
import type { Prompt } from "@mulligan/core/Prompt"
import type { RunError } from "@mulligan/core/RunError"
import * as Candidates from "@mulligan/strategies/Candidates"
import type { Options } from "../Record.ts"
import { keyOf } from "./keyOf.ts"
import type { Plan } from "./plan.ts"
import { recordDraft } from "./recordDraft.ts"
import type { Tape } from "./Tape.ts"

type Schedules = ReadonlyArray<ReadonlyArray<number>>

/** What several schedules share is drawn once; so is what is greedy. */
const distinct = (all: ReadonlyArray<Candidate>): ReadonlyArray<Candidate> => {
  const found = new Map<string, Candidate>()
  for (const c of all) {
    const key = c.temperature === 0 ? "greedy" : `${c.temperature} ${c.seed}`
    if (!found.has(key)) found.set(key, c)
  }
  return [...found.values()]
}

const draftsOf = (prompt: Prompt, seed: number, schedules: Schedules): Effect.Effect<ReadonlyArray<Candidate>> =>
  Effect.map(
    Effect.forEach(schedules, (temperatures) =>
      Candidates.fromPrompt(prompt, { count: temperatures.length, seed }).pipe(
        Candidates.anneal((index) => temperatures[index] ?? 1),
        Stream.runCollect
      )
    ),
    (all) => distinct(all.flat())
  )

const problemId = (tape: Tape, prompt: Prompt, seed: number): number => {
  const known = tape.builder.problem(prompt, seed)
  if (known !== undefined) return known
  const id = tape.builder.counts.problems
  tape.add({ _tag: "Prompt", id, prompt, seed })
  return id
}

interface Task {
  readonly problem: number
  readonly c: Candidate
  /** Tasks of the whole recording. */
  readonly of: number
}

/** Of each prompt once, in their order; its drafts stand together. */
const tasks = (tape: Tape, { prompts, seed: given = 0 }: Options, schedules: Schedules): Stream.Stream<Task> => {
  const distinct = new Map(prompts.map((prompt) => [keyOf(prompt), prompt]))
  return Stream.fromIterable(distinct.values(), { chunkSize: 1 }).pipe(
    Stream.mapEffect((prompt) => {
      const seed = typeof given === "number" ? given : given(prompt)
      const problem = problemId(tape, prompt, seed)
      return Effect.map(draftsOf(prompt, seed, schedules), (all) =>
        all.map((c): Task => ({ problem, c, of: all.length * distinct.size }))
      )
    }),
    Stream.flattenIterable,
    Stream.rechunk(1)
  )
}

/** Gives how many drafts failed for a reason that may pass. */
export const recordAll = (
  tape: Tape,
  plan: Plan,
  options: Options,
  schedules: Schedules
): Effect.Effect<number, BackendError | RunError, Backend.Backend> =>
  Effect.gen(function* () {
    const { concurrency, count = 16, onProgress } = options
    const failures: Array<BackendError> = []
    let drafts = 0
    const record = ({ c, of, problem }: Task) =>
      recordDraft(tape, problem, c, plan).pipe(
        Effect.catchIf(
          (error): error is BackendError => error instanceof BackendError && error.isTransient,
          (error) => Effect.sync(() => (failures.push(error), false))
        ),
        Effect.map((isComplete) => {
          if (isComplete) drafts++
          onProgress?.({ drafts, ofDrafts: of, failed: failures.length })
        })
      )
    yield* tasks(tape, options, schedules).pipe(
      Stream.mapEffect(record, { concurrency: concurrency ?? count, unordered: true }),
      Stream.runDrain
    )
    const [first] = failures
    if (first !== undefined && drafts === 0) return yield* first
    return failures.length
  })
