/**
 * Figures on drawing drafts in turn until one is good enough.
 */
import { mean } from "../Statistics.ts"
import { adaptive, type Both, cheapest, gainShare, one, oracle, self } from "./Choosing.ts"
import { type Figure, figure, meanFigure, type Statistic } from "./Figure.ts"
import { informed, over, perfect, type Point, row } from "./PerfectJudge.ts"
import type { Case, Traffic } from "./plan.ts"
import { casesOf, judgedCases, type Recorded } from "./Recorded.ts"

const share: Statistic = ([ours = 0, oneDraft = 0, top = 0]) => (ours - oneDraft) / (top - oneDraft)

const oracleShare = (name: string, cases: ReadonlyArray<Case>, target: string | null = null): Figure =>
  figure(
    name,
    cases.map(({ drafts }) => [self(drafts), one(drafts), oracle(drafts)]),
    share,
    target
  )

export const bothOf = ({ annealed, asked }: Traffic<Case>): Both => ({ warm: asked.drafts, annealed: annealed.drafts })

/** The share of the gain that is wanted, and what it may cost. */
export const settings = [
  { name: "74", share: 0.74, samples: "<= 1.2", over: "<= 1.05" },
  { name: "95", share: 0.95, samples: "<= 1.6", over: "<= 1.12" }
] as const

export type Setting = (typeof settings)[number]

/** Chosen on the validation mix. */
export const thresholdFor = ({ plan }: Recorded, setting: Setting): number =>
  cheapest(plan.validation.map(bothOf), setting.share)

const atSetting = (recorded: Recorded, setting: Setting, threshold: number): ReadonlyArray<Figure> => {
  const problems = recorded.plan.mix.map(bothOf)
  const outcomes = problems.map(({ annealed }) => adaptive(annealed, threshold))
  const ours = outcomes.map((o): Point => ({ samples: o.samples, accuracy: o.right }))
  const judge = (curve: (both: Both) => ReadonlyArray<Point>) => problems.map((both, i) => row(ours[i]!, curve(both)))
  const gains = problems.map(({ warm }, i) => [outcomes[i]!.right, one(warm), self(warm)])
  const { name, over: overTarget, samples } = setting
  return [
    meanFigure(
      `mixSamplesFor${name}`,
      outcomes.map((o) => o.samples),
      samples
    ),
    figure(`mixGain${name}`, gains, ([right = 0, oneDraft = 0, top = 0]) => gainShare(right, oneDraft, top)),
    meanFigure(
      `mixAccuracy${name}`,
      outcomes.map((o) => o.right)
    ),
    figure(`overPerfectJudge${name}`, judge(perfect), over, overTarget),
    figure(`overInformedJudge${name}`, judge(informed), over)
  ]
}

const inBand = (recorded: Recorded, band: Case["band"], threshold: number): Figure =>
  meanFigure(
    `${band}Samples`,
    recorded.plan.mix
      .filter(({ asked }) => asked.band === band)
      .map(({ annealed }) => adaptive(annealed.drafts, threshold).samples),
    "<= 1.1"
  )

export const sampled = (
  recorded: Recorded,
  thresholds: Readonly<Record<Setting["name"], number>>
): ReadonlyArray<Figure> => {
  const mix = recorded.plan.mix.map(({ asked }) => asked)
  const accuracy = (name: string, of: (drafts: Case["drafts"]) => number) =>
    meanFigure(
      name,
      mix.map(({ drafts }) => of(drafts))
    )
  return [
    oracleShare("oracleShare", judgedCases(recorded), ">= .97"),
    oracleShare("oracleShare_mix", mix),
    ...recorded.problems.bands.between.map((level) => oracleShare(`oracleShare_${level}`, casesOf(recorded, [level]))),
    ...settings.flatMap((setting) => atSetting(recorded, setting, thresholds[setting.name])),
    accuracy("mixAccuracyOne", one),
    meanFigure(
      "mixAccuracyGreedy",
      recorded.plan.mix.map(({ annealed }) => annealed.drafts[0]?.right ?? 0)
    ),
    accuracy("mixAccuracySelf16", self),
    accuracy("mixAccuracyLogProb16", (drafts) => self(drafts, (d) => d.meanLogProb)),
    accuracy("mixAccuracyOracle16", oracle),
    inBand(recorded, "hopeless", thresholds[95]),
    inBand(recorded, "trivial", thresholds[95])
  ]
}

/** Accuracies of one draft and of all, by level, for the model card. */
export const levelRows = (recorded: Recorded) =>
  Object.entries(recorded.plan.levels).map(([level, cases]) => ({
    level,
    problems: cases.length,
    one: mean(cases.map(({ drafts }) => one(drafts))),
    self: mean(cases.map(({ drafts }) => self(drafts))),
    oracle: mean(cases.map(({ drafts }) => oracle(drafts)))
  }))
