/**
 * What can go wrong with a recording as a file; what goes wrong behind the recorded backend is its own `BackendError`.
 */
import * as Schema from "effect/Schema"

const told = {
  /** What happened. No prompt, token or secret is ever in it. */
  problem: Schema.String,
  /** What the user can do about it. */
  advice: Schema.String
}

/** The file could not be read or written: missing, no right to it, a full disk. */
export class Inaccessible extends Schema.TaggedError<Inaccessible>()("Inaccessible", told) {}

/** Not a recording, one of another version, or one whose middle has changed since it was written. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", told) {}

/** It was recorded from another model or by other sampling, so its drafts and the new ones are not comparable. */
export class OtherRecording extends Schema.TaggedError<OtherRecording>()("OtherRecording", told) {}

/** Somebody else writes to the same file. */
export class Shared extends Schema.TaggedError<Shared>()("Shared", told) {}

export const Reason = Schema.Union([Inaccessible, Unreadable, OtherRecording, Shared])
export type Reason = typeof Reason.Type

/** Fails reading and writing a recording; `reason` says which and what to do about it. */
export class RecordingError extends Schema.TaggedError<RecordingError>("@mulligan/lab/RecordingError")(
  "RecordingError",
  { file: Schema.String, reason: Reason }
) {
  override get message(): string {
    return `${this.file}: ${this.reason.problem} ${this.reason.advice}`
  }
}
