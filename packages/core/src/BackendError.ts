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

const passing = {
  ...told,
  /** How long to wait before another try, if the backend says so. */
  retryAfter: Schema.optionalKey(Schema.Duration)
}

/** Too many requests. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", passing) {}

/** Not there at the moment: a connection lost, a server starting. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  ...passing,
  /** What came of an answer is all there is: this backend cannot go on with it, only draw it again from its beginning. */
  brokenOff: Schema.optionalKey(Schema.Literal(true))
}) {}

/** The same request will never work: a missing file, a prompt over the context, a temperature below 0. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  ...told,
  /** The prompt and what follows it, a question included, are too long for the model's context. */
  overContext: Schema.optionalKey(Schema.Literal(true))
}) {}

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
  /** Too long for the model's context; a shorter draft may fit, so strategies drop this one alone. */
  get isOverContext(): boolean {
    return this.reason._tag === "InvalidRequest" && this.reason.overContext === true
  }
  override get message(): string {
    return `${this.backend}: ${this.reason.problem} ${this.reason.advice}`
  }
}

/** The same request will never work. */
export const invalid = (backend: string, problem: string, advice: string): BackendError =>
  new BackendError({ backend, reason: new InvalidRequest({ problem, advice }) })

/** The prompt and what follows it are too long for the model's context. */
export const overContext = (backend: string, problem: string, advice: string): BackendError =>
  new BackendError({ backend, reason: new InvalidRequest({ problem, advice, overContext: true }) })

/** The backend lacks a capability. */
export const unsupported = (backend: string, capability: string, problem: string, advice: string): BackendError =>
  new BackendError({ backend, reason: new Unsupported({ capability, problem, advice }) })

export const BackendErrorJson = SchemaVersion.versioned("BackendError", BackendError)
