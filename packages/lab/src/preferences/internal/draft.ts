import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Backend } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import { CurrentAccount } from "@mulligan/core/Budget"
import type { Candidate } from "@mulligan/core/Candidate"
import type { RunError } from "@mulligan/core/RunError"
import * as Usage from "@mulligan/core/Usage"
import * as Candidates from "@mulligan/strategies/Candidates"
import { type PreferencesError, unfinished } from "../PreferencesError.ts"
import type { Drawing } from "../Settings.ts"
import type { Draft, Prompt } from "../Store.ts"
import { keyOf } from "../../internal/keyOf.ts"
import { seedOf } from "./uniform.ts"

/** A prompt's drafts depend on the prompt and the job's seed, not on what else the job has. */
export const candidates = ({ messages }: Prompt, { seed, temperature }: Drawing, count: number) =>
  Stream.runCollect(
    Candidates.fromPrompt(messages, { count, seed: seedOf(seed, "drafts", keyOf(messages)), temperature })
  )

const spent = () =>
  unfinished({
    problem: "The budget was spent before all drafts were drawn.",
    advice: "The same job under a larger budget goes on where it stopped."
  })

/** Draws one whole draft; what it cost is part of it. A failure that may pass is tried again from the tokens so far. */
export const draw = (
  candidate: Candidate,
  { maxTokens, sampling }: Drawing,
  retries: number
): Effect.Effect<Draft, BackendError | RunError | PreferencesError, Backend> =>
  Effect.gen(function* () {
    const more = maxTokens === undefined ? {} : { maxTokens }
    const stage = Candidates.generate({ ...sampling, ...more, retries, strict: true })
    const [usage, exit] = yield* Usage.measure(
      Effect.tap(Stream.runHead(stage(Stream.succeed(candidate))), (drawn) =>
        Effect.map(Usage.CurrentMeter, (meter) =>
          meter.add("keptTokens", Option.isSome(drawn) ? drawn.value.tokens.length : 0)
        )
      )
    )
    const drawn = yield* Exit.isSuccess(exit) ? Effect.succeed(exit.value) : Effect.failCause(exit.cause)
    if (Option.isNone(drawn)) return yield* spent()
    const { tokens } = drawn.value
    const end = tokens.at(-1)?.end
    // A budget cuts a draft anywhere: it is not what the same job draws without.
    const isWhole = end !== undefined || tokens.length >= (maxTokens ?? Infinity)
    if (!isWhole && (yield* CurrentAccount)?.isSpent) return yield* spent()
    return { texts: tokens.map(({ text }) => text), ...(end === undefined ? {} : { end }), usage }
  })
