/**
 * Draws from any backend and keeps every token and what the model says of its drafts, so that strategies can be compared
 * afterwards, as often as wanted, on the same draws.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Prompt } from "@mulligan/core/Prompt"
import type { RunError } from "@mulligan/core/RunError"
import * as Question from "@mulligan/self-evaluator/Question"
import type { Annealing } from "@mulligan/strategies/Annealing"
import { keyOf } from "./internal/keyOf.ts"
import { planOf } from "./internal/plan.ts"
import { recordAll } from "./internal/recordAll.ts"
import { Tape } from "./internal/Tape.ts"
import { temperaturesOf } from "./internal/temperatures.ts"
import type * as Line from "./Line.ts"
import type { Recording } from "./Recording.ts"
import type { RecordingError } from "./RecordingError.ts"

/** The paper's question and replies, as `SelfEvaluator.make` asks by default. */
export const paper: Line.Question = {
  question: Question.paper,
  labels: [Question.yesNo.keep, Question.yesNo.restart]
}

/** What is asked about every draft, and where; a draft that ends earlier is asked at its end. */
export interface Asked {
  /** Asked as a user turn; left out: the labels are read at the draft's own next position, as `SelfEvaluator.reserved` does. */
  readonly question?: string | undefined
  /** A self-evaluator's `keep`, then its `restart`. */
  readonly labels: ReadonlyArray<string>
  /** After so many tokens, as a strategy with `generate({ maxTokens })` asks. */
  readonly tokens?: ReadonlyArray<number> | undefined
  /** After a share of the draft's own length (its end of text not counted), rounded down; 1 is its end. Default [1]. */
  readonly shares?: ReadonlyArray<number> | undefined
}

/** Told after every draft; whoever is told must return at once. */
export interface Progress {
  /** Drafts that are complete, readings included; those from before count. */
  readonly drafts: number
  readonly ofDrafts: number
  /** Drafts whose failure may pass: the next recording draws them. */
  readonly failed: number
}

export interface Options extends Backend.Sampling, Backend.Measures {
  readonly file: string
  /** What is recorded, in your words: the model, its revision, the engine. Another name never goes into the same file. */
  readonly model: string
  readonly prompts: ReadonlyArray<Prompt>
  /** Left out: until the model stops, or its context is full. */
  readonly maxTokens?: number | undefined
  /** How often a transient failure is tried again; 0 is off. Default 3. */
  readonly retries?: number | undefined
  /** Drafts of each prompt at each temperature. Default 16. */
  readonly count?: number | undefined
  /**
   * The seed of a run of each prompt, as in `Candidates.fromPrompt`. Default 0, as there. One seed gives all prompts the same
   * luck, so averages over prompts vary more; `seedOf` gives each its own.
   */
  readonly seed?: number | ((prompt: Prompt) => number) | undefined
  /**
   * A temperature, an annealing by index, or several of them, each for all drafts; what they share is drawn once, and so is
   * what is greedy. Default 1.
   */
  readonly temperature?: number | Annealing | ReadonlyArray<number | Annealing> | undefined
  /** Default: the paper's question, at the end. None: `[]`. */
  readonly readings?: ReadonlyArray<Asked> | undefined
  /** Drafts at once. Default: `count`, so that an engine batches those of a prompt, and the next prompt's join as they end. */
  readonly concurrency?: number | undefined
  /** How often what was drawn is appended to the file. Default 1 second: a `kill -9` loses at most this much. */
  readonly flushEvery?: Duration.Input | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface Recorded {
  readonly recording: Recording
  /** Drafts that are missing because of failures that may pass; the same call again draws them. */
  readonly failed: number
  /** Readings of the recording that were left out: the draft fills the model's context, or nearly, and the question has no room. */
  readonly unread: number
}

/** A seed of its own for every prompt, 31 bits (FNV-1a). */
export const seedOf = (prompt: Prompt): number => {
  const key = keyOf(prompt)
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193)
  return h >>> 1
}

const unreadOf = ({ problems }: Recording): number =>
  problems.reduce((sum, { drafts }) => drafts.reduce((all, { unread }) => all + unread.length, sum), 0)

type Failure = BackendError | RunError | RecordingError

/**
 * Records what is missing of the drafts: for each prompt `count` seeds at each temperature, whole, each asked at its
 * depths. The file is appended to and never rewritten, so the same call goes on after an interruption or a `kill -9`: a
 * draft that was under way goes on after its last flushed token, or is drawn again with its seed where the backend cannot
 * go on. More prompts, drafts, temperatures, depths, questions or tokens add to what is there.
 *
 * A failure that may pass is retried, then counted and left to the next call; others fail at once, as do all failing
 * together. A question that has no room behind a draft that fills the model's context is left out and counted (`unread`),
 * and not asked again. What was drawn is flushed however it ends. A budget around it ends it early. Throws a `RangeError` for options
 * that cannot be meant.
 *
 * Gotcha: on a backend whose tokens depend on how a draft is cut (`seeds: "request"`), drafts are what one call draws, and
 * a strategy that cuts them draws others.
 */
export const run = (options: Options): Effect.Effect<Recorded, Failure, Backend.Backend> => {
  const { count = 16, flushEvery = "1 second", readings = [paper], temperature = 1 } = options
  const plan = planOf(options, readings, count)
  const schedules = (isMany(temperature) ? temperature : [temperature]).map((one) => temperaturesOf(one, count))
  return Effect.scoped(
    Effect.gen(function* () {
      const tape = yield* Tape.open(options.file, {
        model: options.model,
        sampling: plan.sampling,
        measures: plan.measures
      })
      const drafts = recordAll(tape, plan, options, schedules)
      const failed = yield* Effect.raceFirst(drafts, tape.flushing(flushEvery))
      yield* tape.flush
      const { recording } = tape.builder
      return { recording, failed, unread: unreadOf(recording) }
    })
  )
}

const isMany = <A>(value: A | ReadonlyArray<A>): value is ReadonlyArray<A> => Array.isArray(value)
