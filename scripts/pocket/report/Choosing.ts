/**
 * Which of a problem's drafts a strategy chooses, decided on drafts that are there.
 */
import { type Draft, endScore } from "../Recording.ts"
import { mean } from "../Statistics.ts"
import type { Score } from "./Judging.ts"

export type Drafts = ReadonlyArray<Draft>

/** The best, the earliest of equals, as `Candidates.runBest` chooses. */
export const best = (drafts: Drafts, score: Score = endScore): Draft =>
  drafts.reduce((a, b) => (score(b) > score(a) ? b : a))

export const self = (drafts: Drafts, score: Score = endScore): number => best(drafts, score).right

/** What one draft gives on average. */
export const one = (drafts: Drafts): number => mean(drafts.map((d) => d.right))

export const oracle = (drafts: Drafts): number => Math.max(...drafts.map((d) => d.right))

/** Drafts in turn until one scores so high, as `takeUntil(Stopping.threshold(…))` draws them. */
export const taken = (drafts: Drafts, threshold: number, score: Score = endScore): Drafts => {
  const at = drafts.findIndex((d) => score(d) >= threshold)
  return at === -1 ? drafts : drafts.slice(0, at + 1)
}

export interface Outcome {
  readonly samples: number
  readonly right: number
  /** Drawn. */
  readonly tokens: number
}

export const outcome = (drawn: Drafts, chosen: Draft): Outcome => ({
  samples: drawn.length,
  right: chosen.right,
  tokens: drawn.reduce((sum, d) => sum + d.ids.length, 0)
})

export const adaptive = (drafts: Drafts, threshold: number): Outcome => {
  const drawn = taken(drafts, threshold)
  return outcome(drawn, best(drawn))
}

/** A problem with drafts at temperature 1, which say what there is to gain, and annealed ones, which are drawn in turn. */
export interface Both {
  readonly warm: Drafts
  readonly annealed: Drafts
}

/** How far from one draft to the best of all by self-evaluation. */
export const gainShare = (accuracy: number, oneDraft: number, bestOfAll: number): number =>
  (accuracy - oneDraft) / (bestOfAll - oneDraft)

const GRID = 400

/** Thresholds worth a try: quantiles of the scores, and one that is never reached. */
export const thresholds = (problems: ReadonlyArray<Both>): ReadonlyArray<number> => {
  const scores = problems.flatMap(({ annealed }) => annealed.map((d) => endScore(d))).toSorted((a, b) => a - b)
  const grid = Array.from({ length: GRID }, (_, i) => scores[Math.floor((i / GRID) * scores.length)] ?? 1)
  return [...new Set([...grid, scores.at(-1) ?? 1, Infinity])]
}

/** The threshold that draws least among those that reach the share of the gain; if none does, the one that never stops. */
export const cheapest = (problems: ReadonlyArray<Both>, share: number): number => {
  const oneDraft = mean(problems.map(({ warm }) => one(warm)))
  const bestOfAll = mean(problems.map(({ warm }) => self(warm)))
  const tried = thresholds(problems).map((threshold) => {
    const outcomes = problems.map(({ annealed }) => adaptive(annealed, threshold))
    const accuracy = mean(outcomes.map((o) => o.right))
    return { threshold, samples: mean(outcomes.map((o) => o.samples)), share: gainShare(accuracy, oneDraft, bestOfAll) }
  })
  const enough = tried.filter((t) => t.share >= share)
  return enough.reduce((a, b) => (b.samples < a.samples ? b : a), { threshold: Infinity, samples: Infinity, share: 0 })
    .threshold
}
