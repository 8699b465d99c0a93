/**
 * Whether a model judges drafts of another as well as its own: the shipped one and an earlier checkpoint of it.
 */
import type { Recording } from "../record.ts"
import { type Draft, type DrawJob, HALF, type JudgeJob, scoreAt } from "../Recording.ts"
import { type Figure, figure, type Row } from "./Figure.ts"
import { binned, ece, winOrTie } from "./Judging.ts"
import type { Case } from "./plan.ts"

/** Drafts of each model that both judge. */
const POOLED = 8
const SHARES = [HALF, 1]

type Drafts = ReadonlyArray<Draft>

export const drawJob = (prompt: string): DrawJob => ({
  kind: "draw",
  prompt,
  temperature: 1,
  readings: { full: { tokens: [], shares: SHARES } }
})

export const judgeJob = (prompt: string, drafts: Drafts): JudgeJob => ({
  kind: "judge",
  prompt,
  drafts: drafts.slice(0, POOLED).map(({ ids }) => ids),
  shares: SHARES
})

/** `judged` are the foreign drafts with the judge's scores; who drew them knows whether they are right. */
export const row = (own: Drafts, foreign: Drafts, judged: Drafts, share: number): Row => {
  const rights = own.reduce((sum, d) => sum + d.right, 0)
  const ofOwn = own.slice(0, POOLED).map((d) => ({
    score: scoreAt(d, share),
    outcome: winOrTie(d.right, (rights - d.right) / (own.length - 1))
  }))
  const ofForeign = judged.map((d, i) => ({
    score: scoreAt(d, share),
    outcome: winOrTie(foreign[i]?.right ?? 0, rights / own.length)
  }))
  return binned([...ofOwn, ...ofForeign])
}

type Progress = (done: number, all: number) => void

export const cross = async (
  cases: ReadonlyArray<Case>,
  shipped: Recording,
  early: Recording,
  onProgress: Progress
): Promise<ReadonlyArray<Figure>> => {
  await early.add(
    cases.map(({ prompt }) => drawJob(prompt)),
    onProgress
  )
  const earlyDrafts = cases.map(({ prompt }) => early.drafts(drawJob(prompt)))
  const byShipped = cases.map(({ prompt }, i) => judgeJob(prompt, earlyDrafts[i] ?? []))
  const byEarly = cases.map(({ drafts, prompt }) => judgeJob(prompt, drafts))
  await shipped.add(byShipped, onProgress)
  await early.add(byEarly, onProgress)
  const of = (name: string, share: number, target: string | null) => [
    figure(
      `crossJudgeEarly${name}`,
      cases.map(({ drafts }, i) => row(earlyDrafts[i]!, drafts, early.drafts(byEarly[i]!), share)),
      ece,
      target
    ),
    figure(
      `crossJudgeFinal${name}`,
      cases.map(({ drafts }, i) => row(drafts, earlyDrafts[i]!, shipped.drafts(byShipped[i]!), share)),
      ece,
      target
    )
  ]
  return [...of("", 1, "<= .04"), ...of("Half", HALF, null)]
}
