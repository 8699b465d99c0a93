import type { BackendError } from "@mulligan/core/BackendError"
import * as E from "../TaskError.ts"

export const inaccessible = (source: string, problem: string, advice: string): E.TaskError =>
  new E.TaskError({ source, reason: new E.Inaccessible({ problem, advice }) })

export const malformed = (source: string, problem: string, advice: string): E.TaskError =>
  new E.TaskError({ source, reason: new E.Malformed({ problem, advice }) })

export const ungraded = (source: string, problem: string, advice: string): E.TaskError =>
  new E.TaskError({ source, reason: new E.Ungraded({ problem, advice }) })

const advices: Readonly<Record<string, string>> = {
  ENOENT: "Check the path.",
  EACCES: "Get the right to it, or choose another path.",
  EISDIR: "Name a file, not a folder.",
  ENOSPC: "Free some space on the disk."
}

/** What the disk said about this path. */
export const fromDisk = (path: string, cause: unknown): E.TaskError => {
  const code = cause instanceof Error && "syscall" in cause && "code" in cause ? String(cause.code) : "unknown"
  const problem = code === "ENOENT" ? "There is no such file." : `It cannot be read or written (${code}).`
  return inaccessible(path, problem, advices[code] ?? "Check the path and the disk.")
}

/** Why a file of the Hub's could not be had. */
export const fromHub = (source: string, { isTransient, reason }: BackendError): E.TaskError => {
  const told = { problem: reason.problem, advice: `${reason.advice} Or give the path of your copy as \`file\`.` }
  return new E.TaskError({ source, reason: isTransient ? new E.Unavailable(told) : new E.Refused(told) })
}
