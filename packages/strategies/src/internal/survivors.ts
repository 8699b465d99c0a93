import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as BackendError from "@mulligan/core/BackendError"
import * as RunError from "@mulligan/core/RunError"

/** A failure that may pass: its candidate is dropped and counted, the others go on. */
export const isTransient = (error: unknown): error is BackendError.BackendError =>
  error instanceof BackendError.BackendError && error.isTransient

/** A draft that leaves its question no room in the model's context: the others may, so it is dropped as well. */
export const hasNoRoom = (error: unknown): error is BackendError.BackendError =>
  error instanceof BackendError.BackendError && error.isOverContext

/** A failure that only its own candidates are lost by. */
export interface Lost {
  readonly first: BackendError.BackendError
  /** Candidates. */
  readonly count: number
}

/** What a round lost by failing, all of its `count` candidates; undefined: a failure that others would meet as well. */
export const lostBy = (error: unknown, count: number): Lost | undefined => {
  if (isTransient(error)) return { first: error, count }
  if (!(error instanceof RunError.RunError) || error.reason._tag !== "AllFailed") return undefined
  const { first } = error.reason
  return isTransient(first) || hasNoRoom(first) ? { first, count: error.reason.count } : undefined
}

/**
 * Runs a stage that reports the failures it dropped; fails with the first of them only if nothing came through.
 */
export const survivors = <A, E, R>(
  stage: (lost: (failure: Lost) => Effect.Effect<void>) => Stream.Stream<A, E, R>
): Stream.Stream<A, E | RunError.RunError, R> =>
  Stream.suspend(() => {
    let [some, count] = [false, 0]
    let first: BackendError.BackendError | undefined
    const lost = (failure: Lost) =>
      Effect.sync(() => {
        first ??= failure.first
        count += failure.count
      })
    return stage(lost).pipe(
      Stream.map((a) => ((some = true), a)),
      Stream.concat(
        Stream.suspend(() => (some || first === undefined ? Stream.empty : Stream.fail(allFailed(first, count))))
      )
    )
  })

const allFailed = (first: BackendError.BackendError, count: number) =>
  new RunError.RunError({
    reason: new RunError.AllFailed({
      problem: `All ${count} candidates failed; the first because of ${first.message}`,
      advice: "Mend that cause, or allow more retries.",
      count,
      first
    })
  })
