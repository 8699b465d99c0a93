import { readFileSync } from "node:fs"
import type { Observation } from "@mulligan/self-evaluator"

/** What scikit-learn makes of a data set; `training/fixtures/calibration.py` writes it. */
export interface Case {
  readonly name: string
  readonly scores: ReadonlyArray<number>
  readonly outcomes: ReadonlyArray<number>
  readonly prompts: ReadonlyArray<number>
  readonly platt: { readonly slope: number; readonly intercept: number; readonly at: ReadonlyArray<number> }
  readonly isotonic: { readonly at: ReadonlyArray<number> }
  readonly bins: ReadonlyArray<{ readonly count: number; readonly score: number; readonly outcome: number }>
  readonly ece: number
  readonly auroc: number
  readonly aurocWithin: number
}

export const { cases, grid } = JSON.parse(
  readFileSync(new URL("fixtures/calibration.json", import.meta.url), "utf8")
) as { readonly cases: ReadonlyArray<Case>; readonly grid: ReadonlyArray<number> }

export const observations = ({ outcomes, scores }: Case): ReadonlyArray<Observation> =>
  scores.map((score, i) => ({ score, outcome: outcomes[i]! }))

export const byPrompt = (known: Case): ReadonlyArray<ReadonlyArray<Observation>> =>
  [...new Set(known.prompts)].map((prompt) => observations(known).filter((_, i) => known.prompts[i] === prompt))
