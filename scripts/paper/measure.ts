/**
 * Every setting of every family on one recording: what was chosen is worth what, and cost what, problem by problem.
 */
import * as Effect from "effect/Effect"
import { Candidate } from "@mulligan/core"
import { Evaluate, Grades, Offline, type Recording, Setting, type Task } from "@mulligan/lab"

export interface Point {
  readonly family: string
  readonly setting: Setting.Setting
  readonly outcomes: Evaluate.Outcomes
  /** Tokens drawn, and a quarter of those read to judge, of each problem. */
  readonly cost: ReadonlyArray<number>
}

/** What endpoints charge for a token of input, in tokens of output, about. */
export const READ_PRICE = 0.25

export const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, one) => sum + one, 0) / values.length

/** The same offline recording and grades for all, so that what they have in common is computed once. */
export const bench = (recording: Recording.Recording, task: Task.Task) =>
  Effect.map(Grades.make(task, recording), (grades) => {
    const offline = Offline.make(recording)
    const answer: Setting.Answer = (c) => task.answerOf(Candidate.text(c))
    const point = (family: string, setting: Setting.Setting) =>
      Effect.map(
        Evaluate.outcomes(offline, grades, Setting.toPolicy(setting, answer, recording.sampling)),
        (outcomes): Point => ({
          family,
          setting,
          outcomes,
          cost: outcomes.drawnTokens.map((drawn, i) => drawn + READ_PRICE * outcomes.readTokens[i]!)
        })
      )
    return { point, offline, grades }
  })

export type Bench = Effect.Success<ReturnType<typeof bench>>

export const all = ({ point }: Bench, families: Readonly<Record<string, ReadonlyArray<Setting.Setting>>>) =>
  Effect.forEach(
    Object.entries(families).flatMap(([family, settings]) => settings.map((setting) => ({ family, setting }))),
    ({ family, setting }) => point(family, setting)
  )

/** Points than which none of the same is both cheaper and as good, the cheapest first. */
export const frontier = (points: ReadonlyArray<Point>): ReadonlyArray<Point> => {
  const sorted = points
    .map((point) => ({ point, cost: mean(point.cost), accuracy: mean(point.outcomes.accuracy) }))
    .toSorted((a, b) => a.cost - b.cost || b.accuracy - a.accuracy)
  let highest = -Infinity
  return sorted.flatMap(({ accuracy, point }) => {
    if (accuracy <= highest) return []
    highest = accuracy
    return [point]
  })
}
