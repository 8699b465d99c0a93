/**
 * What self-evaluation and strategies are worth on a task, from a recording: the quality of the signal first, then each
 * policy's accuracy and cost on the same drafts, with paired intervals.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import type { RunError } from "@mulligan/core/RunError"
import * as Question from "@mulligan/self-evaluator/Question"
import * as SelfEvaluator from "@mulligan/self-evaluator/SelfEvaluator"
import * as Scorers from "@mulligan/strategies/Scorers"
import { type Column, type Estimate, Resamples } from "./Bootstrap.ts"
import * as Depth from "./Depth.ts"
import * as Grades from "./Grades.ts"
import * as Latency from "./Latency.ts"
import * as Offline from "./Offline.ts"
import type { Judge, Policy } from "./Policy.ts"
import type { Recording } from "./Recording.ts"
import * as Signal from "./Signal.ts"
import type * as Task from "./tasks/Task.ts"
import type { TaskError } from "./tasks/TaskError.ts"

/** A policy on every problem of a recording, in its order. */
export interface Outcomes {
  /** Grade of the chosen draft, 0 to 1; of none, 0. */
  readonly accuracy: Column
  readonly samples: Column
  readonly drawnTokens: Column
  /** To judge. */
  readonly readTokens: Column
  /** Drawn tokens that are not in the chosen draft. */
  readonly wastedTokens: Column
  readonly rounds: Column
  /** Under the stated model of hardware. */
  readonly seconds: Column
}

/** A policy over all problems: means, each with its 95% interval. */
export interface Row extends Readonly<Record<keyof Outcomes, Estimate>> {
  readonly name: string
  /** (accuracy - that of one sample) / (that of the best of N by self-evaluation - that of one sample). */
  readonly gainShare: Estimate
  /** The same over the greedy answer; undefined where none was recorded. */
  readonly gainShareOverGreedy: Estimate | undefined
  /** Accuracy less that of the best of N by self-evaluation, problem by problem. */
  readonly accuracyOverBest: Estimate
}

export interface Evaluation {
  readonly task: string
  readonly model: string
  readonly problems: number
  /** Drafts of each problem that the best of N chooses from. */
  readonly count: number
  /** Of the drafts by which the signal was measured, and of the best of N. */
  readonly temperature: number
  readonly hardware: Latency.Hardware
  readonly signal: Signal.Signal
  readonly rows: ReadonlyArray<Row>
}

export interface Options<E = never, R = never> {
  readonly task: Task.Task | Task.JudgedTask<E, R>
  /** Policies by name, beside those that every evaluation has: one sample, greedy, the best of N by three rules. */
  readonly policies?: Readonly<Record<string, Policy>> | undefined
  /** The scorer that is measured. Default: the paper's question. */
  readonly scorer?: Judge | undefined
  /** Where it is measured. Default: wherever the paper's question was recorded of all drafts, as far as they go. */
  readonly depths?: ReadonlyArray<Depth.Depth> | undefined
  /** Default 1, if that was recorded, else what was recorded most. */
  readonly temperature?: number | undefined
  /** Drafts of a problem. Default: as many as every problem has at the temperature. */
  readonly count?: number | undefined
  /** Tokens of a draft at most. Default: as many as every draft has that was cut when it was recorded. */
  readonly maxTokens?: number | undefined
  /** The grade from which a draft counts as right for the signal's quality. Default 1. */
  readonly rightFrom?: number | undefined
  readonly hardware?: Latency.Hardware | undefined
  /** Default 1000. */
  readonly resamples?: number | undefined
}

type Failure<E> = E | BackendError | RunError | TaskError

/** Scores are remembered by the scorer's identity, so the standard policies share one. */
const selfEvaluator = SelfEvaluator.make()

const temperatureOf = ({ problems }: Recording): number => {
  const counts = new Map<number, number>()
  for (const { temperature } of problems.flatMap(({ drafts }) => drafts))
    counts.set(temperature, (counts.get(temperature) ?? 0) + 1)
  const most = [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0]
  return counts.has(1) ? 1 : (most ?? 1)
}

/** Indexes from 0 on that every problem has at the temperature. */
const countOf = ({ problems }: Recording, temperature: number): number => {
  const lengths = problems.map(({ drafts }) => {
    const there = new Set(drafts.filter((draft) => draft.temperature === temperature).map(({ index }) => index))
    let count = 0
    while (there.has(count)) count++
    return count
  })
  return lengths.length === 0 ? 0 : Math.min(...lengths)
}

