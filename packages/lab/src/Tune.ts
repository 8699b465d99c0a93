/**
 * Finds the cheapest setting for a wanted share of the gain, or the best for a budget, by deciding many of them on recorded
 * drafts: by successive halving (Jamieson and Talwalkar, arXiv 1502.07943), on problems that it does not report on.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import type { RunError } from "@mulligan/core/RunError"
import { type Estimate, Resamples } from "./Bootstrap.ts"
import * as Evaluate from "./Evaluate.ts"
import * as Grades from "./Grades.ts"
import type * as Latency from "./Latency.ts"
import * as Offline from "./Offline.ts"
import type { Recording } from "./Recording.ts"
import * as Setting from "./Setting.ts"
import type * as Task from "./tasks/Task.ts"
import type { TaskError } from "./tasks/TaskError.ts"

/**
 * `share` of the gain of the best of N by self-evaluation over one sample, from 0 up (1 is all of it), at the least cost;
 * or the best accuracy for at most this cost.
 */
export type Goal = { readonly share: number } | { readonly budget: number }

export interface Options<E = never, R = never> {
  readonly task: Task.Task | Task.JudgedTask<E, R>
  readonly settings: ReadonlyArray<Setting.Setting>
  readonly goal: Goal
  /** The setting whose accuracy is all of the gain. Default: the best of as many drafts, by self-evaluation. */
  readonly best?: Setting.Setting | undefined
  /**
   * What a token that is read to judge costs, in tokens drawn. Default 0.25: endpoints charge about that for a token of
   * input; on hardware of one's own it is less.
   */
  readonly readPrice?: number | undefined
  readonly hardware?: Latency.Hardware | undefined
  /** Share of the problems that settings are chosen by; they are reported on the others. Default 0.5. */
  readonly split?: number | undefined
  /** Shuffles the problems before they are split. Default 0. */
  readonly seed?: number | undefined
  /** Problems that all settings are first tried on. Default 256. */
  readonly first?: number | undefined
}

/** A setting on some problems. */
export interface Measured {
  readonly accuracy: Estimate
  /** Tokens drawn, and read at their price. */
  readonly cost: Estimate
  readonly samples: Estimate
  readonly share: Estimate
}

export interface Tuned {
  readonly setting: Setting.Setting
  /** The TypeScript of the setting. */
  readonly code: string
  /** On the problems that it was chosen by: too good, as what is chosen always is. */
  readonly chosenOn: Measured
  /** On problems that the choice never saw. */
  readonly heldOut: Measured
  /** Whether the goal is reached where it was chosen; if not, it is the nearest that was found. */
  readonly isReached: boolean
  readonly tried: number
}

type Failure<E> = E | BackendError | RunError | TaskError

const mean = (column: ReadonlyArray<number>) => column.reduce((sum, value) => sum + value, 0) / column.length

/** Accuracy and cost of each problem. */
interface Outcome {
  readonly accuracy: ReadonlyArray<number>
  readonly cost: ReadonlyArray<number>
  readonly samples: ReadonlyArray<number>
}

interface Tried {
  readonly setting: Setting.Setting
  readonly accuracy: number
  readonly cost: number
}

/** Settings on one set of problems. */
const bench = <E, R>(recording: Recording, options: Options<E, R>) =>
  Effect.gen(function* () {
    const { hardware, readPrice = 0.25, task } = options
    const offline = Offline.make(recording)
    const grades = yield* Grades.make(task, recording)
    const answer: Setting.Answer = (c) => task.answerOf(Candidate.text(c))
    const outcome = (setting: Setting.Setting): Effect.Effect<Outcome, Failure<E>, R> =>
      Effect.map(
        Evaluate.outcomes(offline, grades, Setting.toPolicy(setting, answer, recording.sampling), hardware),
        ({ accuracy, drawnTokens, readTokens, samples }) => ({
          accuracy,
          samples,
          cost: drawnTokens.map((drawn, i) => drawn + readPrice * readTokens[i]!)
        })
      )
    const best = yield* outcome(bestOf(options))
    const drafts = yield* Offline.drafts(offline, Setting.toPolicy(bestOf(options), answer, recording.sampling))
    const one = yield* Effect.forEach(drafts, (all, i) =>
      Effect.map(
        Effect.forEach(all, (draft) => grades.of(i, draft)),
        mean
      )
    )
    return { outcome, best, one }
  })

