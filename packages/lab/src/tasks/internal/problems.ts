import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Problem } from "../Task.ts"
import type { TaskError } from "../TaskError.ts"
import { malformed } from "./errors.ts"
import type { Row } from "./rows.ts"

/** How a benchmark writes a problem into a row. */
export interface Format<Fields> {
  /** What a row has, in a sentence that begins with "Each row". */
  readonly expected: string
  readonly fields: Schema.ConstraintDecoder<Fields>
  /** The problem, or what keeps the row from being one, in words that follow on the row's number. */
  readonly problem: (fields: Fields, row: Row) => Problem | string
}

/** The problems of all rows; fails with `Malformed`, naming the first row that is none, or if there is none at all. */
export const problemsOf = <Fields>(
  source: string,
  { expected, fields, problem }: Format<Fields>,
  rows: ReadonlyArray<Row>
): Effect.Effect<ReadonlyArray<Problem>, TaskError> => {
  const decode = Schema.decodeUnknownResult(fields)
  const ids = new Map<string, string>()
  const one = (row: Row): Effect.Effect<Problem, TaskError> => {
    const refuse = (what: string) => malformed(source, `${row.at} ${what}`, expected)
    const decoded = decode(row.fields)
    if (Result.isFailure(decoded))
      return refuse(`does not fit: ${decoded.failure.message.replaceAll(/\s*\n\s*/g, " ")}.`)
    const made = problem(decoded.success, row)
    if (typeof made === "string") return refuse(made)
    const before = ids.get(made.id)
    if (before !== undefined) return refuse(`has the same id as ${before.toLowerCase()}.`)
    ids.set(made.id, row.at)
    return Effect.succeed(made)
  }
  return rows.length === 0 ? malformed(source, "There is no row in it.", expected) : Effect.forEach(rows, one)
}
