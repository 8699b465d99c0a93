/**
 * Isotonic regression: the best never-falling steps from score to probability (Zadrozny and Elkan 2002).
 */
import * as Schema from "effect/Schema"
import type { Observation } from "./Observation.ts"

const isRising = (numbers: ReadonlyArray<number>, strictly: boolean): boolean =>
  numbers.every((n, i) => i === 0 || n > numbers[i - 1]! || (!strictly && n === numbers[i - 1]))

/** Straight lines between points with rising `x` and never falling `y`, at least one; level outside. */
export const Isotonic = Schema.TaggedStruct("Isotonic", {
  x: Schema.NonEmptyArray(Schema.Finite),
  y: Schema.NonEmptyArray(Schema.Finite)
}).check(
  Schema.makeFilter(({ x, y }) => x.length === y.length && isRising(x, true) && isRising(y, false), {
    message: "Isotonic: x must rise, y must not fall, both of one length"
  })
)
export interface Isotonic extends Schema.Schema.Type<typeof Isotonic> {}

/** The probability that a score stands for, 0 to 1. */
export const apply = ({ x, y }: Isotonic, score: number): number => {
  if (Number.isNaN(score)) return NaN
  const right = x.findIndex((at) => at >= score)
  if (right <= 0) return right === 0 ? y[0] : y.at(-1)!
  const [x0, x1, y0, y1] = [x[right - 1]!, x[right]!, y[right - 1]!, y[right]!]
  // Rounding must not lift a point above its neighbour.
  return Math.min(y1, y0 + (y1 - y0) * ((score - x0) / (x1 - x0)))
}

interface Pool {
  readonly first: number
  readonly last: number
  readonly sum: number
  readonly weight: number
}

const pooled = (a: Pool, b: Pool): Pool => ({
  first: a.first,
  last: b.last,
  sum: a.sum + b.sum,
  weight: a.weight + b.weight
})

const level = ({ sum, weight }: Pool): number => sum / weight

/** Equal scores are one point, at their mean outcome. */
const byScore = (observations: ReadonlyArray<Observation>): ReadonlyArray<Pool> => {
  const pools = new Map<number, Pool>()
  for (const { outcome: sum, score } of observations.toSorted((a, b) => a.score - b.score)) {
    const own = { first: score, last: score, sum, weight: 1 }
    const known = pools.get(score)
    pools.set(score, known === undefined ? own : pooled(known, own))
  }
  return [...pools.values()]
}

/** Pools neighbours for as long as the left one is not below the right one. */
const rising = (pools: ReadonlyArray<Pool>): ReadonlyArray<Pool> => {
  const done: Array<Pool> = []
  for (let pool of pools) {
    while (done.length > 0 && level(done.at(-1)!) >= level(pool)) pool = pooled(done.pop()!, pool)
    done.push(pool)
  }
  return done
}

/** The best fit in least squares, by pooling adjacent violators. No observations: one half for every score. */
export const fit = (observations: ReadonlyArray<Observation>): Isotonic => {
  const points = rising(byScore(observations)).flatMap((pool) =>
    [...new Set([pool.first, pool.last])].map((x) => ({ x, y: level(pool) }))
  )
  const [first = { x: 0, y: 0.5 }, ...rest] = points
  return { _tag: "Isotonic", x: [first.x, ...rest.map(({ x }) => x)], y: [first.y, ...rest.map(({ y }) => y)] }
}
