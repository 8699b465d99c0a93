/**
 * What can go wrong with a task: its file, the Hub that it comes from, or its grades.
 */
import * as Schema from "effect/Schema"

const told = {
  /** What happened. Nothing of what is in the file, and no secret, is ever in it. */
  problem: Schema.String,
  /** What the user can do about it. */
  advice: Schema.String
}

/** A file that is not there, or may not be read or written. */
export class Inaccessible extends Schema.TaggedError<Inaccessible>()("Inaccessible", told) {}

/** A file, or a row of it, that is not what the task expects. */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", told) {}

/** The Hub cannot be reached at the moment: the same may succeed later. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", told) {}

/** It cannot be had from the Hub: no such thing, no right to it, HF_HUB_OFFLINE, or a cache that cannot be written. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", told) {}

/** A draft that could not be graded. */
export class Ungraded extends Schema.TaggedError<Ungraded>()("Ungraded", told) {}

export const Reason = Schema.Union([Inaccessible, Malformed, Unavailable, Refused, Ungraded])
export type Reason = typeof Reason.Type

/** Fails loading a task and grading by it; `reason` says which and what to do about it. */
export class TaskError extends Schema.TaggedError<TaskError>("@mulligan/lab/tasks/TaskError")("TaskError", {
  /** The file, the Hub's dataset, or the task. */
  source: Schema.String,
  reason: Reason
}) {
  override get message(): string {
    return `${this.source}: ${this.reason.problem} ${this.reason.advice}`
  }
}
