/**
 * A draft token by token: grounds for its log-probabilities and for its scores, and the same as text.
 */
import type { Token } from "@mulligan/core/Token"
import type { Draft, Reading } from "./Example.ts"
import { type Markup, markup } from "./markup.ts"
import { fixed, percent } from "./numbers.ts"

/** Probabilities at which a token's ground changes, from likely to unlikely: classes p0 to p4. */
export const probabilities = [0.9, 0.5, 0.2, 0.05] as const
/** Scores at which a ground changes, from low to high: classes s0 to s4. */
export const scores = [0.2, 0.4, 0.6, 0.8] as const

const probabilityClass = (logProb: number | undefined): string =>
  logProb === undefined ? "pu" : `p${probabilities.filter((from) => Math.exp(logProb) < from).length}`

export const scoreClass = (score: number): string => `s${scores.filter((from) => score >= from).length}`

const logProbOf = ({ logProb }: Token): string => (logProb === undefined ? "not given" : fixed(logProb, 2))

const ends = { stop: "∎", length: "✂" } as const

/** A line's end is seen, and a token without text. */
const visible = ({ end, text }: Token): string => text.replaceAll("\n", "↵\n") + (end === undefined ? "" : ends[end])

const titleOf = (token: Token): string =>
  token.logProb === undefined
    ? "log-probability not given"
    : `${logProbOf(token)} · ${percent(Math.exp(token.logProb))}`

const tokenMarkup = (token: Token): Markup =>
  markup`<i class="${probabilityClass(token.logProb)}" title="${titleOf(token)}">${visible(token)}</i>`

const badge = ({ after, score }: Reading): Markup =>
  markup`<b class="score ${scoreClass(score)}" title="score after ${after} tokens">${fixed(score, 2)}</b>`

/** Up to each depth, as far as `limit`; the last part has no reading where the draft goes on. */
const parts = (tokens: ReadonlyArray<Token>, readings: ReadonlyArray<Reading>, limit: number) => {
  const shown = readings.filter(({ after }) => after <= limit)
  const ends = [...shown.map(({ after }) => after), limit]
  return ends.map((to, i) => ({ tokens: tokens.slice(ends[i - 1] ?? 0, to), reading: shown[i] }))
}

const segment = ({ reading, tokens }: ReturnType<typeof parts>[number]): Markup => {
  if (tokens.length === 0 && reading === undefined) return markup``
  const told = reading === undefined ? undefined : badge(reading)
  const ground = reading === undefined ? "su" : scoreClass(reading.score)
  return markup`<span class="part ${ground}">${tokens.map(tokenMarkup)}</span>${told}`
}

const rest = (count: number): Markup | undefined =>
  count > 0 ? markup` <em>and ${count} more tokens, which are not shown</em>` : undefined

/** The values that colours stand for, for whoever cannot see or point at them. */
const asText = (all: ReturnType<typeof parts>): string =>
  all
    .flatMap(({ reading, tokens }) => [
      ...tokens.map((token) => `${JSON.stringify(token.text)} ${logProbOf(token)}`),
      ...(reading === undefined ? [] : [`score after ${reading.after} tokens: ${fixed(reading.score, 2)}`])
    ])
    .join("; ")

/** The first `limit` tokens. */
export const tokens = ({ candidate, readings }: Draft, limit: number): Markup => {
  const count = Math.min(limit, candidate.tokens.length)
  const all = parts(candidate.tokens, readings, count)
  return markup`<p class="tokens" dir="auto">${all.map(segment)}${rest(candidate.tokens.length - count)}</p>
<details class="values"><summary>Log-probabilities and scores as text</summary><p>${asText(all)}</p></details>`
}
