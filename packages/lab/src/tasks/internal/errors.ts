import * as E from "../TaskError.ts"

export const inaccessible = (source: string, problem: string, advice: string): E.TaskError =>
  new E.TaskError({ source, reason: new E.Inaccessible({ problem, advice }) })

export const malformed = (source: string, problem: string, advice: string): E.TaskError =>
  new E.TaskError({ source, reason: new E.Malformed({ problem, advice }) })

export const unavailable = (source: string, problem: string, advice: string): E.TaskError =>
  new E.TaskError({ source, reason: new E.Unavailable({ problem, advice }) })

export const refused = (source: string, problem: string, advice: string): E.TaskError =>
  new E.TaskError({ source, reason: new E.Refused({ problem, advice }) })

export const ungraded = (source: string, problem: string, advice: string): E.TaskError =>
  new E.TaskError({ source, reason: new E.Ungraded({ problem, advice }) })

const advices: Readonly<Record<string, string>> = {
  ENOENT: "Check the path.",
  EACCES: "Get the right to it, or choose another path.",
  EISDIR: "Name a file, not a folder.",
  ENOSPC: "Free some space on the disk."
}

/** Node's word for what the disk said, such as ENOENT; undefined where it was not the disk. */
export const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && "syscall" in cause && "code" in cause ? String(cause.code) : undefined

/** What the disk said about this path. */
export const fromDisk = (path: string, cause: unknown): E.TaskError => {
  const code = codeOf(cause) ?? "unknown"
  const problem = code === "ENOENT" ? "There is no such file." : `It cannot be read or written (${code}).`
  return inaccessible(path, problem, advices[code] ?? "Check the path and the disk.")
}
