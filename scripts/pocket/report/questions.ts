/**
 * Figures on the four forms of the question, and on what the model was not trained on.
 */
import { endScore, type Form, scoreAfter, scoreAt } from "../Recording.ts"
import { exact, type Figure, figure } from "./Figure.ts"
import { auroc, calibration, depths } from "./judged.ts"
import { binned, ece, winOrTie } from "./Judging.ts"
import { type Case, judgedLevels, ODD_DEPTHS } from "./plan.ts"
import { casesOf, type Recorded } from "./Recorded.ts"

const firstOf = (recorded: Recorded, levels: ReadonlyArray<string>, count: number): ReadonlyArray<Case> =>
  levels.flatMap((level) => casesOf(recorded, [level]).slice(0, count))

const ofForm = (recorded: Recorded, form: Form): ReadonlyArray<Figure> => {
  const { limits, plan, problems, questionTokens } = recorded
  const cases = firstOf(recorded, judgedLevels(problems), limits.questions)
  const mix = plan.mix.slice(0, limits.questionsMix).map(({ asked }) => asked)
  return [
    ...depths.map(({ name, share }) => auroc(`question_${form}_auroc${name}`, cases, (d) => scoreAt(d, share, form))),
    calibration(`question_${form}_ece`, mix, (d) => endScore(d, form)),
    exact(`question_${form}_readTokens`, questionTokens[form])
  ]
}

export const questions = (recorded: Recorded): ReadonlyArray<Figure> =>
  recorded.limits.forms.flatMap((form) => ofForm(recorded, form))

/** Restarts are those at temperature 1, which is what the score is about. */
const againstWarm = (name: string, cases: ReadonlyArray<Case>, warm: (c: Case) => Case["drafts"]): Figure =>
  figure(
    name,
    cases.map((c) => {
      const restarts = warm(c)
      const chance = restarts.reduce((sum, d) => sum + d.right, 0) / restarts.length
      return binned(c.drafts.map((d) => ({ score: endScore(d), outcome: winOrTie(d.right, chance) })))
    }),
    ece
  )

const temperatures = (recorded: Recorded): ReadonlyArray<Figure> => {
  const warm = new Map(
    Object.values(recorded.plan.levels)
      .flat()
      .map((c) => [c.prompt, c.drafts])
  )
  return Object.entries(recorded.plan.otherTemperatures).flatMap(([temperature, all]) => {
    const name = `transferTemperature${temperature.replace(".", "")}`
    const judged = all.filter((c) => c.family !== "arithmetic")
    return [
      auroc(`${name}_aurocEnd`, judged, (d) => endScore(d)),
      auroc(`${name}_aurocHalf`, judged, (d) => scoreAt(d, 0.5)),
      againstWarm(`${name}_eceEnd`, all, (c) => warm.get(c.prompt) ?? [])
    ]
  })
}

export const transfer = (recorded: Recorded): ReadonlyArray<Figure> => {
  const { limits, problems } = recorded
  const odd = firstOf(recorded, judgedLevels(problems), limits.transfer)
  const untrained = casesOf(recorded, problems.bands.untrained)
  return [
    ...temperatures(recorded),
    ...ODD_DEPTHS.flatMap((tokens) => [
      auroc(`transferDepth${tokens}_auroc`, odd, (d) => scoreAfter(d, tokens)),
      calibration(`transferDepth${tokens}_ece`, odd, (d) => scoreAfter(d, tokens))
    ]),
    ...depths
      .slice(0, 2)
      .flatMap(({ name, share }) => [
        auroc(`transferLevel_auroc${name}`, untrained, (d) => scoreAt(d, share)),
        calibration(`transferLevel_ece${name}`, untrained, (d) => scoreAt(d, share))
      ])
  ]
}
