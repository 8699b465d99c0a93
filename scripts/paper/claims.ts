/**
 * What the paper claims, measured here: each a number with its 95% interval over problems, beside what was wanted.
 */
import { Bootstrap, type Setting } from "@mulligan/lab"
import { mean, type Point } from "./measure.ts"

export interface Claim {
  readonly figure: string
  readonly value: number | null
  readonly low: number | null
  readonly high: number | null
  /** What was wanted before it was measured; null: only told. */
  readonly target: string | null
}

/** The same settings in the same order, chosen on `validation` and told on `test`. */
export interface Points {
  readonly validation: ReadonlyArray<Point>
  readonly test: ReadonlyArray<Point>
}

export interface Known {
  /** What one sample is worth on average, problem by problem. */
  readonly one: ReadonlyArray<number>
  readonly best: Point
}

const known = (value: number): number | null => (Number.isFinite(value) ? value : null)

export const claim = (figure: string, { high, low, value }: Bootstrap.Estimate, target: string | null): Claim => ({
  figure,
  value: known(value),
  low: known(low),
  high: known(high),
  target
})

const shareOf = (resamples: Bootstrap.Resamples, point: Point, { best, one }: Known): Bootstrap.Estimate =>
  resamples.ofMeans([point.outcomes.accuracy, one, best.outcomes.accuracy], ([own = NaN, base = NaN, top = NaN]) =>
    top === base ? NaN : (own - base) / (top - base)
  )

/** The test's point of the setting that is best on validation; undefined if none is fit. */
const chosen = (
  { test, validation }: Points,
  isFit: (point: Point) => boolean,
  better: (a: Point, b: Point) => number
): Point | undefined => {
  const fit = validation.map((point, i) => ({ point, i })).filter(({ point }) => isFit(point))
  const [first] = fit.toSorted((a, b) => better(a.point, b.point))
  return first === undefined ? undefined : test[first.i]
}

const accuracy = ({ outcomes }: Point) => mean(outcomes.accuracy)
const samples = ({ outcomes }: Point) => mean(outcomes.samples)

/** Adaptive sampling: so much of the gain for 1.2 samples, and so many samples for 74% of the gain. */
const adaptive = (
  points: Points,
  validation: Known,
  test: Known,
  resamples: Bootstrap.Resamples
): ReadonlyArray<Claim> => {
  const few = chosen(
    points,
    (point) => samples(point) <= 1.2,
    (a, b) => accuracy(b) - accuracy(a)
  )
  const enough = mean(validation.one) + 0.74 * (accuracy(validation.best) - mean(validation.one))
  const cheap = chosen(
    points,
    (point) => accuracy(point) >= enough,
    (a, b) => samples(a) - samples(b)
  )
  const none: Bootstrap.Estimate = { value: NaN, low: NaN, high: NaN }
  return [
    claim("adaptiveShareBelow1_2", few === undefined ? none : shareOf(resamples, few, test), ">= .74"),
    claim("adaptiveSamplesBelow1_2", few === undefined ? none : resamples.mean(few.outcomes.samples), null),
    claim("adaptiveSamples74", cheap === undefined ? none : resamples.mean(cheap.outcomes.samples), "<= 1.2"),
    claim("adaptiveShare74", cheap === undefined ? none : shareOf(resamples, cheap, test), ">= .74")
  ]
}

const dropsOnce = ({ count, cuts = [] }: Setting.Setting, all: number, keep: number) =>
  count === all && cuts.length === 1 && "keep" in cuts[0]! && cuts[0].keep === keep

/** What is lost and what is saved where so many are dropped early: the earliest cut that loses least on validation. */
const pruning = (points: Points, { best }: Known, resamples: Bootstrap.Resamples): ReadonlyArray<Claim> =>
  ([50, 75] as const).flatMap((percent) => {
    const { count } = best.setting
    const isFit = ({ setting }: Point) => dropsOnce(setting, count, 1 - percent / 100)
    const point = chosen(points, isFit, (a, b) => accuracy(b) - accuracy(a) || mean(a.cost) - mean(b.cost))
    if (point === undefined) return []
    const saved = resamples.ofMeans(
      [point.outcomes.drawnTokens, best.outcomes.drawnTokens],
      ([own = NaN, all = NaN]) => 1 - own / all
    )
    return [
      claim(`pruned${percent}Loss`, resamples.difference(best.outcomes.accuracy, point.outcomes.accuracy), "<= .01"),
      claim(`pruned${percent}TokensSaved`, saved, null)
    ]
  })

export const claims = (
  points: { readonly adaptive: Points; readonly pruning: Points },
  validation: Known,
  test: Known
): ReadonlyArray<Claim> => {
  const resamples = new Bootstrap.Resamples(test.one.length)
  return [
    claim("accuracyOne", resamples.mean(test.one), null),
    claim("accuracyBest16", resamples.mean(test.best.outcomes.accuracy), null),
    claim("gainBest16", resamples.difference(test.best.outcomes.accuracy, test.one), "> 0"),
    ...adaptive(points.adaptive, validation, test, resamples),
    ...pruning(points.pruning, test, resamples)
  ]
}
