import * as BackendError from "@mulligan/core/BackendError"
import { EndedError, ProblemError } from "../driver/Problem.ts"

export const backend = "onnx"

/** The same request will never work. */
export const invalid = (problem: string, advice: string): BackendError.BackendError =>
  BackendError.invalid(backend, problem, advice)

/** This backend lacks a capability. */
export const unsupported = (capability: string, problem: string, advice: string): BackendError.BackendError =>
  BackendError.unsupported(backend, capability, problem, advice)

/** A step that was ended because nobody waited for it any more. */
export const cancelled = (): BackendError.BackendError =>
  new BackendError.BackendError({
    backend,
    reason: new BackendError.Unavailable({ problem: "The step was cancelled.", advice: "Ask again." })
  })

/** What ONNX Runtime threw while it ran: memory that was not there, or a graph that does not fit its inputs. */
export const fromRun = (cause: unknown): BackendError.BackendError => {
  if (cause instanceof BackendError.BackendError) return cause
  const said = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof EndedError) {
    return new BackendError.BackendError({
      backend,
      reason: new BackendError.Unavailable({
        problem: `The thread that runs the model has ended (${said.slice(0, 200)}).`,
        advice: "Build the layer again; where it ran out of memory, lower cacheBytes and maxBatchTokens."
      })
    })
  }
  if (/alloc|memory/i.test(said)) {
    return new BackendError.BackendError({
      backend,
      reason: new BackendError.OutOfMemory({
        problem: "ONNX Runtime could not get the memory for a step.",
        advice: "Draw fewer candidates at once, or lower cacheBytes and maxBatchTokens."
      })
    })
  }
  return invalid(
    `ONNX Runtime could not run the model: ${said.slice(0, 300)}.`,
    "Check that the export is a decoder with past key values."
  )
}

/** Why a model could not be loaded. */
export const fromLoad = (cause: unknown): BackendError.BackendError => {
  if (cause instanceof BackendError.BackendError) return cause
  if (!(cause instanceof ProblemError))
    return invalid(`The model could not be loaded: ${String(cause).slice(0, 300)}.`, "Fetch or export it again.")
  const { advice, capability, problem } = cause.problem
  return capability === undefined ? invalid(problem, advice) : unsupported(capability, problem, advice)
}
