/**
 * Whether any peer's rule is cheaper than ours at equal accuracy, anywhere on the frontier. Each family is searched alike on
 * validation; what was chosen there is compared on the test problems, pair by pair.
 */
import { Bootstrap, Setting } from "@mulligan/lab"
import type { Points } from "./claims.ts"
import { frontier, mean, type Point } from "./measure.ts"

export interface Rival {
  readonly point: Point
  /** Ours that is nearest: the cheapest that is not surely worse. */
  readonly ours: Point | undefined
  readonly isCheaper: boolean
}

/** Of each family what is best on validation at some cost, as it is on the test problems. */
export const tuned = ({ test, validation }: Points): ReadonlyArray<Point> =>
  [...Map.groupBy(validation, ({ family }) => family).values()].flatMap((own) =>
    frontier(own).map((point) => test[validation.indexOf(point)]!)
  )

/**
 * Peers' points, each against ours: a peer is cheaper if all of ours that are not surely less accurate surely cost more. Both
 * by the paired 95% interval over problems.
 */
export const rivals = (ours: ReadonlyArray<Point>, theirs: ReadonlyArray<Point>): ReadonlyArray<Rival> => {
  const resamples = new Bootstrap.Resamples(theirs[0]?.cost.length ?? 0)
  const byCost = ours.toSorted((a, b) => mean(a.cost) - mean(b.cost))
  return theirs.map((point) => {
    const asGood = (own: Point) => resamples.difference(own.outcomes.accuracy, point.outcomes.accuracy).high >= 0
    const nearest = byCost.find(asGood)
    const isCheaper = nearest === undefined || resamples.difference(nearest.cost, point.cost).low > 0
    return { point, ours: nearest, isCheaper }
  })
}

/** In a line: the rule, by the code of what stops, drops or judges. */
export const describe = ({ family, setting }: Point): string => {
  const { count, cuts = [], rounds, scorer, stop, temperature, vote } = setting
  const parts = [
    stop?.code.replaceAll("Stopping.", "") ?? `${count} drafts`,
    ...cuts.map((cut) =>
      "keep" in cut
        ? `keep ${cut.keep} after ${cut.after}`
        : `${cut.below.code.replace("Threshold.", "")} after ${cut.after}`
    ),
    ...(rounds === undefined ? [] : [`rounds of ${rounds.join(", ")}`]),
    ...(temperature === undefined ? [] : ["annealed"]),
    ...(vote === undefined ? [] : [vote.code.replaceAll(/Threshold\.|Weights\./g, "")]),
    ...(stop === undefined && scorer !== Setting.selfEvaluation ? [scorer.code.replace("Scorers.", "by ")] : [])
  ]
  return `${family}: ${parts.join("; ")}`
}
