/**
 * What a run can fail with by itself, apart from its backend.
 */
import * as Schema from "effect/Schema"
import * as SchemaVersion from "./SchemaVersion.ts"

const told = { problem: Schema.String, advice: Schema.String }

/** There was nothing to choose from: no candidate, or a budget spent before the first draw. */
export class NothingDrawn extends Schema.TaggedError<NothingDrawn>()("NothingDrawn", told) {}

/** Every candidate of a stage failed; `first` is the first cause. */
export class AllFailed extends Schema.TaggedError<AllFailed>()("AllFailed", {
  ...told,
  count: Schema.Int,
  first: Schema.Defect()
}) {}

/** A scorer gave NaN for the candidate with this index. */
export class InvalidScore extends Schema.TaggedError<InvalidScore>()("InvalidScore", {
  ...told,
  index: Schema.Int,
  value: Schema.Number
}) {}

export const Reason = Schema.Union([NothingDrawn, AllFailed, InvalidScore])
export type Reason = typeof Reason.Type

/** A failure of a run itself; `reason` says which and what to do about it. */
export class RunError extends Schema.TaggedError<RunError>("@mulligan/core/RunError")("RunError", { reason: Reason }) {
  override get message(): string {
    return `${this.reason.problem} ${this.reason.advice}`
  }
}

export const RunErrorJson = SchemaVersion.versioned("RunError", RunError)
