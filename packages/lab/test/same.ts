/**
 * Whether a policy is decided offline as the strategy itself decides on Replay.
 */
import { assert } from "@effect/vitest"
import { RunError, Usage } from "@mulligan/core"
import { Offline, Policy, type Recording } from "@mulligan/lab"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"
import { replayed } from "./harness.ts"

/** What the strategy itself does on the recording, with nothing interrupted: Replay answers at once. */
const run = (self: Policy.Policy, recording: Recording.Recording, { prompt, seed }: Recording.Problem) =>
  Usage.measure(Policy.run(self, prompt, { seed })).pipe(
    (measured) => replayed(measured, recording),
    Effect.provideService(Scheduler.MaxOpsBeforeYield, Infinity)
  )

/** No draft is left to choose from. */
const isNothing = (error: unknown): boolean =>
  error instanceof RunError.RunError && (error.reason._tag === "NothingDrawn" || error.reason._tag === "AllFailed")

export const same = (self: Policy.Policy, recording: Recording.Recording, offline: Offline.Offline) =>
  Effect.gen(function* () {
    const decided = yield* Offline.decide(offline, self)
    for (const [i, problem] of recording.problems.entries()) {
      const [usage, exit] = yield* run(self, recording, problem)
      const winner = Exit.isSuccess(exit) ? exit.value : undefined
      if (Exit.isFailure(exit)) assert.isTrue(isNothing(Cause.squash(exit.cause)), String(exit.cause))
      assert.deepStrictEqual(decided.chosen[i], winner)
      const { drawnTokens, readTokens, samples } = usage
      const counted = {
        samples: decided.samples[i],
        drawnTokens: decided.drawnTokens[i],
        readTokens: decided.readTokens[i]
      }
      assert.deepStrictEqual(counted, { samples, drawnTokens, readTokens })
    }
  })