/** What the shortest draft has that did not end by itself; undefined: all ended. */
const maxTokensOf = ({ problems }: Recording): number | undefined => {
  const cut = problems.flatMap(({ drafts }) =>
    drafts.flatMap(({ tokens }) => (tokens.at(-1)?.end === undefined ? [tokens.length] : []))
  )
  return cut.length === 0 ? undefined : cut.reduce((least, length) => Math.min(least, length))
}

const hasGreedy = ({ problems }: Recording): boolean =>
  problems.every(({ drafts }) => drafts.some(({ temperature }) => temperature === 0))

/** A policy on every problem. `offline` remembers what policies have in common, so use one for all of a recording. */
export const outcomes = <E, R>(
  offline: Offline.Offline,
  grades: Grades.Grades<E, R>,
  policy: Policy,
  hardware: Latency.Hardware = Latency.usual
): Effect.Effect<Outcomes, Failure<E>, R> =>
  Effect.gen(function* () {
    const decided = yield* Offline.decide(offline, policy, { rows: hardware.rows })
    const accuracy = yield* Effect.forEach(decided.chosen, (chosen, i) =>
      chosen === undefined ? Effect.succeed(0) : grades.of(i, chosen)
    )
    const [drawnTokens, readTokens] = [[...decided.drawnTokens], [...decided.readTokens]]
    return {
      accuracy,
      samples: [...decided.samples],
      drawnTokens,
      readTokens,
      wastedTokens: drawnTokens.map((drawn, i) => drawn - (decided.chosen[i]?.tokens.length ?? 0)),
      rounds: [...decided.rounds],
      seconds: readTokens.map((read, i) => decided.steps[i]! * hardware.secondsPerStep + read * hardware.secondsPerRead)
    }
  })

/** One sample by what all drafts are worth on average: the same expectation as the first draft's, with less noise. */
const averaged = (one: Outcomes, drafts: ReadonlyArray<ReadonlyArray<Signal.Graded>>): Outcomes => ({
  ...one,
  accuracy: drafts.map((all) => all.reduce((sum, { grade }) => sum + grade, 0) / all.length)
})

export const names = {
  one: "one sample",
  greedy: "greedy",
  best: (count: number) => `best of ${count}, self-evaluation`,
  likeliest: (count: number) => `best of ${count}, mean log-probability`,
  confident: (count: number) => `best of ${count}, mean confidence`,
  certain: (count: number) => `best of ${count}, self-certainty`,
  majority: (count: number) => `majority of ${count}`,
  possible: (count: number) => `best possible of ${count}`
} as const

interface Baselines {
  readonly one: Outcomes
  readonly best: Outcomes
  readonly greedy: Outcomes | undefined
}

const rowOf = (name: string, own: Outcomes, { best, greedy, one }: Baselines, resamples: Resamples): Row => {
  const share = (from: Outcomes) =>
    resamples.ofMeans([own.accuracy, from.accuracy, best.accuracy], ([a = NaN, base = NaN, top = NaN]) =>
      top === base ? NaN : (a - base) / (top - base)
    )
  const means = Object.fromEntries(Object.entries(own).map(([key, column]) => [key, resamples.mean(column as Column)]))
  return {
    ...(means as unknown as Record<keyof Outcomes, Estimate>),
    name,
    gainShare: share(one),
    gainShareOverGreedy: greedy === undefined ? undefined : share(greedy),
    accuracyOverBest: resamples.difference(own.accuracy, best.accuracy)
  }
}

/** By what tokens tell beside their log-probability, where that was recorded. */
const measured = ({ measures }: Recording, common: Policy): Record<string, Policy> => ({
  ...(measures.confidence === undefined
    ? {}
    : { [names.confident(common.count)]: { ...common, scorer: Scorers.meanConfidence } }),
  ...(measures.certainty === true
    ? { [names.certain(common.count)]: { ...common, scorer: Scorers.selfCertainty } }
    : {})
})

/** What a user compares against, by name; `answer` is for votes. */
const standard = (recording: Recording, common: Policy, scorer: Judge, answer: Task.Task["answerOf"]) => {
  const { count } = common
  const judge = { ...common, scorer }
  const greedy: Record<string, Policy> = hasGreedy(recording)
    ? { [names.greedy]: { ...common, count: 1, temperature: 0, scorer: Scorers.meanLogProb } }
    : {}
  return {
    [names.one]: { ...common, count: 1, scorer: unscored },
    ...greedy,
    [names.majority(count)]: {
      ...common,
      scorer: unscored,
      choose: { majority: (c) => answer(Candidate.text(c)) }
    },
    [names.likeliest(count)]: { ...common, scorer: Scorers.meanLogProb },
    ...measured(recording, common),
    [names.best(count)]: judge
  } satisfies Record<string, Policy>
}

