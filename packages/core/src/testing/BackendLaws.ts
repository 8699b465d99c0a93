/**
 * What every backend promises, as data: named checks that need a `Backend` and a subject, and no test library. Run them
 * from any test, or on a live server.
 */
import * as Effect from "effect/Effect"
import type { Backend } from "../Backend.ts"
import { BackendError } from "../BackendError.ts"
import { accounting } from "./laws/accounting.ts"
import { continuation, nonDisturbance } from "./laws/continuation.ts"
import { greedy, probability } from "./laws/reference.ts"
import { independence } from "./laws/independence.ts"
import { interruption } from "./laws/interruption.ts"
import type { Law } from "./laws/law.ts"
import { refusal } from "./laws/refusal.ts"
import type { Subject } from "./Subject.ts"

export type { Law, Verdict } from "./laws/law.ts"
export type { Reference, Subject } from "./Subject.ts"

/** The eight laws, in the order of the blueprint. */
export const laws: ReadonlyArray<Law> = [
  continuation,
  nonDisturbance,
  independence,
  greedy,
  probability,
  interruption,
  refusal,
  accounting
]

/** How a law went: `bounded` keeps it within a stated bound, `unsupported` names a capability that the backend lacks. */
export interface Result {
  readonly law: string
  readonly outcome: "passed" | "bounded" | "unsupported" | "failed"
  readonly detail: string
}

/** Checks one law; a backend that fails in the middle of it has failed the law, one that lacks a capability has not. */
export const check = (law: Law, subject: Subject): Effect.Effect<Result, never, Backend> =>
  law.check(subject).pipe(
    Effect.map(({ detail, outcome }) => ({ law: law.name, outcome, detail })),
    Effect.catch((error) =>
      Effect.succeed<Result>({
        law: law.name,
        outcome: error instanceof BackendError && error.reason._tag === "Unsupported" ? "unsupported" : "failed",
        detail: error.message
      })
    )
  )

/** Checks all laws, one after the other. */
export const run = (subject: Subject): Effect.Effect<ReadonlyArray<Result>, never, Backend> =>
  Effect.forEach(laws, (law) => check(law, subject))
