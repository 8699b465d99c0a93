/**
 * Whether a model's self-evaluation can be trusted on prompts like these, and what to use where it cannot: told from drafts
 * whose outcome is known.
 */
import type { Observation } from "./Observation.ts"
import * as Reliability from "./Reliability.ts"

/** One array a prompt, one observation a draft; the same prompts in the same order for every scorer. */
export type Drafts = ReadonlyArray<ReadonlyArray<Observation>>

export interface Options {
  /** What else could choose, by name, such as the mean log-probability; scored on the same drafts. */
  readonly others?: Readonly<Record<string, Drafts>> | undefined
  /** Resamples of the prompts that intervals are made of. Default 1000. */
  readonly resamples?: number | undefined
}

/**
 * - `trusted`: it orders drafts of one prompt well, and nothing else given orders them better.
 * - `weak`: better than chance, but not by much, or another scorer is better.
 * - `chance`: no better than a coin, as far as these drafts can tell.
 * - `unknown`: too few prompts have both right and wrong drafts.
 */
export type Verdict = "trusted" | "weak" | "chance" | "unknown"

export interface Diagnosis {
  readonly verdict: Verdict
  /** AUROC within prompts, 0 to 1, and its 95% interval over prompts; NaN if unknown. */
  readonly auroc: number
  readonly low: number
  readonly high: number
  /** The scorer to use: a name of `others`, or `self-evaluation`; undefined where none given is better than a coin. */
  readonly use: string | undefined
  /** All of it in a sentence or two. */
  readonly advice: string
}

/** Prompts with both outcomes below which nothing is said. */
const FEWEST_PROMPTS = 20
/** An order of drafts below this is worth little: the best of 16 rarely is the right one. */
const WEAK_BELOW = 0.75
const SELF = "self-evaluation"

type Sums = ReadonlyArray<readonly [won: number, all: number]>

const total = (sums: Sums, rows: ReadonlyArray<number>): number => {
  let [won, all] = [0, 0]
  for (const row of rows) {
    won += sums[row]![0]
    all += sums[row]![1]
  }
  return won / all
}

/** A small seeded generator (mulberry32): the same drafts get the same diagnosis. */
const generator = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const interval = (prompts: number, resamples: number, of: (rows: ReadonlyArray<number>) => number) => {
  const next = generator(prompts)
  const values = Array.from({ length: resamples }, () =>
    of(Array.from({ length: prompts }, () => Math.floor(next() * prompts)))
  ).toSorted((a, b) => a - b)
  const at = (share: number) => values[Math.min(resamples - 1, Math.floor(share * resamples))] ?? NaN
  return { low: at(0.025), high: at(0.975) }
}

const two = (x: number) => x.toFixed(2)

const unknown = (mixed: number): Diagnosis => ({
  verdict: "unknown",
  auroc: NaN,
  low: NaN,
  high: NaN,
  use: undefined,
  advice:
    `Only ${mixed} prompts have both right and wrong drafts; ${FEWEST_PROMPTS} are the least that tell anything. ` +
    "Draw more prompts, or harder and easier ones."
})

const advise = (verdict: Verdict, measured: string, use: string | undefined): string => {
  if (verdict === "trusted") return `Self-evaluation can be trusted here: ${measured}.`
  const found = verdict === "chance" ? "is no better than chance here" : "is weak here"
  const instead =
    use === undefined
      ? "No scorer given is better than a coin: choose by majority, or by a verifier, and do not stop or prune by scores."
      : use === SELF
        ? "Nothing given is better; a majority vote or a verifier may be."
        : `Use ${use} instead, or a verifier.`
  return `Self-evaluation ${found}: ${measured}. ${instead}`
}

interface Rival {
  readonly name: string
  readonly auroc: number
  /** Surely above a coin. */
  readonly isGood: boolean
  /** Surely above self-evaluation. */
  readonly isBetter: boolean
}

/**
 * Judges the judge by its AUROC within prompts (`Reliability.aurocWithin`), with intervals by bootstrap over prompts, and
 * other scorers by the paired difference. Outcome 1 is right, anything below is wrong.
 */
export const diagnose = (self: Drafts, { others = {}, resamples = 1000 }: Options = {}): Diagnosis => {
  const own = self.map(Reliability.pairs)
  const kept = own.flatMap(([, all], row) => (all > 0 ? [row] : []))
  if (kept.length < FEWEST_PROMPTS) return unknown(kept.length)
  const sums = kept.map((row) => own[row]!)
  const all = kept.map((_, i) => i)
  const auroc = total(sums, all)
  const { high, low } = interval(kept.length, resamples, (rows) => total(sums, rows))
  const rivals = Object.entries(others).map(([name, drafts]): Rival => {
    const theirs = kept.map((row) => Reliability.pairs(drafts[row] ?? []))
    const within = interval(kept.length, resamples, (rows) => total(theirs, rows))
    const above = interval(kept.length, resamples, (rows) => total(theirs, rows) - total(sums, rows))
    return { name, auroc: total(theirs, all), isGood: within.low > 0.5, isBetter: above.low > 0 }
  })
  const better = rivals.filter((r) => r.isGood && r.isBetter).toSorted((a, b) => b.auroc - a.auroc)[0]
  const verdict = low <= 0.5 ? "chance" : auroc < WEAK_BELOW || better !== undefined ? "weak" : "trusted"
  const use = better?.name ?? (verdict === "chance" ? undefined : SELF)
  const rival = better === undefined ? "" : `, ${better.name} ${two(better.auroc)}`
  const measured = `AUROC within prompts ${two(auroc)} [${two(low)}, ${two(high)}]${rival}`
  return { verdict, auroc, low, high, use, advice: advise(verdict, measured, use) }
}
