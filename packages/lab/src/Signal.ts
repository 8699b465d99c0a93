/**
 * Whether self-evaluation knows anything here: how well its scores order the drafts of a problem, and whether they hold what
 * they promise, at each depth that was recorded; beside it the mean log-probability, which costs nothing.
 */
import * as Effect from "effect/Effect"
import * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type * as Candidate from "@mulligan/core/Candidate"
import type * as Scorer from "@mulligan/core/Scorer"
import * as Diagnosis from "@mulligan/self-evaluator/Diagnosis"
import type { Observation } from "@mulligan/self-evaluator/Observation"
import * as Reliability from "@mulligan/self-evaluator/Reliability"
import * as Scorers from "@mulligan/strategies/Scorers"
import type { Column, Estimate, Resamples } from "./Bootstrap.ts"
import { cutAt, type Depth, isWhole } from "./Depth.ts"
import { unlessFull } from "./internal/unlessFull.ts"
import type { Judge } from "./Policy.ts"
import type { Recording } from "./Recording.ts"
import * as Replay from "./Replay.ts"

/** A draft and what it is worth, 0 to 1. */
export interface Graded {
  readonly candidate: Candidate.Candidate
  readonly grade: number
}

export interface Quality {
  readonly depth: Depth
  /** AUROC within problems: the share of pairs of a right and a wrong draft of one problem in the right order. */
  readonly within: Estimate
  /** AUROC over all drafts together: mostly whether it knows which problems are hard. */
  readonly pooled: Estimate
  /** The same of the mean log-probability, within problems; NaN where the backend gave none. */
  readonly meanLogProb: Estimate
  /** Expected calibration error against not losing to a sibling, which is what the score promises. */
  readonly ece: Estimate
  readonly bins: ReadonlyArray<Reliability.Bin>
  /** Drafts that left the question no room; nothing here is of them. */
  readonly unread: number
  /** Probability that both labels hold together, on average; undefined where the backend knows their ratio alone. */
  readonly mass: number | undefined
}

export interface Signal {
  /** From the start to the end. */
  readonly depths: ReadonlyArray<Quality>
  /** Of whole drafts, in words: whether to trust it, and what to use instead. */
  readonly diagnosis: Diagnosis.Diagnosis
}

export interface Options {
  readonly scorer: Judge
  readonly depths: ReadonlyArray<Depth>
  /** The grade from which a draft is right. Default 1. */
  readonly rightFrom?: number | undefined
  readonly resamples: Resamples
}

/** Drafts problem by problem. */
type Problems<A> = ReadonlyArray<ReadonlyArray<A>>

/** The share of its siblings that a draft does not lose to. */
const winOrTie = (all: ReadonlyArray<Graded>, { grade }: Graded): number =>
  all.length < 2 ? grade : (all.filter((other) => other.grade <= grade).length - 1) / (all.length - 1)

const judged = <A>(
  problems: Problems<Graded>,
  scorer: (candidate: Candidate.Candidate) => Effect.Effect<A, BackendError, Backend.Backend>,
  depth: Depth
): Effect.Effect<Problems<A>, BackendError, Backend.Backend> =>
  Effect.forEach(problems, (drafts) => Effect.forEach(drafts, ({ candidate }) => scorer(cutAt(candidate, depth))))

/** The drafts that left the question room, and what was said of them. */
const answered = (drawn: Problems<Graded>, scorer: Judge, depth: Depth) =>
  Effect.map(
    judged(drawn, (c) => unlessFull(scorer(c)), depth),
    (all) => ({
      problems: drawn.map((drafts, i) => drafts.filter((_, j) => all[i]![j] !== undefined)),
      scores: all.map((some) => some.filter((score) => score !== undefined)),
      unread: all.flat().filter((score) => score === undefined).length
    })
  )

const observed = (
  problems: Problems<Graded>,
  scores: Problems<Scorer.Score>,
  outcome: (draft: Graded, all: ReadonlyArray<Graded>) => number
): Problems<Observation> =>
  problems.map((drafts, i) =>
    drafts.map((draft, j) => ({ score: scores[i]![j]!.value, outcome: outcome(draft, drafts) }))
  )

