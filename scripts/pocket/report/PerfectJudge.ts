/**
 * Judges that know right from wrong, on the very drafts that ours sees: what is left to gain by judging better.
 */
import type { Statistic } from "./Figure.ts"
import { DRAFTS } from "../Recording.ts"
import type { Both, Drafts } from "./Choosing.ts"

export interface Point {
  readonly samples: number
  readonly accuracy: number
}

/** Stops at the first right draft, or after `most`. */
export const drawn = (drafts: Drafts, most: number): Point => {
  const at = drafts.slice(0, most).findIndex((d) => d.right === 1)
  return at === -1 ? { samples: Math.min(most, drafts.length), accuracy: 0 } : { samples: at + 1, accuracy: 1 }
}

/** It gives up after 1, 2, … 16 drafts, the same number for every problem, for it does not know which are hopeless. */
export const perfect = ({ annealed }: Both): ReadonlyArray<Point> =>
  Array.from({ length: DRAFTS }, (_, i) => drawn(annealed, i + 1))

/**
 * It also knows how often a draft of the problem is right. One more draft costs one sample if it is needed at all and then
 * brings the chance of a right one, however many failed: so it retries, to the end, problems from some chance up, and
 * gives up all others after the first draft.
 */
export const informed = ({ annealed, warm }: Both): ReadonlyArray<Point> => {
  const rights = warm.reduce((sum, d) => sum + d.right, 0)
  return Array.from({ length: warm.length + 2 }, (_, i) => warm.length + 1 - i).map((least) =>
    drawn(annealed, rights >= least ? annealed.length : 1)
  )
}

/** Samples for this accuracy on a rising curve, mixing the two neighbours; what its end costs where it ends below. */
export const samplesFor = (curve: ReadonlyArray<Point>, accuracy: number): number => {
  const reached = curve.findIndex((point) => point.accuracy >= accuracy)
  const top = Math.max(...curve.map((point) => point.accuracy))
  if (reached === -1) return curve.find((point) => point.accuracy === top)?.samples ?? Number.NaN
  const [a, b] = [curve[reached - 1], curve[reached]]
  if (a === undefined || b === undefined) return curve[0]?.samples ?? Number.NaN
  return a.samples + ((accuracy - a.accuracy) / (b.accuracy - a.accuracy)) * (b.samples - a.samples)
}

/** A row of sums: ours, then the curve's points. */
export const row = (ours: Point, curve: ReadonlyArray<Point>): ReadonlyArray<number> => [
  1,
  ours.samples,
  ours.accuracy,
  ...curve.flatMap(({ accuracy, samples }) => [samples, accuracy])
]

const curveOf = (count: number, sums: ReadonlyArray<number>): ReadonlyArray<Point> =>
  Array.from({ length: sums.length / 2 }, (_, i) => ({
    samples: sums[2 * i]! / count,
    accuracy: sums[2 * i + 1]! / count
  }))

/** Our samples by the judge's, at our accuracy. */
export const over: Statistic = ([count = 0, samples = 0, right = 0, ...curve]) =>
  samples / count / samplesFor(curveOf(count, curve), right / count)
