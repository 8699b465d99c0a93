/**
 * Your own problems, from a file.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { basename } from "node:path"
import { Message } from "@mulligan/core/Prompt"
import { type Format, problemsOf } from "./internal/problems.ts"
import { readRows } from "./internal/rows.ts"
import type { Task } from "./Task.ts"
import type { TaskError } from "./TaskError.ts"

export interface Options {
  /** JSON Lines, a JSON array (either may be gzipped) or Parquet, of `{ id?, prompt | messages, answer? }`. */
  readonly file: string
  /** Default: the file's name, without what follows on a dot. */
  readonly name?: string | undefined
  /** Reads the answer off a draft. Default: the whole text, spaces around it left out; nothing of an empty one. */
  readonly answerOf?: Task["answerOf"] | undefined
  /** Default: 1 where the draft's answer is the row's, letter for letter, else 0; every row must have one then. */
  readonly grade?: Task["grade"] | undefined
}

const Fields = Schema.Struct({
  id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite, Schema.BigInt])),
  prompt: Schema.optionalKey(Schema.String),
  messages: Schema.optionalKey(Schema.NonEmptyArray(Message)),
  answer: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite, Schema.BigInt]))
})

const format = (isCompared: boolean): Format<typeof Fields.Type> => ({
  expected:
    'Each row has "prompt", a text that the model continues as it stands, or "messages", a chat of { role, content }; and "answer", unless you give `grade`. "id" may be left out.',
  fields: Fields,
  problem: ({ answer, id, messages, prompt }, { number }) => {
    const asked = prompt ?? messages
    if (asked === undefined) return 'has neither "prompt" nor "messages".'
    if (prompt !== undefined && messages !== undefined) return 'has both "prompt" and "messages".'
    if (answer === undefined && isCompared) return 'has no "answer" to compare with.'
    const reference = answer === undefined ? {} : { reference: String(answer).trim() }
    return { id: String(id ?? number), prompt: asked, ...reference }
  }
})

const whole = (text: string) => text.trim() || undefined

/**
 * A task of your own. Ids are the rows' numbers, from 1, where a row has none. A text in `prompt` gets no chat template; for
 * a chat model write `messages`. Fails with `Inaccessible` or `Malformed`, saying which row and what was expected.
 */
export const load = (options: Options): Effect.Effect<Task, TaskError> => {
  const { answerOf = whole, file, grade, name = basename(file).replace(/\..*$/, "") } = options
  return readRows(file).pipe(
    Effect.flatMap((rows) => problemsOf(file, format(grade === undefined), rows)),
    Effect.map((problems) => ({
      name,
      problems,
      answerOf,
      grade: grade ?? (({ reference }, text) => Number(reference !== undefined && answerOf(text) === reference))
    }))
  )
}
