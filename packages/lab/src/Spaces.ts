/**
 * Settings to search, one list for each family of rules: ours, and peers', each with its source in `docs/peers.md`. A rule
 * with one number has a dozen settings, one with several has hundreds: to compare families, try all settings of each.
 */
import type * as Backend from "@mulligan/core/Backend"
import type * as Annealing from "@mulligan/strategies/Annealing"
import * as Stopping from "@mulligan/strategies/Stopping"
import * as Weights from "@mulligan/strategies/Weights"
import { byConfidence, byLogProb, consensus, deepConf } from "./internal/deepConf.ts"
import { confidences, doubling, rule, type Settings, voting } from "./internal/families.ts"
import * as Setting from "./Setting.ts"

export interface Options {
  /** Drafts at most. Default 16. */
  readonly count?: number | undefined
  /** Numbers of tokens at which drafts may be dropped: where they were judged when they were recorded. Default none. */
  readonly cuts?: ReadonlyArray<number> | undefined
  /** Whether an annealing from greedy to 1 was recorded, too. Default false. */
  readonly annealed?: boolean | undefined
  readonly maxTokens?: number | undefined
  /**
   * What was recorded of every token beside its log-probability: rules that their authors wrote for it are then searched
   * over it, and else over the log-probability. Default nothing.
   */
  readonly measures?: Backend.Measures | undefined
}

const thresholds = [
  0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.84, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99,
  0.995, 0.998, 0.999
]
const keeps = [0.75, 0.5, 0.25, 0.125]

const anneal: Setting.Part<Annealing.Annealing> = Setting.annealed(0, 1)

/**
 * Self-evaluation, one draft after another or in rounds that double, at one temperature or annealed; and switched off: the
 * first draft, unjudged.
 */
const adaptive = ({ annealed = false, count = 16, maxTokens }: Options): Settings => {
  const schedules = annealed ? [undefined, anneal] : [undefined]
  const orders = [undefined, doubling(count, 1), doubling(count, 2)]
  const off = schedules.map((temperature) => ({ count: 1, maxTokens, temperature, scorer: Setting.unscored }))
  const on = schedules.flatMap((temperature) =>
    orders.flatMap((rounds) =>
      thresholds.map((value) => ({
        count,
        maxTokens,
        rounds,
        temperature,
        scorer: Setting.selfEvaluation,
        stop: Setting.threshold(value)
      }))
    )
  )
  return [...off, ...on]
}

const schedulesOf = (cuts: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<Setting.Cut>> => {
  const single = cuts.flatMap((after) => keeps.map((keep) => [{ after, keep }]))
  const double = cuts.flatMap((first, i) =>
    cuts.slice(i + 1).flatMap((second) =>
      keeps.flatMap((a) =>
        keeps.map((b) => [
          { after: first, keep: a },
          { after: second, keep: b }
        ])
      )
    )
  )
  return [...single, ...double]
}

/** Drafts side by side, some dropped early; with a scorer of their own. */
const pruned = ({ count = 16, cuts = [], maxTokens }: Options, scorer: Setting.ScorerPart): Settings =>
  schedulesOf(cuts).flatMap((schedule) =>
    [count, count / 2, count / 4]
      .filter(Number.isInteger)
      .map((drawn) => ({ count: drawn, maxTokens, scorer, cuts: schedule }))
  )

/** Ours whole: rounds that double, drafts dropped in each, until a score is good enough. */
const both = (options: Options): Settings => {
  const { annealed = false, count = 16, cuts = [], maxTokens } = options
  const schedules = cuts.flatMap((after) => keeps.slice(0, 3).map((keep) => [{ after, keep }]))
  const orders = [doubling(count, 2), doubling(count, 4)]
  const temperatures = annealed ? [undefined, anneal] : [undefined]
  return temperatures.flatMap((temperature) =>
    orders.flatMap((rounds) =>
      schedules.flatMap((schedule) =>
        [0.7, 0.8, 0.9, 0.95, 0.98].map((value) => ({
          count,
          maxTokens,
          rounds,
          temperature,
          cuts: schedule,
          scorer: Setting.selfEvaluation,
          stop: Setting.threshold(value)
        }))
      )
    )
  )
}

const fewer = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i + 1)

