/**
 * How well scores order the drafts of one problem, and how far they are from what they promise. Each measure is a row of
 * sums per problem and a function of the sums; `Reliability` gives the same numbers from the observations themselves.
 */
import type { Observation } from "@mulligan/self-evaluator"
import type { Draft } from "../Recording.ts"
import type { Row, Statistic } from "./Figure.ts"

export type Score = (draft: Draft) => number

/** Pairs of a right and a wrong draft in the right order, ties half; and all such pairs. */
export const pairs = (drafts: ReadonlyArray<Draft>, score: Score): Row => {
  const of = (right: number) => drafts.filter((d) => d.right === right).map((d) => score(d))
  const wrong = of(0)
  let [won, all] = [0, 0]
  for (const a of of(1)) {
    for (const b of wrong) won += a > b ? 1 : a === b ? 0.5 : 0
    all += wrong.length
  }
  return [won, all]
}

/** What a score promises: to be right, or else not to lose against a restart, which is wrong so often. */
export const winOrTie = (right: number, chance: number): number => right + (1 - right) * (1 - chance)

/** Each draft's score and outcome, the other drafts of the problem being the restarts. */
export const observations = (drafts: ReadonlyArray<Draft>, score: Score): ReadonlyArray<Observation> => {
  const right = drafts.reduce((sum, d) => sum + d.right, 0)
  return drafts.map((d) => ({
    score: score(d),
    outcome: winOrTie(d.right, (right - d.right) / (drafts.length - 1))
  }))
}

const BINS = 10

/** The bin (from, to] of ten that holds a score. */
const binOf = (score: number): number => {
  let bin = 0
  while (bin < BINS - 1 && score > (bin + 1) / BINS) bin++
  return bin
}

/** Count, sum of scores and sum of outcomes of each bin. */
export const binned = (all: ReadonlyArray<Observation>): Row => {
  const row = Array.from({ length: 3 * BINS }, () => 0)
  for (const { outcome, score } of all) {
    const at = 3 * binOf(score)
    row[at]! += 1
    row[at + 1]! += score
    row[at + 2]! += outcome
  }
  return row
}

export const ece: Statistic = (sums) => {
  let [distance, count] = [0, 0]
  for (let at = 0; at < sums.length; at += 3) {
    distance += Math.abs(sums[at + 1]! - sums[at + 2]!)
    count += sums[at]!
  }
  return distance / count
}

export interface Bin {
  readonly count: number
  readonly score: number
  readonly outcome: number
}

/** The bins that hold anything, for a reliability curve. */
export const bins = (rows: ReadonlyArray<Row>): ReadonlyArray<Bin> =>
  Array.from({ length: BINS }, (_, bin) => {
    const sum = (column: number) => rows.reduce((total, row) => total + (row[3 * bin + column] ?? 0), 0)
    return { count: sum(0), score: sum(1) / sum(0), outcome: sum(2) / sum(0) }
  }).filter(({ count }) => count > 0)
