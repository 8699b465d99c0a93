/**
 * What can go wrong behind a backend: one error, with a tagged reason for each way to react.
 */
import * as Schema from "effect/Schema"
import * as SchemaVersion from "./SchemaVersion.ts"

const told = {
  /** What happened. No prompt, token or secret is ever in it. */
  problem: Schema.String,
  /** What the user can do about it. */
  advice: Schema.String
}

/** Too many requests; wait `retryAfter` if the backend says so. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  ...told,
  retryAfter: Schema.optionalKey(Schema.Duration)
}) {}

/** Not there at the moment: a connection lost, a server starting. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", told) {}

/** The same request will never work: a missing file, a prompt over the context, a temperature below 0. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", told) {}

/** The backend lacks a capability, named, that the request needs. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", {
  ...told,
  capability: Schema.String
}) {}

/** Not enough memory for another row; fewer candidates at once or shorter ones may fit. */
export class OutOfMemory extends Schema.TaggedError<OutOfMemory>()("OutOfMemory", told) {}

export const Reason = Schema.Union([RateLimited, Unavailable, InvalidRequest, Unsupported, OutOfMemory])
export type Reason = typeof Reason.Type

/** Fails every backend call. `catchReason("BackendError", "RateLimited", …)` reacts to one reason. */
export class BackendError extends Schema.TaggedError<BackendError>("@mulligan/core/BackendError")("BackendError", {
  backend: Schema.String,
  reason: Reason
}) {
  /** The same request may succeed later: strategies retry it, and drop the candidate if that does not help. */
  get isTransient(): boolean {
    return this.reason._tag === "RateLimited" || this.reason._tag === "Unavailable"
  }
  override get message(): string {
    return `${this.backend}: ${this.reason.problem} ${this.reason.advice}`
  }
}

export const BackendErrorJson = SchemaVersion.versioned("BackendError", BackendError)
