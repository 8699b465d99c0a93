import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { FileHandle } from "node:fs/promises"
import { LineJson } from "../Line.ts"
import type { Builder } from "./Builder.ts"
import { unreadable } from "./errors.ts"
import { type Member, read } from "./members.ts"

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(LineJson))

/** Adds every line of the file; gives where its whole members end. Throws a `RecordingError` for what is no recording. */
export const load = async (file: string, handle: FileHandle, to: Builder): Promise<number> => {
  let lines = 0
  const refuse = (what: string) => unreadable(file, `Line ${lines} ${what}`)
  const add = (text: string) => {
    lines++
    const line = decode(text)
    if (Result.isFailure(line)) throw refuse(`is not of a recording: ${line.failure.message.replaceAll("\n", " ")}.`)
    const problem = to.add(line.success)
    if (problem !== undefined) throw refuse(problem)
  }
  let end = 0
  for await (const member of whole(file, handle)) {
    for (const text of member.text.split("\n")) if (text !== "") add(text)
    end = member.end
  }
  return end
}

async function* whole(file: string, handle: FileHandle): AsyncGenerator<Member> {
  try {
    yield* read(handle)
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw unreadable(file, `It is no recording, or has changed since it was written (${said}).`)
  }
}
