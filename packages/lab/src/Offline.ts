/**
 * Decides policies on recorded drafts by arithmetic: what `Policy.run` chooses on `Replay`, some thousand times faster.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Candidate } from "@mulligan/core/Candidate"
import type { RunError } from "@mulligan/core/RunError"
import type { Scored } from "@mulligan/core/Scorer"
import { Columns, type Drafts } from "./internal/Columns.ts"
import { type CutStage, Decider, type Decided } from "./internal/decide.ts"
import { drawnAs } from "./internal/sampling.ts"
import { temperaturesOf } from "./internal/temperatures.ts"
import { check, type Cut, type Judge, type Policy, roundsOf, scorerOf } from "./Policy.ts"
import type { Recording } from "./Recording.ts"

/** A recording and what was computed of it for the policies so far. */
export interface Offline {
  readonly recording: Recording
  readonly columns: Columns
}

/** Nothing is computed before it is needed. */
export const make = (recording: Recording): Offline => ({ recording, columns: new Columns(recording) })

export interface DecideOptions {
  /** Drafts that the hardware draws side by side, for `steps`. Default: all of a round. */
  readonly rows?: number | undefined
}

/** A policy's decisions, one for each problem of the recording. */
export interface Decisions {
  /**
   * Undefined: its cuts left none, or none answered (the strategy fails with `NothingDrawn`), or no draft left its question
   * room (`AllFailed`).
   */
  readonly chosen: ReadonlyArray<Scored | undefined>
  /** Drafts begun. */
  readonly samples: Int32Array
  readonly rounds: Int32Array
  /** Tokens one behind another, drafts of a round side by side, as far as there is room (`Latency.steps`). */
  readonly steps: Int32Array
  /** Of the rounds that were begun, whole. */
  readonly drawnTokens: Int32Array
  /** To judge, as the recorded backend charged it. */
  readonly readTokens: Int32Array
}

const cutStage = ({ columns }: Offline, drafts: Drafts, scorer: Judge, cut: Cut) =>
  Effect.map(columns.scores(drafts, cut.scorer ?? scorer, cut.after), (scores): CutStage => ({
    tokens: columns.lengths(drafts, cut.after),
    scores,
    keep: "keep" in cut ? cut.keep : undefined,
    below: "below" in cut ? cut.below : undefined,
    texts: "keep" in cut && cut.distinct === true ? columns.texts(drafts, cut.after) : undefined
  }))

const voteOf = ({ choose = "best" }: Policy) => {
  if (choose === "best" || "majority" in choose) return undefined
  const { above, weights } = choose
  return above === undefined && weights === undefined ? undefined : { above, weights }
}

const answerOf = ({ choose = "best" }: Policy) =>
  choose === "best" ? undefined : "majority" in choose ? choose.majority : choose.weightedMajority

/** All drafts that a policy could draw, whole, problem by problem in the order of the index. Refuses what is missing. */
export const drafts = (
  { columns, recording }: Offline,
  { count, maxTokens = Infinity, sampling = {}, temperature = 1 }: Policy
): Effect.Effect<ReadonlyArray<ReadonlyArray<Candidate>>, BackendError> =>
  Effect.map(columns.drafts(temperaturesOf(temperature, count), drawnAs(sampling), maxTokens), ({ candidates }) =>
    recording.problems.map((_, problem) => candidates.slice(problem * count, (problem + 1) * count))
  )

const decidedOf = (self: Offline, policy: Policy, width: number): Effect.Effect<Decided, BackendError | RunError> =>
  Effect.gen(function* () {
    const { columns } = self
    const { count, cuts = [], maxTokens = Infinity, sampling = {}, temperature = 1 } = policy
    const drafts = yield* columns.drafts(temperaturesOf(temperature, count), drawnAs(sampling), maxTokens)
    const scorer = scorerOf(policy)
    const scores = yield* columns.scores(drafts, scorer, maxTokens)
    const answer = answerOf(policy)
    return {
      count,
      rounds: roundsOf(policy),
      cuts: yield* Effect.forEach(cuts, (cut) => cutStage(self, drafts, scorer, cut)),
      end: { tokens: columns.lengths(drafts, maxTokens), scores },
      stop: policy.stop,
      answers: answer === undefined ? undefined : columns.answers(scores, answer),
      width,
      vote: voteOf(policy),
      isWeighted: typeof policy.choose === "object" && "weightedMajority" in policy.choose
    }
  })

/**
 * Decides a policy on every problem. Samples and choices are those of the strategy on any backend that draws these drafts.
 * Its drawn and read tokens are, too, but for what it saves when it stops in the middle of a round and interrupts the
 * drafts beside: here they count whole, since how far they would have come is a matter of timing.
 *
 * Drafts and scores that were not recorded are refused as on `Replay`, also where the policy would not have come to them. A
 * draft that left its question no room is dropped where it is judged.
 *
 * Gotcha: scorers, and answers that are voted on, are asked once for each draft and remembered by the function's identity:
 * policies should share them. A rule to stop is called for each draft of each policy.
 */
export const decide = (
  self: Offline,
  policy: Policy,
  { rows = Infinity }: DecideOptions = {}
): Effect.Effect<Decisions, BackendError | RunError> =>
  Effect.suspend(() => {
    check(policy)
    return Effect.map(decidedOf(self, policy, rows), (decided) => decisionsOf(decided, self.recording.problems.length))
  })

/** The drafts of one round at one cut, by their index among the problem's. */
export interface Dropping {
  readonly problem: number
  /** Which of the policy's cuts, from 0. */
  readonly cut: number
  readonly came: ReadonlyArray<number>
  readonly kept: ReadonlyArray<number>
}

/** What a policy drops where, problem by problem, round by round, cut by cut; of its cuts that were come to. */
export const droppings = (
  self: Offline,
  policy: Policy
): Effect.Effect<ReadonlyArray<Dropping>, BackendError | RunError> =>
  Effect.suspend(() => {
    check(policy)
    return Effect.map(decidedOf(self, policy, Infinity), (decided) => {
      const found: Array<Dropping> = []
      const decider = new Decider(decided)
      for (let problem = 0; problem < self.recording.problems.length; problem++) {
        const places = (all: Int32Array) => [...all].map((at) => at - problem * decided.count)
        decider.onCut = (cut, came, kept) => found.push({ problem, cut, came: places(came), kept: places(kept) })
        decider.decide(problem)
      }
      return found
    })
  })

const decisionsOf = (decided: Decided, problems: number): Decisions => {
  const decider = new Decider(decided)
  const chosen: Array<Scored | undefined> = []
  const counts = {
    samples: new Int32Array(problems),
    rounds: new Int32Array(problems),
    steps: new Int32Array(problems),
    drawnTokens: new Int32Array(problems),
    readTokens: new Int32Array(problems)
  }
  for (let problem = 0; problem < problems; problem++) {
    chosen.push(decided.end.scores.scored[decider.decide(problem)])
    counts.samples[problem] = decider.samples
    counts.rounds[problem] = decider.rounds
    counts.steps[problem] = decider.steps
    counts.drawnTokens[problem] = decider.drawnTokens
    counts.readTokens[problem] = decider.readTokens
  }
  return { chosen, ...counts }
}
