import * as Effect from "effect/Effect"
import { inaccessible, PreferencesError, unreadable } from "../PreferencesError.ts"

const advices: Readonly<Record<string, string>> = {
  ENOENT: "Check the path.",
  ENOSPC: "Free some space and run the same job again: it goes on where it stopped.",
  EACCES: "Get the right to it, or choose another path.",
  EISDIR: "Name a file, not a folder.",
  ENOTDIR: "Name a folder."
}

/** A failure of Node or of a reader, without the text that it may quote. */
export const fromNode = (file: string, cause: unknown): PreferencesError => {
  if (cause instanceof PreferencesError) return cause
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined
  if (code?.startsWith("E"))
    return inaccessible({
      problem: `${file} could not be read or written (${code}).`,
      advice: advices[code] ?? "Check the path and the disk."
    })
  const said = code ?? (cause instanceof Error ? cause.message.slice(0, 200) : "no reason given")
  return unreadable({ problem: `${file} is not what its name says (${said}).`, advice: "Fetch or export it again." })
}

export const attempt = <A>(file: string, evaluate: () => Promise<A>): Effect.Effect<A, PreferencesError> =>
  Effect.tryPromise({ try: evaluate, catch: (cause) => fromNode(file, cause) })
