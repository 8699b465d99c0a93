import * as Effect from "effect/Effect"
import * as E from "../RecordingError.ts"

const make = (file: string, reason: E.Reason) => new E.RecordingError({ file, reason })

export const unreadable = (file: string, problem: string): E.RecordingError =>
  make(file, new E.Unreadable({ problem, advice: "Take a copy of the file from before, or record into another file." }))

export const otherRecording = (file: string, problem: string): E.RecordingError =>
  make(file, new E.OtherRecording({ problem, advice: "Record as it was recorded, or into another file." }))

export const shared = (file: string): E.RecordingError =>
  make(
    file,
    new E.Shared({
      problem: "Somebody else wrote to it meanwhile.",
      advice: "End the other recording, or record into another file; what both have written so far is kept."
    })
  )

const advices: Readonly<Record<string, string>> = {
  ENOENT: "Check the path, and record first.",
  ENOSPC: "Free some space and record again: it goes on where it stopped.",
  EACCES: "Get the right to it, or choose another path.",
  EISDIR: "Name a file, not a folder."
}

const fromNode = (file: string, cause: unknown): E.RecordingError => {
  if (cause instanceof E.RecordingError) return cause
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause).slice(0, 100)
  const problem = `The file could not be read or written (${code}).`
  return make(file, new E.Inaccessible({ problem, advice: advices[code] ?? "Check the path and the disk." }))
}

/** Runs what Node does to the file; its failures are told in our words. */
export const attempt = <A>(file: string, evaluate: () => Promise<A>): Effect.Effect<A, E.RecordingError> =>
  Effect.tryPromise({ try: evaluate, catch: (cause) => fromNode(file, cause) })
