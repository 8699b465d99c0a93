/**
 * Judging: a scorer gives a candidate a score; strategies know judging only through this.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Candidate } from "./Candidate.ts"
import * as SchemaVersion from "./SchemaVersion.ts"

/**
 * Higher is better. The truth lies between `lower` and `upper`; they equal `value` where it is exactly known. Stopping and
 * pruning take the careful side of the interval (draw on, keep).
 */
export const Score = Schema.Struct({
  value: Schema.Number,
  lower: Schema.Number,
  upper: Schema.Number,
  /** Share of the probability that the judged labels hold together, 0 to 1; a small one says: do not trust this score. */
  mass: Schema.optionalKey(Schema.Finite)
})
export interface Score extends Schema.Schema.Type<typeof Score> {}

/** A score that is exactly known. */
export const exact = (value: number): Score => ({ value, lower: value, upper: value })

/** A candidate with a score of the very tokens it has. Drawing more tokens gives back an unscored candidate. */
export const Scored = Schema.Struct({ ...Candidate.fields, score: Score })
export interface Scored extends Schema.Schema.Type<typeof Scored> {}

/** A value, not a service: pass it to `Candidates.score`. */
export type Scorer<E = never, R = never> = (candidate: Candidate) => Effect.Effect<Score, E, R>

/** Best first: by value, the earliest of equals. */
export const better = (a: Scored, b: Scored): number => b.score.value - a.score.value || a.index - b.index

export const ScoreJson = SchemaVersion.versioned("Score", Score)
export const ScoredJson = SchemaVersion.versioned("Scored", Scored)