/** Costs nothing: who draws one, or votes, judges nothing. */
const unscored: Judge = Scorers.verifier(() => 0)

/** All drafts that a policy could draw, graded, problem by problem. */
export const drafts = <E, R>(offline: Offline.Offline, grades: Grades.Grades<E, R>, policy: Policy) =>
  Effect.flatMap(Offline.drafts(offline, policy), (problems) =>
    Effect.forEach(problems, (drafts, i) =>
      Effect.forEach(drafts, (candidate) => Effect.map(grades.of(i, candidate), (grade) => ({ candidate, grade })))
    )
  )

const possible = (best: Outcomes, drafts: ReadonlyArray<ReadonlyArray<Signal.Graded>>): Outcomes => ({
  ...best,
  readTokens: best.readTokens.map(() => 0),
  accuracy: drafts.map((all) => Math.max(...all.map(({ grade }) => grade)))
})

/** What an evaluation is made of, for whoever looks closer: all of it is graded and decided once. */
export interface Bench<out E = never, out R = never> {
  readonly recording: Recording
  readonly offline: Offline.Offline
  readonly grades: Grades.Grades<E, R>
  /** Drafts of each problem, their temperature, how they are drawn. */
  readonly common: Policy & { readonly temperature: number }
  /** Those drafts, problem by problem. */
  readonly drafts: ReadonlyArray<ReadonlyArray<Signal.Graded>>
  /** All that are measured, by name, the standard ones first. */
  readonly policies: Readonly<Record<string, Policy>>
  readonly scorer: Judge
}

/** Fails with `Ungraded` where a prompt is none of the task's, with `Unsupported` where drafts are missing. */
export const bench = <E = never, R = never>(
  recording: Recording,
  options: Options<E, R>
): Effect.Effect<Bench<E, R>, Failure<E>, R> =>
  Effect.gen(function* () {
    const { policies = {}, scorer = selfEvaluator, task } = options
    const temperature = options.temperature ?? temperatureOf(recording)
    const count = options.count ?? countOf(recording, temperature)
    const maxTokens = options.maxTokens ?? maxTokensOf(recording)
    const common = { count, temperature, sampling: recording.sampling, maxTokens }
    const grades = yield* Grades.make(task, recording)
    const offline = Offline.make(recording)
    const graded = yield* drafts(offline, grades, common)
    const all = { ...standard(recording, common, scorer, task.answerOf), ...policies }
    return { recording, offline, grades, common, drafts: graded, policies: all, scorer }
  })

/** Evaluates what `bench` made ready, with the same options. */
export const measure = <E = never, R = never>(
  { common, drafts, grades, offline, policies, recording, scorer }: Bench<E, R>,
  options: Options<E, R>
): Effect.Effect<Evaluation, Failure<E>, R> =>
  Effect.gen(function* () {
    const { hardware = Latency.usual, rightFrom, task } = options
    const resamples = new Resamples(drafts.length, { resamples: options.resamples })
    const depths = options.depths ?? Depth.recorded(recording, Question.paper, options.maxTokens)
    const signal = yield* Signal.measure(recording, drafts, { scorer, depths, rightFrom, resamples })
    const measured = new Map<string, Outcomes>()
    for (const [name, policy] of Object.entries(policies))
      measured.set(name, yield* outcomes(offline, grades, policy, hardware))
    const { count, temperature } = common
    const one = averaged(measured.get(names.one)!, drafts)
    const best = measured.get(names.best(count))!
    measured.set(names.one, one).set(names.possible(count), possible(best, drafts))
    const baselines = { one, best, greedy: measured.get(names.greedy) }
    return {
      task: task.name,
      model: recording.model,
      problems: drafts.length,
      count,
      temperature,
      hardware,
      signal,
      rows: [...measured].map(([name, own]) => rowOf(name, own, baselines, resamples))
    }
  })

/**
 * Evaluates a recording on its task. Policies that choose among the same drafts are compared on the same drafts, and none is
 * drawn for them.
 *
 * Fails with `Ungraded` where a prompt is none of the task's, with `Unsupported` where a policy needs what was not recorded.
 */
export const evaluate = <E = never, R = never>(
  recording: Recording,
  options: Options<E, R>
): Effect.Effect<Evaluation, Failure<E>, R> =>
  Effect.flatMap(bench(recording, options), (ready) => measure(ready, options))