const bestOf = <E, R>({ best, settings }: Options<E, R>): Setting.Setting =>
  best ?? {
    count: Math.max(...settings.map(({ count }) => count)),
    scorer: Setting.selfEvaluation,
    maxTokens: settings[0]?.maxTokens
  }

/** Negative where the goal is reached; else how far from it, in accuracy or in cost. */
const shortOf = (goal: Goal, one: number, best: number, { accuracy, cost }: Omit<Tried, "setting">): number =>
  "share" in goal ? one + goal.share * (best - one) - accuracy : cost - goal.budget

const EPSILON = 1e-9

/** What reaches the goal first, the cheapest (or, for a budget, the most accurate) before others; then what comes near. */
const ranked = (goal: Goal, one: number, best: number, tried: ReadonlyArray<Tried>): ReadonlyArray<Tried> => {
  const value = ({ accuracy, cost }: Tried) => ("share" in goal ? cost : -accuracy)
  const short = new Map(tried.map((each) => [each, Math.max(0, shortOf(goal, one, best, each) - EPSILON)]))
  return tried.toSorted((a, b) => short.get(a)! - short.get(b)! || value(a) - value(b) || a.cost - b.cost)
}

/** Settings than which no other is both cheaper and as good, then those that only these are, and so on. */
const layers = (tried: ReadonlyArray<Tried>): ReadonlyArray<ReadonlyArray<Tried>> => {
  const found: Array<ReadonlyArray<Tried>> = []
  let left = tried.toSorted((a, b) => a.cost - b.cost || b.accuracy - a.accuracy)
  while (left.length > 0) {
    let highest = -Infinity
    const isFront = left.map(({ accuracy }) => {
      const isBetter = accuracy > highest
      if (isBetter) highest = accuracy
      return isBetter
    })
    found.push(left.filter((_, i) => isFront[i]))
    left = left.filter((_, i) => !isFront[i])
  }
  return found
}

/**
 * The better half for any goal, layer by layer, as few problems say little of a single one (Schmucker et al., arXiv
 * 2106.12639); of the last layer those nearest to this goal.
 */
const better = (goal: Goal, one: number, best: number, tried: ReadonlyArray<Tried>): ReadonlyArray<Tried> => {
  const distance = (each: Tried) => Math.abs(shortOf(goal, one, best, each))
  const half = Math.ceil(tried.length / 2)
  return layers(tried)
    .flatMap((layer) => layer.toSorted((a, b) => distance(a) - distance(b)))
    .slice(0, half)
}

const part = (recording: Recording, from: number, to: number): Recording => ({
  ...recording,
  problems: recording.problems.slice(from, to)
})

/** In an order that depends on the seed alone, so that every part has problems of all kinds. */
const shuffled = (recording: Recording, seed: number): Recording => {
  let state = (seed ^ 0x9e3779b9) >>> 0
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const problems = [...recording.problems]
  for (let i = problems.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    ;[problems[i], problems[j]] = [problems[j]!, problems[i]!]
  }
  return { ...recording, problems }
}

/** Every setting on all problems. */
const triedAll = <E, R>(recording: Recording, settings: ReadonlyArray<Setting.Setting>, options: Options<E, R>) =>
  Effect.gen(function* () {
    const { best, one, outcome } = yield* bench(recording, options)
    const tried = yield* Effect.forEach(settings, (setting) =>
      Effect.map(outcome(setting), ({ accuracy, cost }): Tried => ({
        setting,
        accuracy: mean(accuracy),
        cost: mean(cost)
      }))
    )
    return { tried, low: mean(one), high: mean(best.accuracy) }
  })

const choose = (goal: Goal, low: number, high: number, tried: ReadonlyArray<Tried>) => {
  const chosen = ranked(goal, low, high, tried)[0]!
  return { chosen, isReached: shortOf(goal, low, high, chosen) <= EPSILON }
}

