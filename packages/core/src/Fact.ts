/**
 * What happens in a run, for progress, logs and replay. Nothing is paid when nobody listens.
 */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import * as SchemaVersion from "./SchemaVersion.ts"
import { Score } from "./Scorer.ts"
import { Token } from "./Token.ts"

const index = { index: Schema.Int }

/** `index` is the candidate's. */
export const Fact = Schema.TaggedUnion({
  Drawn: { ...index, token: Token },
  Scored: { ...index, score: Score },
  Pruned: index,
  Cancelled: index,
  Failed: { ...index, problem: Schema.String },
  /** A stopping rule was satisfied by this candidate; with `arrival` order a replay must follow this fact. */
  Stopped: { ...index, order: Schema.Literals(["index", "arrival"]) },
  Chosen: index
})
export type Fact = typeof Fact.Type

/** A function that is told every fact, or nothing; each stage reads it once. It must return at once and never throw. */
export const Listener = Context.Reference<((fact: Fact) => void) | undefined>("@mulligan/core/Fact/Listener", {
  defaultValue: () => undefined
})

export const FactJson = SchemaVersion.versioned("Fact", Fact)
