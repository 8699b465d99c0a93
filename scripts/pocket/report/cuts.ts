/**
 * Figures on drafts that are drawn side by side and dropped on the way.
 */
import { DRAFTS, type Form, seedOf } from "../Recording.ts"
import { mean } from "../Statistics.ts"
import { type Drafts, self } from "./Choosing.ts"
import { type Figure, figure, meanFigure, ratio } from "./Figure.ts"
import { type Case, cutsOf, eighths, longestLevel } from "./plan.ts"
import { type Cut, dropped, type Pruned, pruned, type Schedule, schedules } from "./Pruning.ts"
import { casesOf, judgedCases, type Recorded } from "./Recorded.ts"

/** The two plans that have targets of their own: how many of sixteen stay, and where the others go. */
export const plans = [
  { name: "75Half", depth: "half", keep: 4, target: "<= .005" },
  { name: "50Quarter", depth: "quarter", keep: 8, target: "<= .01" }
] as const

export const cutOf = (recorded: Recorded, level: string, { depth, keep }: (typeof plans)[number]): Cut => ({
  at: cutsOf(recorded.problems, level)[depth],
  keep
})

const rightOf = (drafts: Drafts, cut: Cut, distinct: boolean) => pruned(drafts, [cut], 0, { distinct }).chosen.right

const fixed = (recorded: Recorded, plan: (typeof plans)[number]): ReadonlyArray<Figure> => {
  const rows = judgedCases(recorded).map(({ drafts, level, prompt }) => ({
    all: self(drafts),
    pruned: rightOf(drafts, cutOf(recorded, level, plan), true),
    copies: rightOf(drafts, cutOf(recorded, level, plan), false),
    random: dropped(drafts, plan.keep, seedOf(prompt))
  }))
  return [
    meanFigure(
      `prune${plan.name}Loss`,
      rows.map((r) => r.all - r.pruned),
      plan.target
    ),
    meanFigure(
      `prune${plan.name}CopiesLoss`,
      rows.map((r) => r.all - r.copies)
    ),
    meanFigure(
      `random${plan.name}Loss`,
      rows.map((r) => r.all - r.random)
    ),
    meanFigure(
      `pruneAboveRandom${plan.name}`,
      rows.map((r) => r.pruned - r.random)
    )
  ]
}

/** Tokens saved of those that sixteen whole drafts would have drawn: as drawn, or less what was read to judge. */
const savings = {
  drawn: (p: Pruned, full: number) => full - p.drawnTokens,
  net: (p: Pruned, full: number) => full - p.drawnTokens - p.cutTokens
}

type Saving = keyof typeof savings

const MOST_LOSS = 0.01

interface Tried {
  readonly saved: number
  readonly full: number
  readonly loss: number
}

const tried = (cases: ReadonlyArray<Case>, schedule: Schedule, question: Question, saving: Saving) =>
  cases.map(({ drafts }): Tried => {
    const result = pruned(drafts, schedule, question.tokens, { form: question.form })
    const full = drafts.reduce((sum, d) => sum + d.ids.length, 0)
    return { saved: savings[saving](result, full), full, loss: self(drafts) - result.chosen.right }
  })

interface Question {
  readonly form: Form
  readonly tokens: number
}

/** One-sided 95% bound of a mean: of hundreds of schedules, some lose little on these problems by luck alone. */
const upperBound = (losses: ReadonlyArray<number>): number => {
  const center = mean(losses)
  const variance = losses.reduce((sum, x) => sum + (x - center) ** 2, 0) / Math.max(1, losses.length - 1)
  return center + 1.645 * Math.sqrt(variance / losses.length)
}

/** The schedule that saves most among those that surely lose little; none at all if every one may lose more. */
export const cheapestSchedule = (
  cases: ReadonlyArray<Case>,
  depths: ReadonlyArray<number>,
  question: Question,
  saving: Saving
): Schedule => {
  let best: { readonly saved: number; readonly schedule: Schedule } = { saved: 0, schedule: [] }
  for (const schedule of schedules(depths)) {
    const rows = tried(cases, schedule, question, saving)
    const saved = mean(rows.map((r) => r.saved))
    if (saved > best.saved && upperBound(rows.map((r) => r.loss)) <= MOST_LOSS) best = { saved, schedule }
  }
  return best.schedule
}

export interface Chosen {
  readonly name: string
  readonly schedule: Schedule
  readonly form: Form
}

const wanted = [
  { name: "Drawn", form: "full", saving: "drawn", target: ">= .55" },
  { name: "Net", form: "full", saving: "net", target: ">= .30" },
  { name: "NetReserved", form: "reserved", saving: "net", target: ">= .50" }
] as const

/** Chosen on every other problem of the longest level, reported on those between. */
const saved = (recorded: Recorded, { form, name, saving, target }: (typeof wanted)[number]) => {
  const level = longestLevel(recorded.problems)
  const cases = casesOf(recorded, [level])
  const [chooseOn, reportOn] = [cases.filter((_, i) => i % 2 === 0), cases.filter((_, i) => i % 2 === 1)]
  const question = { form, tokens: recorded.questionTokens[form] }
  const schedule = cheapestSchedule(chooseOn, eighths(recorded.problems.tokens[level] ?? 0), question, saving)
  const rows = tried(reportOn, schedule, question, saving)
  const title = name === "Drawn" ? "pruneDrawnSaved" : `prune${name.replace("Net", "NetSaved")}`
  const figures = [
    figure(
      title,
      rows.map((r) => [r.saved, r.full]),
      ratio,
      target
    ),
    meanFigure(
      `${title}Loss`,
      rows.map((r) => r.loss)
    )
  ]
  return { figures, chosen: { name: title, schedule, form } satisfies Chosen }
}

export const cuts = (recorded: Recorded) => {
  const all = wanted.filter(({ form }) => recorded.limits.forms.includes(form)).map((one_) => saved(recorded, one_))
  return {
    figures: [...plans.flatMap((plan) => fixed(recorded, plan)), ...all.flatMap(({ figures }) => figures)],
    schedules: all.map(({ chosen }) => chosen)
  }
}

export const describe = (schedule: Schedule): string =>
  schedule.length === 0
    ? "no schedule loses little enough"
    : schedule.map(({ at, keep }) => `keep ${keep} of ${DRAFTS} after ${at} tokens`).join(", then ")
