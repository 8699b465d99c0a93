/**
 * A promise of every backend, and how it is checked.
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { Backend } from "../Backend.ts"
import type { BackendError } from "../BackendError.ts"
import type { Subject } from "./Subject.ts"

/**
 * `bounded` keeps the law within a stated bound; `unsupported`: the backend lacks a capability that the law is about, or
 * there is no reference to hold it against.
 */
export type Outcome = "passed" | "bounded" | "unsupported" | "failed"

export interface Verdict {
  readonly outcome: Outcome
  /** What was tried, or what went wrong, in a sentence. */
  readonly detail: string
}

/** The law does not hold; `detail` says where. */
export class Violation extends Data.TaggedError("Violation")<{ readonly detail: string }> {
  override get message(): string {
    return this.detail
  }
}

export interface Law {
  /** Its place in the blueprint, 1 to 9. */
  readonly number: number
  readonly name: string
  readonly promise: string
  readonly check: (subject: Subject) => Effect.Effect<Verdict, BackendError | Violation, Backend>
}
