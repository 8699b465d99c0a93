import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as BackendError from "@mulligan/core/BackendError"
import * as RunError from "@mulligan/core/RunError"

/** A failure that may pass: its candidate is dropped and counted, the others go on. */
export const isTransient = (error: unknown): error is BackendError.BackendError =>
  error instanceof BackendError.BackendError && error.isTransient

/** A draft that leaves its question no room in the model's context: the others may, so it is dropped as well. */
export const hasNoRoom = (error: unknown): error is BackendError.BackendError =>
  error instanceof BackendError.BackendError &&
  error.reason._tag === "InvalidRequest" &&
  error.reason.overContext === true

/**
 * Runs a stage that reports the failures it dropped; fails with the first of them only if nothing came through.
 */
export const survivors = <A, E, R>(
  stage: (lost: (error: BackendError.BackendError) => Effect.Effect<void>) => Stream.Stream<A, E, R>
): Stream.Stream<A, E | RunError.RunError, R> =>
  Stream.suspend(() => {
    const failures: Array<BackendError.BackendError> = []
    let some = false
    const lost = (error: BackendError.BackendError) => Effect.sync(() => void failures.push(error))
    return stage(lost).pipe(
      Stream.map((a) => ((some = true), a)),
      Stream.concat(
        Stream.suspend(() => (some || failures.length === 0 ? Stream.empty : Stream.fail(allFailed(failures))))
      )
    )
  })

const allFailed = (failures: ReadonlyArray<BackendError.BackendError>) =>
  new RunError.RunError({
    reason: new RunError.AllFailed({
      problem: `All ${failures.length} candidates failed; the first because of ${failures[0]?.message}`,
      advice: "Mend that cause, or allow more retries.",
      count: failures.length,
      first: failures[0]
    })
  })
