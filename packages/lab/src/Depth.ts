/**
 * How far a draft had come when it was judged.
 */
import type * as Candidate from "@mulligan/core/Candidate"
import { saidLength } from "./internal/prefix.ts"
import type { Draft, Recording, Unread } from "./Recording.ts"

/** After a share of a draft's own length (1 is its end), or after so many tokens, or at its end if that comes first. */
export type Depth = { readonly share: number } | { readonly tokens: number }

export const isWhole = (depth: Depth): boolean => "share" in depth && depth.share === 1

const percent = (share: number) => Math.round(1000 * share) / 10

/** For tables and charts: `50%`, `after 12`, `end`. */
export const title = (depth: Depth): string =>
  isWhole(depth) ? "end" : "share" in depth ? `${percent(depth.share)}%` : `after ${depth.tokens}`

/** Tokens of a whole draft up to there; its own length does not count its end of text, its end does. */
const countAt = (tokens: Candidate.Candidate["tokens"], depth: Depth): number => {
  if ("tokens" in depth) return Math.min(depth.tokens, tokens.length)
  return isWhole(depth) ? tokens.length : Math.floor(depth.share * saidLength(tokens))
}

/** The draft as it was at that depth, as a strategy judges it there. */
export const cutAt = (candidate: Candidate.Candidate, depth: Depth): Candidate.Candidate => {
  const count = countAt(candidate.tokens, depth)
  return count === candidate.tokens.length ? candidate : { ...candidate, tokens: candidate.tokens.slice(0, count) }
}

/** Eighths and tenths: what people ask for. */
const shares = [...new Set([...Array(9).keys()].map((i) => i / 8).concat([...Array(11).keys()].map((i) => i / 10)))]

/**
 * The depths at which every draft that comes so far was asked this question, from the start to the end: shares in eighths
 * and tenths, and numbers of tokens below which at most half of the drafts end. Some, not all, may have left it no room. Of
 * drafts that are cut after `maxTokens`.
 */
export const recorded = (
  recording: Recording,
  question: string | undefined,
  maxTokens = Infinity
): ReadonlyArray<Depth> => {
  const whole = recording.problems.flatMap((problem) => problem.drafts)
  const drafts = whole.map(({ tokens }) => ({ tokens: tokens.slice(0, maxTokens) }))
  const depthsOf = (all: ReadonlyArray<Unread>) => {
    const those = all.filter(({ after, question: { question: said } }) => said === question && after <= maxTokens)
    return new Set(those.map(({ after }) => after))
  }
  const asked = whole.map(({ readings }) => depthsOf(readings))
  const full = whole.map(({ unread }) => depthsOf(unread))
  const isIn = (those: ReadonlyArray<ReadonlySet<number>>, depth: Depth) =>
    drafts.map(({ tokens }, i) => isAsked(those[i]!, tokens, countAt(tokens, depth)))
  const isThere = (depth: Depth) => {
    const [answered, left] = [isIn(asked, depth), isIn(full, depth)]
    return answered.includes(true) && answered.every((is, i) => is || left[i])
  }
  const counts = [...new Set(asked.flatMap((after) => [...after]))].filter(
    (count) => 2 * drafts.filter(({ tokens }) => tokens.length > count).length >= drafts.length
  )
  const all: ReadonlyArray<Depth> = [
    ...counts.toSorted((a, b) => a - b).map((tokens) => ({ tokens })),
    ...shares.toSorted((a, b) => a - b).map((share) => ({ share }))
  ]
  return drafts.length === 0 ? [] : all.filter(isThere)
}

/** With its end of text or without is the same question. */
const isAsked = (after: ReadonlySet<number>, tokens: Draft["tokens"], count: number): boolean =>
  after.has(count) || [...after].some((one) => saidLength(tokens, one) === saidLength(tokens, count))
