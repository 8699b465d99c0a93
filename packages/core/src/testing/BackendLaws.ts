/**
 * What every backend promises, as data: named checks that need a `Backend` and a subject, and no test library. Run them
 * from any test, or on a live server.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Backend } from "../Backend.ts"
import type { BackendError } from "../BackendError.ts"
import type { Law, Outcome, Verdict, Violation } from "./Law.ts"
import { accounting } from "./laws/Accounting.ts"
import { confidence } from "./laws/Confidence.ts"
import { continuation } from "./laws/Continuation.ts"
import { greedy } from "./laws/Greedy.ts"
import { independence } from "./laws/Independence.ts"
import { interruption } from "./laws/Interruption.ts"
import { nonDisturbance } from "./laws/NonDisturbance.ts"
import { probability } from "./laws/Probability.ts"
import { refusal } from "./laws/Refusal.ts"
import type { Subject } from "./Subject.ts"

export type { Law, Outcome, Verdict } from "./Law.ts"
export type { BadRequest, Reference, Subject } from "./Subject.ts"

/** The nine laws: the blueprint's eight in its order, and what is told of a token's distribution. */
export const laws: ReadonlyArray<Law> = [
  continuation,
  nonDisturbance,
  independence,
  greedy,
  probability,
  interruption,
  refusal,
  accounting,
  confidence
]

/** How a law went. */
export interface Result {
  readonly law: string
  readonly outcome: Outcome
  readonly detail: string
}

/** A backend that fails, throws or interrupts itself in the middle of a law has failed the law. */
const failed = (cause: Cause.Cause<BackendError | Violation>): Verdict => {
  const error = Cause.squash(cause)
  return { outcome: "failed", detail: error instanceof Error ? error.message : String(error) }
}

/** Checks one law. It never fails itself, so that one broken law does not hide the others. */
export const check = (law: Law, subject: Subject): Effect.Effect<Result, never, Backend> =>
  law.check(subject).pipe(
    Effect.catchReason("BackendError", "Unsupported", ({ advice, problem }) =>
      Effect.succeed<Verdict>({ outcome: "unsupported", detail: `${problem} ${advice}` })
    ),
    Effect.catchCause((cause) => Effect.succeed(failed(cause))),
    Effect.map(({ detail, outcome }) => ({ law: law.name, outcome, detail }))
  )

/** Checks all laws, one after the other. */
export const run = (subject: Subject): Effect.Effect<ReadonlyArray<Result>, never, Backend> =>
  Effect.forEach(laws, (law) => check(law, subject))
