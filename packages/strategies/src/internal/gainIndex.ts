import * as StudentT from "./studentT.ts"

/*
 * BEACON's index (arXiv 2510.15945), by backward induction. In units of the predictive scale, with k rewards seen and the
 * best of them at z, drawing once more and then going on as well as can be is worth
 *
 *   H_k(z; c) = E[max(u - z, 0)] + E[s(u) · max(0, H_{k+1}(z'; c / s(u)) - c / s(u))]      u ~ t with k - 1 degrees of freedom
 *   s(u)² = (k + 2) / (k + 1)² · (k - 1 + u²)          z' = (max(z, u) - u / (k + 1)) / s(u)
 *
 * and nothing after the last. The index h_k(z) is the cost c at which H_k(z; c) = c. With u = √(k - 1) · tan θ the density
 * is a power of cos θ and s(u) one of 1 / cos θ, so no tail is cut off. Costs are on a logarithmic grid, where dividing by
 * s(u) is the same shift for all of them.
 */

const ANGLES = 128
const BESTS = 96
const COSTS = 160
const LEAST_BEST = -2
const [LEAST_COST, MOST_COST] = [1e-4, 4]
const COST_STEP = Math.log(MOST_COST / LEAST_COST) / (COSTS - 1)
const costs = Float64Array.from({ length: COSTS }, (_, i) => LEAST_COST * Math.exp(i * COST_STEP))

/** Values at (cost, best), best by best. */
type Grid = Float64Array

interface Bests {
  readonly of: Float64Array
  /** Place of a value on the grid, a whole number and a share of the next. */
  readonly place: (z: number) => number
}

/** Of n rewards none lies further above the mean than (n - 1) / √(n + 1) predictive scales. */
const bestsUpTo = (horizon: number): Bests => {
  const step = (Math.sqrt(horizon) - LEAST_BEST) / (BESTS - 1)
  return {
    of: Float64Array.from({ length: BESTS }, (_, i) => LEAST_BEST + i * step),
    place: (z) => Math.min(BESTS - 1, Math.max(0, (z - LEAST_BEST) / step))
  }
}

/** Adds to `into` the value of going on after a reward at this angle, which comes with this probability. */
const addAngle = (into: Grid, next: Grid, bests: Bests, k: number, angle: number, probability: number): void => {
  const u = Math.sqrt(k - 1) * Math.tan(angle)
  const scale = Math.sqrt((k + 2) * (k - 1)) / ((k + 1) * Math.cos(angle))
  const shift = -Math.log(scale) / COST_STEP
  for (let b = 0; b < BESTS; b++) {
    const at = bests.place((Math.max(bests.of[b]!, u) - u / (k + 1)) / scale)
    const [left, part] = [Math.floor(at), at - Math.floor(at)]
    const right = Math.min(left + 1, BESTS - 1)
    const along = (row: number) => next[row * BESTS + left]! * (1 - part) + next[row * BESTS + right]! * part
    for (let c = 0; c < COSTS && c + shift <= COSTS - 1; c++) {
      const row = Math.max(0, c + shift)
      const low = Math.floor(row)
      const here = along(low)
      const value = row === low ? here : here + (row - low) * (along(low + 1) - here)
      const gain = value - costs[c]! / scale
      if (gain <= 0) break // dearer ones are worth even less
      into[c * BESTS + b]! += probability * scale * gain
    }
  }
}

/** H_k from H_{k+1}; nothing follows the last. */
const worth = (k: number, bests: Bests, next: Grid | undefined): Grid => {
  const grid = new Float64Array(COSTS * BESTS)
  if (next !== undefined) {
    const angles = Array.from({ length: ANGLES }, (_, i) => ((i + 0.5) / ANGLES - 0.5) * Math.PI)
    const weights = angles.map((angle) => Math.cos(angle) ** (k - 2))
    const total = weights.reduce((sum, w) => sum + w, 0)
    angles.forEach((angle, i) => addAngle(grid, next, bests, k, angle, weights[i]! / total))
  }
  for (let b = 0; b < BESTS; b++) {
    const atOnce = StudentT.expectedExcess(bests.of[b]!, k - 1)
    for (let c = 0; c < COSTS; c++) grid[c * BESTS + b]! += atOnce
  }
  return grid
}

/** The cost at which drawing once more is worth just that; where it is cheaper than the grid, what one draw alone is worth. */
const indexAt = (grid: Grid, bests: Bests, k: number, b: number): number => {
  const over = (c: number) => grid[c * BESTS + b]! - costs[c]!
  if (over(0) <= 0) return Math.max(0, StudentT.expectedExcess(bests.of[b]!, k - 1))
  let c = 1
  while (c < COSTS && over(c) > 0) c++
  if (c === COSTS) return MOST_COST
  const share = over(c - 1) / (over(c - 1) - over(c))
  return costs[c - 1]! + share * (costs[c]! - costs[c - 1]!)
}

/** From the number of rewards seen (3 to horizon - 1) and the best in predictive scales above their mean to the index. */
export type GainIndex = (k: number, z: number) => number

const build = (horizon: number): GainIndex => {
  const bests = bestsUpTo(horizon)
  const table: Array<Float64Array> = []
  let next: Grid | undefined
  for (let k = horizon - 1; k >= 3; k--) {
    next = worth(k, bests, next)
    const grid = next
    table[k] = Float64Array.from({ length: BESTS }, (_, b) => indexAt(grid, bests, k, b))
  }
  return (k, z) => {
    const [row, at] = [table[k], bests.place(z)]
    if (row === undefined) return 0
    const left = Math.floor(at)
    return row[left]! + (at - left) * (row[Math.min(left + 1, BESTS - 1)]! - row[left]!)
  }
}

const built = new Map<number, GainIndex>()

/** Built when first asked for (about 0.1 s at a horizon of 16, growing with it) and kept: it depends on nothing else. */
export const gainIndex = (horizon: number): GainIndex => {
  const known = built.get(horizon) ?? build(horizon)
  built.set(horizon, known)
  return known
}
