/**
 * What ONNX Runtime says by its C API, as a `BackendError`.
 */
import type * as BackendError from "@mulligan/core/BackendError"
import { fromRun, invalid } from "../internal/errors.ts"
import { OrtError } from "./Library.ts"

/** A shape that does not fit is said with "allocated" and "memory" too. */
const isMemory = (said: string): boolean => /bad_?alloc|failed to allocate|out of memory/i.test(said)

/** Not enough memory, whoever said so. */
export const outOfMemory = (said: string): BackendError.BackendError => fromRun(new Error(`memory: ${said}`))

const from =
  (did: string, advice: string) =>
  (cause: unknown): unknown => {
    if (!(cause instanceof OrtError)) return cause
    if (isMemory(cause.message)) return outOfMemory(cause.message)
    return invalid(`ONNX Runtime could not ${did}: ${cause.message.slice(0, 300)}.`, advice)
  }

export const ofRun = from("run the graph", "Check types and sizes of what is bound to it.")
export const ofLoad = from("load the graph", "Fetch or export it again, for ONNX Runtime 1.30 or an older one.")
export const ofAllocation = from("make a tensor", "Ask for less, or for another type.")

/** What it gives; a failure of ONNX Runtime's is thrown as one of ours. */
export const rethrown = <A>(as: (cause: unknown) => unknown, run: () => A): A => {
  try {
    return run()
  } catch (cause) {
    throw as(cause)
  }
}