/** N drafts at once, for each N. */
const fixed = ({ count = 16, maxTokens }: Options, scorer: Setting.ScorerPart, choose: Setting.Setting["choose"]) =>
  fewer(count).map((drawn): Setting.Setting => ({ count: drawn, maxTokens, scorer, choose }))

/** More than a half, for that is what a majority is. */
const shares = confidences.filter((share) => share > 0.5)
const costs = [0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3]

/** The better the score, the more its vote counts (Kang et al.). */
const borda = ({ count = 16, maxTokens }: Options, scorer: Setting.ScorerPart): Settings =>
  [0, 0.3, 0.5, 0.7, 1, 1.5, 2, 4].flatMap((power) =>
    [count / 2, count].filter(Number.isInteger).map((drawn) => ({
      count: drawn,
      maxTokens,
      scorer,
      choose: "weightedMajority" as const,
      vote: { value: { weights: Weights.borda({ power }) }, code: `{ weights: Weights.borda({ power: ${power} }) }` }
    }))
  )

/** What stops by the scores' own spread. */
const byGain = ({ count = 16, maxTokens }: Options, scorer: Setting.ScorerPart): Settings =>
  costs.flatMap((cost) => [
    {
      count,
      maxTokens,
      scorer,
      stop: rule(`expectedGain({ cost: ${cost}, horizon: ${count} })`, () =>
        Stopping.expectedGain({ cost, horizon: count })
      )
    },
    {
      count,
      maxTokens,
      scorer,
      stop: rule(`fairCap({ cost: ${cost}, least: 4, horizon: ${count} })`, () =>
        Stopping.fairCap({ cost, least: 4, horizon: count })
      )
    }
  ])

/** All families by name. */
export const all = (options: Options = {}): Readonly<Record<string, Settings>> => {
  const { count = 16, measures: { certainty, confidence } = {} } = options
  const windows = fewer(8).slice(1)
  return {
    "adaptive sampling (ours)": adaptive(options),
    "early pruning (ours)": pruned(options, Setting.selfEvaluation),
    "adaptive with pruning (ours)": both(options),
    "best of N, self-evaluation": fixed(options, Setting.selfEvaluation, "best"),
    "best of N, mean log-probability": fixed(options, Setting.meanLogProb, "best"),
    "self-consistency": fixed(options, Setting.unscored, "majority"),
    "Adaptive-Consistency": voting(
      options,
      confidences.map((confidence) =>
        rule(`betaPosterior(answer, { confidence: ${confidence} })`, (answer) =>
          Stopping.betaPosterior(answer, { confidence })
        )
      )
    ),
    ESC: voting(
      options,
      windows.map((size) =>
        rule(`agreement(answer, { size: ${size} })`, (answer) => Stopping.agreement(answer, { size }))
      )
    ),
    "supermajority with doubling": voting(
      options,
      shares.map((share) =>
        rule(`supermajority(answer, { share: ${share} })`, (answer) => Stopping.supermajority(answer, { share }))
      ),
      { rounds: doubling(count, 2) }
    ),
    ...deepConf(options, "log-probability", byLogProb),
    ...(confidence === undefined ? {} : deepConf(options, "confidence", byConfidence(confidence))),
    "Borda vote (log-probability)": borda(options, Setting.meanLogProb),
    ...(certainty === true
      ? {
          "best of N, self-certainty": fixed(options, Setting.selfCertainty, "best"),
          "Borda vote (self-certainty)": borda(options, Setting.selfCertainty)
        }
      : {}),
    "Self-Calibration, weighted": voting(
      options,
      confidences.map((share) => consensus(share, "score")),
      { scorer: Setting.selfEvaluation, choose: "weightedMajority" }
    ),
    "BEACON and Pandora (log-probability)": byGain(options, Setting.meanLogProb),
    "BEACON and Pandora (self-evaluation)": byGain(options, Setting.selfEvaluation),
    "Speculative Rejection (log-probability)": pruned(options, Setting.meanLogProb)
  }
}
