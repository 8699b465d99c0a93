/**
 * Figures on the scores themselves: how they order drafts, and whether they mean what they say.
 */
import { HALF, QUARTER, scoreAfter, scoreAt } from "../Recording.ts"
import { type Figure, figure, ratio } from "./Figure.ts"
import { binned, ece, observations, pairs, type Score } from "./Judging.ts"
import { type Case, FIRST_ACTION } from "./plan.ts"
import { casesOf, familyCases, judgedCases, type Recorded } from "./Recorded.ts"

export const depths = [
  { name: "End", share: 1 },
  { name: "Half", share: HALF },
  { name: "Quarter", share: QUARTER }
] as const

export const auroc = (name: string, cases: ReadonlyArray<Case>, score: Score, target: string | null = null): Figure =>
  figure(
    name,
    cases.map(({ drafts }) => pairs(drafts, score)),
    ratio,
    target
  )

export const calibration = (
  name: string,
  cases: ReadonlyArray<Pick<Case, "drafts">>,
  score: Score,
  target: string | null = null
): Figure =>
  figure(
    name,
    cases.map(({ drafts }) => binned(observations(drafts, score))),
    ece,
    target
  )

const TARGETS = { End: ">= .99", Half: ">= .93", Quarter: ">= .80" }

const at =
  (share: number): Score =>
  (d) =>
    scoreAt(d, share)

export const families = ["countdown", "maze", "arithmetic"] as const

const parts = (recorded: Recorded): ReadonlyArray<readonly [string, ReadonlyArray<Case>]> => [
  ...families.map((family) => [family, familyCases(recorded, family)] as const),
  ...recorded.problems.bands.between.map((level) => [level, casesOf(recorded, [level])] as const)
]

export const judged = (recorded: Recorded): ReadonlyArray<Figure> => {
  const main = judgedCases(recorded)
  const mix = recorded.plan.mix.map(({ asked }) => asked)
  return [
    ...depths.map(({ name, share }) => auroc(`auroc${name}`, main, at(share), TARGETS[name])),
    auroc("aurocInsideFirstAction", main, (d) => scoreAfter(d, FIRST_ACTION)),
    auroc("aurocEndThirdFamily", familyCases(recorded, "arithmetic"), at(1), ">= .75 (hope)"),
    ...depths.map(({ name, share }) => calibration(`ece${name}`, mix, at(share), "<= .02")),
    ...depths.flatMap(({ name, share }) =>
      parts(recorded).map(([part, cases]) => auroc(`auroc${name}_${part}`, cases, at(share)))
    )
  ]
}
