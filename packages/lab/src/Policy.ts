/**
 * A strategy as data, so that thousands of them can be compared: it runs on any backend as the strategy that it stands for
 * (`strategy`, `run`), and is decided on recorded drafts by arithmetic (`Offline.decide`).
 */
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Candidate } from "@mulligan/core/Candidate"
import type { Prompt } from "@mulligan/core/Prompt"
import type { RunError } from "@mulligan/core/RunError"
import type * as Scorer from "@mulligan/core/Scorer"
import * as SelfEvaluator from "@mulligan/self-evaluator/SelfEvaluator"
import type { Annealing } from "@mulligan/strategies/Annealing"
import * as Candidates from "@mulligan/strategies/Candidates"
import type { VoteOptions } from "@mulligan/strategies/Run"
import * as Stopping from "@mulligan/strategies/Stopping"
import type { Threshold } from "@mulligan/strategies/Threshold"
import { temperaturesOf } from "./internal/temperatures.ts"

export type Judge = Scorer.Scorer<BackendError, Backend.Backend>

/** Drafts are dropped after so many of their own tokens. */
export type Cut = {
  /** From 1; cuts stand in rising order. */
  readonly after: number
  /** Default: the policy's. */
  readonly scorer?: Judge | undefined
} & (
  | {
      /** Keeps a share (below 1, rounded up) or a number of the round's drafts, as `Candidates.prune`. */
      readonly keep: number
      /** One copy of every text first. Default false. */
      readonly distinct?: boolean | undefined
    }
  | {
      /**
       * Drops what is surely below this score, or below a bar learned from the whole drafts of the rounds before, as
       * `Candidates.pruneBelow`.
       */
      readonly below: number | Threshold
    }
)

/**
 * `best`: the highest score. The others: the answer given most often, or with the highest sum of weights (of scores, if
 * nothing else is said) of the drafts that may reach a bar.
 */
export type Choice =
  | "best"
  | { readonly majority: Candidates.Answer<Scorer.Scored> }
  | ({ readonly weightedMajority: Candidates.Answer<Scorer.Scored> } & VoteOptions)

export interface Policy {
  /** Drafts at most. */
  readonly count: number
  /** A number, or by the index alone: an annealing that looks at scores throws a `RangeError`. Default 1. */
  readonly temperature?: number | Annealing | undefined
  /** How tokens are drawn, temperature apart, and what is told of each. Default: from the model's own distribution. */
  readonly sampling?: (Backend.Sampling & Backend.Measures) | undefined
  /** Sizes of rounds, each drawn side by side. Default: one at a time with a rule to stop, else all at once. */
  readonly rounds?: ReadonlyArray<number> | undefined
  readonly cuts?: ReadonlyArray<Cut> | undefined
  /** Tokens of a draft at most. Default: until it ends. */
  readonly maxTokens?: number | undefined
  /**
   * Judges whole drafts. Default: `SelfEvaluator.make()`. Scores are computed once for each scorer: policies that judge
   * alike should share one value.
   */
  readonly scorer?: Judge | undefined
  /** A threshold that some score reaches, or any rule. Default: never. */
  readonly stop?: number | Stopping.Stopping | undefined
  /** Default "best". */
  readonly choose?: Choice | undefined
}

type Failure = BackendError | RunError
type Judged = Stream.Stream<Scorer.Scored, Failure, Backend.Backend>

const selfEvaluator = SelfEvaluator.make()

export const scorerOf = ({ scorer = selfEvaluator }: Policy): Judge => scorer

export const roundsOf = ({ count, rounds, stop }: Policy): ReadonlyArray<number> =>
  rounds ?? (stop === undefined ? [count] : Array.from({ length: count }, () => 1))

