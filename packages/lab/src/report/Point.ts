/**
 * Policies as points: what they cost and how often they are right.
 */
import * as Evaluate from "../Evaluate.ts"

export interface Point {
  readonly row: Evaluate.Row
  /** Tokens of a problem: drawn, and read at their price. */
  readonly cost: number
  /** `possible` knows the grades: what no policy can better. */
  readonly kind: "standard" | "given" | "possible"
  /** No policy is as cheap and more often right, or cheaper and as often. */
  readonly isFront: boolean
}

/** Better is cheaper or more often right, and neither worse. */
const isBetter = (a: Omit<Point, "isFront">, b: Omit<Point, "isFront">): boolean => {
  const [mine, yours] = [a.row.accuracy.value, b.row.accuracy.value]
  return a.cost <= b.cost && mine >= yours && (a.cost < b.cost || mine > yours)
}

/** In the order of the evaluation's rows. */
export const points = ({ count, rows }: Evaluate.Evaluation, readPrice: number): ReadonlyArray<Point> => {
  const { best, greedy, likeliest, majority, one, possible } = Evaluate.names
  const standard = new Set<string>([one, greedy, majority(count), likeliest(count), best(count)])
  const all = rows.map((row): Omit<Point, "isFront"> => ({
    row,
    // Above 0, for a logarithm.
    cost: Math.max(0.1, row.drawnTokens.value + readPrice * row.readTokens.value),
    kind: row.name === possible(count) ? "possible" : standard.has(row.name) ? "standard" : "given"
  }))
  const real = all.filter(({ kind }) => kind !== "possible")
  return all.map((point) => ({
    ...point,
    isFront: point.kind !== "possible" && !real.some((other) => isBetter(other, point))
  }))
}

/** Those that no other betters, the cheapest first. */
export const front = (all: ReadonlyArray<Point>): ReadonlyArray<Point> =>
  all.filter(({ isFront }) => isFront).toSorted((a, b) => a.cost - b.cost)