const withinOf = (resamples: Resamples, problems: Problems<Observation>): Estimate => {
  const pairs = problems.map(Reliability.pairs)
  const columns: ReadonlyArray<Column> = [pairs.map(([won]) => won), pairs.map(([, all]) => all)]
  return resamples.ofSums(columns, ([won = NaN, all = NaN]) => won / all)
}

const BINS = 10

/** Sums by bin (count, score, outcome), so that resamples only add. */
const eceOf = (resamples: Resamples, problems: Problems<Observation>): Estimate => {
  const binOf = (score: number) => Math.min(BINS - 1, Math.max(0, Math.ceil(score * BINS) - 1))
  const columns = Array.from({ length: BINS }, (_, bin) =>
    problems.map((drafts) => drafts.filter(({ score }) => binOf(score) === bin))
  ).flatMap((inside) => [
    inside.map((drafts) => drafts.reduce((sum, { outcome, score }) => sum + score - outcome, 0)),
    inside.map((drafts) => drafts.length)
  ])
  return resamples.ofSums(columns, (sums) => {
    let [off, count] = [0, 0]
    for (let bin = 0; bin < BINS; bin++) {
      off += Math.abs(sums[2 * bin]!)
      count += sums[2 * bin + 1]!
    }
    return off / count
  })
}

/** No resamples of it are made: a sort of all drafts each time would be slow, and choosing needs `within`. */
const pooledOf = (problems: Problems<Observation>): Estimate => {
  const value = Reliability.auroc(problems.flat())
  return { value, low: NaN, high: NaN }
}

const massOf = (scores: Problems<Scorer.Score>): number | undefined => {
  const known = scores.flat().flatMap(({ mass }) => (mass === undefined ? [] : [mass]))
  return known.length === 0 ? undefined : known.reduce((sum, mass) => sum + mass, 0) / known.length
}

/** What else orders drafts for nothing; of these, what the backend told. */
const free = {
  "mean log-probability": Scorers.meanLogProb,
  "mean confidence": Scorers.meanConfidence,
  "self-certainty": Scorers.selfCertainty
}

const ordersOf = (problems: Problems<Graded>, depth: Depth, outcome: (draft: Graded) => number) =>
  Effect.map(
    Effect.forEach(Object.entries(free), ([name, scorer]) =>
      judged(problems, scorer, depth).pipe(
        Effect.map((scores) => [[name, observed(problems, scores, outcome)] as const]),
        Effect.catch(() => Effect.succeed([]))
      )
    ),
    (all): Readonly<Record<string, Problems<Observation>>> => Object.fromEntries(all.flat())
  )

const none: Estimate = { value: NaN, low: NaN, high: NaN }

const qualityAt = (drawn: Problems<Graded>, options: Options, depth: Depth) =>
  Effect.gen(function* () {
    const { resamples, rightFrom = 1, scorer } = options
    const right = ({ grade }: Graded) => (grade >= rightFrom ? 1 : 0)
    const { problems, scores, unread } = yield* answered(drawn, scorer, depth)
    const others = yield* ordersOf(problems, depth, right)
    const likely = others["mean log-probability"]
    const ordered = observed(problems, scores, right)
    const promised = observed(problems, scores, (draft, all) => winOrTie(all, draft))
    const quality: Quality = {
      depth,
      within: withinOf(resamples, ordered),
      pooled: pooledOf(ordered),
      meanLogProb: likely === undefined ? none : withinOf(resamples, likely),
      ece: eceOf(resamples, promised),
      bins: Reliability.reliabilityBins(promised.flat()),
      unread,
      mass: massOf(scores)
    }
    return { quality, ordered, others }
  })

/**
 * Measures the scorer at each depth on recorded drafts, and diagnoses whole drafts. Fails with `Unsupported` where a depth
 * or the scorer's question was not recorded.
 */
export const measure = (
  recording: Recording,
  problems: Problems<Graded>,
  options: Options
): Effect.Effect<Signal, BackendError> =>
  Effect.gen(function* () {
    const depths = yield* Effect.forEach(options.depths, (depth) => qualityAt(problems, options, depth))
    const whole =
      depths.find(({ quality }) => isWhole(quality.depth)) ?? (yield* qualityAt(problems, options, { share: 1 }))
    return {
      depths: depths.map(({ quality }) => quality),
      diagnosis: Diagnosis.diagnose(whole.ordered, { others: whole.others })
    }
  }).pipe(Effect.provideService(Backend.Backend, Replay.make(recording)))
