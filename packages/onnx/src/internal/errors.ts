import * as BackendError from "@mulligan/core/BackendError"

export const backend = "onnx"

/** The same request will never work. */
export const invalid = (problem: string, advice: string): BackendError.BackendError =>
  BackendError.invalid(backend, problem, advice)

/** This backend lacks a capability. */
export const unsupported = (capability: string, problem: string, advice: string): BackendError.BackendError =>
  BackendError.unsupported(backend, capability, problem, advice)

/** What ONNX Runtime threw while it ran: memory that was not there, or a graph that does not fit its inputs. */
export const fromRun = (cause: unknown): BackendError.BackendError => {
  const said = cause instanceof Error ? cause.message : String(cause)
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
