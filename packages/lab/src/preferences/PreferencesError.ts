/**
 * What can go wrong while training data are made; what goes wrong behind the backend is its own `BackendError`.
 */
import * as Schema from "effect/Schema"

const told = {
  /** What happened. No prompt, draft or secret is ever in it. */
  problem: Schema.String,
  /** What the user can do about it. */
  advice: Schema.String
}

/** A file could not be read or written: missing, no right to it, a full disk. */
export class Inaccessible extends Schema.TaggedError<Inaccessible>()("Inaccessible", told) {}

/** A file of prompts is not what its name says, or has rows of no known form. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", told) {}

/** Drafts that are stored under this name were drawn from other prompts, by another model or in another way. */
export class OtherJob extends Schema.TaggedError<OtherJob>()("OtherJob", told) {}

/** The database refuses, is lost, or somebody else has it. */
export class StoreFailed extends Schema.TaggedError<StoreFailed>()("StoreFailed", told) {}

/** The reward model failed, or gave no finite number. */
export class RewardFailed extends Schema.TaggedError<RewardFailed>()("RewardFailed", told) {}

/** The reward model cannot judge this one text, now or later: its prompt is left out, and the job goes on. */
export class RewardRefused extends Schema.TaggedError<RewardRefused>()("RewardRefused", told) {}

/** No prompt passed the filter, or no row is left to write. */
export class NothingLeft extends Schema.TaggedError<NothingLeft>()("NothingLeft", told) {}

/** A budget was spent, or somebody ended a worker's part, before everything was drawn. */
export class Unfinished extends Schema.TaggedError<Unfinished>()("Unfinished", told) {}

export const Reason = Schema.Union([
  Inaccessible,
  Unreadable,
  OtherJob,
  StoreFailed,
  RewardFailed,
  RewardRefused,
  NothingLeft,
  Unfinished
])
export type Reason = typeof Reason.Type

/** Fails making training data; `reason` says which and what to do about it. */
export class PreferencesError extends Schema.TaggedError<PreferencesError>(
  "@mulligan/lab/preferences/PreferencesError"
)("PreferencesError", { reason: Reason }) {
  override get message(): string {
    return `${this.reason.problem} ${this.reason.advice}`
  }
}

const make =
  <F extends { readonly problem: string; readonly advice: string }>(Of: new (fields: F) => Reason) =>
  (fields: F): PreferencesError =>
    new PreferencesError({ reason: new Of(fields) })

export const inaccessible = make(Inaccessible)
export const unreadable = make(Unreadable)
export const otherJob = make(OtherJob)
export const storeFailed = make(StoreFailed)
export const rewardFailed = make(RewardFailed)
export const rewardRefused = make(RewardRefused)
export const nothingLeft = make(NothingLeft)
export const unfinished = make(Unfinished)
