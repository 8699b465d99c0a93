/**
 * What a run cost and what it chose, in a sentence or two.
 */
import * as Candidate from "@mulligan/core/Candidate"
import type { Scored } from "@mulligan/core/Scorer"
import type { Usage } from "@mulligan/core/Usage"
import type { Chosen } from "./Judge.ts"
import { duration } from "./Progress.ts"

export interface Ran {
  readonly winner: Scored
  readonly usage: Usage
  readonly seconds: number
  readonly judge: Chosen
}

export const thousands = (count: number) => count.toLocaleString("en-US")

export const time = (seconds: number) =>
  seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms` : seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds)

/** Two digits; no score is certain, so none reads as 1. */
export const brief = (score: number): string => Math.min(0.99, score).toFixed(2)

export const plural = (count: number, word: string) => `${thousands(count)} ${word}${count === 1 ? "" : "s"}`

/** A model that gives less than this to the replies does not answer the question. */
const FAIR_MASS = 0.5

/** Why the score is not to be trusted; undefined where nothing speaks against it. */
export const warning = ({ score }: Scored): string | undefined =>
  score.mass !== undefined && score.mass < FAIR_MASS
    ? `Only ${(100 * score.mass).toFixed(0)}% of the model's probability is on Yes and No, so this score says little.`
    : undefined

const wasted = ({ cancelledTokens, lostTokens, prunedTokens }: Usage): string => {
  const parts = [
    [prunedTokens, "pruned"],
    [cancelledTokens, "cancelled"],
    [lostTokens, "lost"]
  ] as const
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${thousands(count)} ${what}`)
  return told.length === 0 ? "" : ` (${told.join(", ")})`
}

export const cost = (usage: Usage, seconds: number): string =>
  `${plural(usage.samples, "draft")}, ${plural(usage.drawnTokens, "token")} drawn${wasted(usage)}, ` +
  `${thousands(usage.readTokens)} read to judge; ${time(seconds)}.`

/** "Chosen: draft 3 of 4, score 0.94 by self-evaluation. 4 drafts, 612 tokens drawn, 40 read to judge; 3.1 s." */
export const sentence = ({ judge, seconds, usage, winner }: Ran): string => {
  const { index, score } = winner
  const judged = judge.name === "nobody" ? "judged by nobody" : `score ${brief(score.value)} by ${judge.name}`
  const cut = Candidate.end(winner) === undefined ? ", cut by --max-tokens" : ""
  return `Chosen: draft ${index + 1}, ${judged}${cut}. ${cost(usage, seconds)}`
}

/** What --json prints of it. */
export const json = ({ judge, seconds, usage, winner }: Ran) => ({
  answer: Candidate.text(winner).trimStart(),
  index: winner.index,
  temperature: winner.temperature,
  tokens: winner.tokens.length,
  end: Candidate.end(winner) ?? null,
  score: judge.name === "nobody" ? null : winner.score,
  judge: judge.name,
  usage,
  seconds
})
