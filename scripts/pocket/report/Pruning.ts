/**
 * Drafts of one problem drawn side by side and dropped on the way: which survive, and what it cost.
 */
import { type Draft, type Form, scoreAfter } from "../Recording.ts"
import { random } from "../Statistics.ts"
import { best, type Drafts } from "./Choosing.ts"

export interface Cut {
  /** Tokens. */
  readonly at: number
  readonly keep: number
}

export type Schedule = ReadonlyArray<Cut>

/**
 * The best scores, the earliest of equals, in the order of the index; with `text` one of each text before a second of any:
 * what `Candidates.prune` keeps, and with `distinct`.
 */
export const kept = (
  drafts: Drafts,
  keep: number,
  score: (d: Draft) => number,
  text?: (d: Draft) => string
): Drafts => {
  const places = new Map(drafts.map((d, i) => [d, i]))
  const place = (d: Draft) => places.get(d) ?? 0
  const ranked = drafts.toSorted((a, b) => score(b) - score(a) || place(a) - place(b))
  const copies = text === undefined ? new Map<Draft, number>() : copiesBefore(ranked, text)
  const nth = (d: Draft) => copies.get(d) ?? 0
  return ranked
    .toSorted((a, b) => nth(a) - nth(b))
    .slice(0, keep)
    .toSorted((a, b) => place(a) - place(b))
}

const copiesBefore = (ranked: Drafts, text: (d: Draft) => string): ReadonlyMap<Draft, number> => {
  const seen = new Map<string, number>()
  return new Map(
    ranked.map((d) => {
      const before = seen.get(text(d)) ?? 0
      seen.set(text(d), before + 1)
      return [d, before]
    })
  )
}

export interface Pruned {
  readonly chosen: Draft
  readonly drawnTokens: number
  /** For the questions at the cuts. */
  readonly cutTokens: number
  /** For the questions at the end. */
  readonly endTokens: number
}

const isOver = (d: Draft, at: number) => d.ids.length <= at

const beginnings = new WeakMap<Draft, Map<number, string>>()

/** Remembered, because hundreds of schedules cut the same drafts. */
export const beginning = (d: Draft, at: number): string => {
  const known = beginnings.get(d) ?? new Map<number, string>()
  beginnings.set(d, known)
  const text = known.get(at) ?? d.ids.slice(0, Math.min(at, d.length)).join()
  known.set(at, text)
  return text
}

/**
 * What the backend reads to judge beginnings: the same tokens are read once, and a draft that goes on has its last token
 * still to read.
 */
const readAt = (drafts: Drafts, at: number, questionTokens: number): number => {
  const distinct = new Map(drafts.map((d) => [beginning(d, at), d]))
  let sum = 0
  for (const d of distinct.values()) sum += questionTokens + (isOver(d, at) ? 0 : 1)
  return sum
}

export interface Rule {
  /** Default "full". */
  readonly form?: Form | undefined
  /** Default true: one of each beginning before a second of any. */
  readonly distinct?: boolean | undefined
}

export const pruned = (drafts: Drafts, schedule: Schedule, questionTokens: number, rule: Rule = {}): Pruned => {
  const { distinct = true, form = "full" } = rule
  let [alive, drawnTokens, cutTokens] = [drafts, 0, 0]
  for (const { at, keep } of schedule) {
    cutTokens += readAt(alive, at, questionTokens)
    const text = distinct ? (d: Draft) => beginning(d, at) : undefined
    const survivors = kept(alive, keep, (d) => scoreAfter(d, at, form), text)
    const isSurvivor = new Set(survivors)
    for (const d of alive) if (!isSurvivor.has(d)) drawnTokens += Math.min(at, d.ids.length)
    alive = survivors
  }
  for (const d of alive) drawnTokens += d.ids.length
  const endTokens = readAt(alive, Infinity, questionTokens)
  return { chosen: best(alive, (d) => scoreAfter(d, Infinity, form)), drawnTokens, cutTokens, endTokens }
}

/** The mean over random choices of as many survivors, the same ones for the same seed. */
export const dropped = (drafts: Drafts, keep: number, seed: number, choices = 20): number => {
  const next = random(seed)
  let right = 0
  for (let i = 0; i < choices; i++) {
    const lots = new Map(drafts.map((d) => [d, next()]))
    right += best(kept(drafts, keep, (d) => lots.get(d) ?? 0)).right
  }
  return right / choices
}

/** One or two cuts at these depths, each keeping 1 to 8. */
export const schedules = (depths: ReadonlyArray<number>): ReadonlyArray<Schedule> => {
  const keeps = [1, 2, 3, 4, 5, 6, 7, 8]
  const single = depths.flatMap((at) => keeps.map((keep) => [{ at, keep }]))
  const double = single.flatMap(([first]) =>
    single.flatMap(([second]) =>
      first !== undefined && second !== undefined && second.at > first.at && second.keep < first.keep
        ? [[first, second]]
        : []
    )
  )
  return [...single, ...double]
}