/** All settings on the first problems, the better half on twice as many, and so on; the last round sees all. */
const halved = <E, R>(recording: Recording, options: Options<E, R>) =>
  Effect.gen(function* () {
    const { first = 256, goal } = options
    const all = recording.problems.length
    let left = options.settings
    for (let count = Math.min(first, all); ; count = Math.min(2 * count, all)) {
      const { high, low, tried } = yield* triedAll(part(recording, 0, count), left, options)
      if (count === all) return choose(goal, low, high, tried)
      left = better(goal, low, high, tried).map(({ setting }) => setting)
    }
  })

const measured = <E, R>(recording: Recording, setting: Setting.Setting, options: Options<E, R>) =>
  Effect.gen(function* () {
    const { best, one, outcome } = yield* bench(recording, options)
    const { accuracy, cost, samples } = yield* outcome(setting)
    const resamples = new Resamples(one.length)
    return {
      accuracy: resamples.mean(accuracy),
      cost: resamples.mean(cost),
      samples: resamples.mean(samples),
      share: resamples.ofMeans([accuracy, one, best.accuracy], ([own = NaN, base = NaN, top = NaN]) =>
        top === base ? NaN : (own - base) / (top - base)
      )
    } satisfies Measured
  })

const check = ({ first = 256, goal, settings, split = 0.5 }: Options<unknown, unknown>, problems: number): void => {
  const target = "share" in goal ? goal.share : goal.budget
  if (settings.length === 0) throw new RangeError("There are no settings to choose from.")
  if (!(target >= 0)) throw new RangeError(`A share of the gain or a budget is a number from 0 up, not ${target}.`)
  if (!(split > 0 && split < 1)) throw new RangeError(`The split is a share between 0 and 1, not ${split}.`)
  if (!(Number.isInteger(first) && first > 0)) throw new RangeError(`first is a whole number above 0, not ${first}.`)
  if (problems < 2) throw new RangeError("Tuning needs two problems at least: one to choose by, one to report on.")
}

type Choose<E, R> = (
  recording: Recording
) => Effect.Effect<{ readonly chosen: Tried; readonly isReached: boolean }, Failure<E>, R>

/** Chooses by one part, or by the part that it is reported on. */
const split = <E, R>(recording: Recording, options: Options<E, R>) => {
  check(options as Options<unknown, unknown>, recording.problems.length)
  const mixed = shuffled(recording, options.seed ?? 0)
  const count = mixed.problems.length
  const border = Math.min(count - 1, Math.max(1, Math.round((options.split ?? 0.5) * count)))
  return { ours: part(mixed, 0, border), theirs: part(mixed, border, count) }
}

const chosenBy = <E, R>(
  { by, ours, theirs }: { readonly by: Recording; readonly ours: Recording; readonly theirs: Recording },
  options: Options<E, R>,
  choosing: Choose<E, R>
): Effect.Effect<Tuned, Failure<E>, R> =>
  Effect.gen(function* () {
    const { chosen, isReached } = yield* choosing(by)
    return {
      setting: chosen.setting,
      code: Setting.toTypeScript(chosen.setting),
      chosenOn: yield* measured(ours, chosen.setting, options),
      heldOut: yield* measured(theirs, chosen.setting, options),
      isReached,
      tried: options.settings.length
    }
  })

/**
 * Chooses a setting on a part of the recording's problems and measures it on the others, where nothing was chosen. Throws a
 * `RangeError` for options that cannot be meant; fails as `Offline.decide` where a setting needs what was not recorded.
 */
export const tune = <E = never, R = never>(
  recording: Recording,
  options: Options<E, R>
): Effect.Effect<Tuned, Failure<E>, R> =>
  Effect.suspend(() => {
    const parts = split(recording, options)
    return chosenBy({ ...parts, by: parts.ours }, options, (by) => halved(by, options))
  })

/**
 * What nobody can know beforehand, to measure `tune` by: the setting that is best on the held-out problems themselves, found
 * by trying all.
 */
export const exhaustive = <E = never, R = never>(
  recording: Recording,
  options: Options<E, R>
): Effect.Effect<Tuned, Failure<E>, R> =>
  Effect.suspend(() => {
    const parts = split(recording, options)
    return chosenBy({ ...parts, by: parts.theirs }, options, (by) =>
      Effect.map(triedAll(by, options.settings, options), ({ high, low, tried }) =>
        choose(options.goal, low, high, tried)
      )
    )
  })