/** Sizes, depths and temperatures that cannot be meant throw a `RangeError`. */
export const check = (self: Policy): void => {
  const isCount = (value: number) => Number.isInteger(value) && value > 0
  const depths = [0, ...(self.cuts ?? []).map(({ after }) => after), self.maxTokens ?? Infinity]
  const isRising = depths.every((depth, i) => i === 0 || depth > (depths[i - 1] ?? 0))
  if (!isCount(self.count)) throw new RangeError(`A policy draws a whole number of drafts, not ${self.count}.`)
  if (!roundsOf(self).every(isCount)) throw new RangeError("The sizes of rounds are whole numbers above 0.")
  if (!isRising || !depths.slice(1, -1).every(isCount))
    throw new RangeError("Cuts stand after whole numbers of tokens, rising, before maxTokens.")
  for (const cut of self.cuts ?? []) {
    if ("keep" in cut && !(cut.keep > 0)) throw new RangeError(`A cut keeps a share or a number, not ${cut.keep}.`)
    if ("below" in cut && Number.isNaN(cut.below)) throw new RangeError("A cut needs a threshold that is a number.")
  }
  temperaturesOf(self.temperature ?? 1, self.count)
}

const ruleOf = (stop: Policy["stop"]): Stopping.Stopping =>
  stop === undefined ? Stopping.never : typeof stop === "number" ? Stopping.threshold(stop) : stop

const dropped =
  (cut: Cut) =>
  (self: Judged): Judged =>
    "keep" in cut
      ? Candidates.prune(self, { keep: cut.keep, distinct: cut.distinct })
      : Candidates.pruneBelow(self, cut.below)

const round =
  (policy: Policy) =>
  (group: Candidates.Round): Judged => {
    const scorer = scorerOf(policy)
    const { sampling = {} } = policy
    let drafts: Stream.Stream<Candidate, Failure, Backend.Backend> = group
    let depth = 0
    for (const cut of policy.cuts ?? []) {
      drafts = drafts.pipe(
        Candidates.generate({ ...sampling, maxTokens: cut.after - depth }),
        Candidates.score(cut.scorer ?? scorer),
        dropped(cut)
      )
      depth = cut.after
    }
    const rest = policy.maxTokens === undefined ? {} : { maxTokens: policy.maxTokens - depth }
    return drafts.pipe(Candidates.generate({ ...sampling, ...rest }), Candidates.score(scorer))
  }

const chosen =
  (choice: Choice) =>
  <E, R>(self: Stream.Stream<Scorer.Scored, E, R>): Effect.Effect<Scorer.Scored, E | RunError, R> => {
    if (choice === "best") return Candidates.runBest(self)
    if ("majority" in choice) return Candidates.runMajority(self, choice.majority)
    const { weightedMajority, ...vote } = choice
    return Candidates.runWeightedMajority(self, weightedMajority, vote)
  }

/**
 * The strategy, from a stream of empty candidates to the one it chooses, for any backend. Fails with `NothingDrawn` where
 * its cuts leave none, or none answers.
 */
export const strategy = (
  self: Policy
): (<E, R>(
  candidates: Stream.Stream<Candidate, E, R>
) => Effect.Effect<Scorer.Scored, E | Failure, R | Backend.Backend>) => {
  check(self)
  const temperatures = temperaturesOf(self.temperature ?? 1, self.count)
  return (candidates) =>
    candidates.pipe(
      Stream.take(self.count),
      Candidates.anneal((index) => temperatures[index] ?? 1),
      Candidates.rounds(roundsOf(self), round(self)),
      Candidates.takeUntil(ruleOf(self.stop)),
      chosen(self.choose ?? "best")
    )
}

/** Answers one prompt. The same seed draws the same drafts for every policy. Default 0. */
export const run = (
  self: Policy,
  prompt: Prompt,
  { seed }: { readonly seed?: number | undefined } = {}
): Effect.Effect<Scorer.Scored, Failure, Backend.Backend> =>
  strategy(self)(Candidates.fromPrompt(prompt, { count: self.count, seed }))
