import * as Effect from "effect/Effect"
import type { Backend } from "@mulligan/core/Backend"
import { BackendError } from "@mulligan/core/BackendError"
import type { Candidate } from "@mulligan/core/Candidate"
import type { RunError } from "@mulligan/core/RunError"
import { PreferencesError } from "../PreferencesError.ts"
import * as Reward from "../Reward.ts"
import type { Drawing } from "../Settings.ts"
import type { Judged, Prompt, Store } from "../Store.ts"
import { candidates, draw } from "./draft.ts"

export interface Work<E, R> {
  readonly drawing: Drawing
  /** Drafts of each prompt. */
  readonly drafts: number
  readonly reward: Reward.Model<E, R>
  readonly retries: number
}

export type Failure = BackendError | RunError | PreferencesError

/** What will never work for this prompt, and is nobody's fault but its own. */
const isRefusal = (error: Failure): boolean =>
  error instanceof BackendError
    ? error.reason._tag === "InvalidRequest"
    : error instanceof PreferencesError && error.reason._tag === "RewardRefused"

const kindOf = (error: Failure) =>
  error instanceof BackendError ? "refused by the backend" : "refused by the reward model"

/** Draws and judges what is missing of a prompt's drafts; each is stored as soon as it is there. */
const complete = <E, R>(store: Store, id: number, prompt: Prompt, work: Work<E, R>) =>
  Effect.gen(function* () {
    const known = yield* store.drafts(id, work.drafts, work.reward.name)
    const one = (candidate: Candidate, before: Judged | undefined) =>
      Effect.gen(function* () {
        const draft = before ?? (yield* draw(candidate, work.drawing, work.retries))
        if (before === undefined) yield* store.addDraft(id, candidate.index, draft)
        if (before?.reward !== undefined) return
        const value = yield* Reward.judge(work.reward, prompt.messages, draft.texts.join(""))
        yield* store.addReward(id, candidate.index, work.reward.name, value)
      })
    const all = yield* candidates(prompt, work.drawing, work.drafts)
    yield* Effect.forEach(
      all,
      (candidate) =>
        one(
          candidate,
          known.find(({ draft }) => draft === candidate.index)
        ),
      {
        concurrency: "unbounded",
        discard: true
      }
    )
  })

/**
 * Does all that a prompt needs, and nothing twice that is stored. A prompt that the backend or the reward model refuses is
 * left out; gives why.
 */
export const workOn = <E, R>(
  store: Store,
  id: number,
  work: Work<E, R>
): Effect.Effect<string | undefined, Failure, Backend | R> =>
  Effect.flatMap(store.prompt(id), (prompt) =>
    complete(store, id, prompt, work).pipe(
      Effect.as(undefined),
      Effect.catchIf(isRefusal, (error) =>
        Effect.as(store.refuse(id, kindOf(error)), `${kindOf(error)}: ${error.message}`)
      )
    )
  )
