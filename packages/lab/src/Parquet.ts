/**
 * A recording as Parquet, for pandas, DuckDB, Polars and the like.
 */
import * as Effect from "effect/Effect"
import { parquetWriteFile } from "hyparquet-writer"
import { join } from "node:path"
import { attempt } from "./internal/errors.ts"
import { type Column, columnDataOf, type Row, schemaOf } from "./internal/parquet.ts"
import type { Draft, Problem, Recording } from "./Recording.ts"
import type { RecordingError } from "./RecordingError.ts"

/** Where the two tables are. */
export interface Files {
  readonly drafts: string
  readonly readings: string
}

const draftColumns = [
  ["draft", "INT32"],
  ["prompt", "STRING"],
  ["run_seed", "INT64"],
  ["index", "INT32"],
  ["seed", "INT64"],
  ["temperature", "DOUBLE"],
  ["text", "STRING"],
  ["token_count", "INT32"],
  ["token_texts", "STRING[]"],
  ["token_ids", "INT64[]"],
  ["log_probs", "DOUBLE[]"],
  ["confidences", "DOUBLE[]"],
  ["certainties", "DOUBLE[]"],
  ["processed", "BOOLEAN"],
  ["end", "STRING"],
  ["prompt_tokens", "INT32"],
  ["seconds", "DOUBLE"]
] as const satisfies ReadonlyArray<Column>

const readingColumns = [
  ["draft", "INT32"],
  ["question", "STRING"],
  ["labels", "STRING[]"],
  ["after", "INT32"],
  ["lower", "DOUBLE[]"],
  ["upper", "DOUBLE[]"],
  ["over", "STRING"],
  ["read_tokens", "INT32"],
  ["seconds", "DOUBLE"]
] as const satisfies ReadonlyArray<Column>

/** A text as it is, messages as JSON. */
const promptOf = ({ prompt }: Problem): string => (typeof prompt === "string" ? prompt : JSON.stringify(prompt))

const draftRow = (id: number, problem: Problem, { index, promptTokens, seconds, seed, temperature, tokens }: Draft) =>
  ({
    draft: id,
    prompt: promptOf(problem),
    run_seed: problem.seed,
    index,
    seed,
    temperature,
    text: tokens.map((token) => token.text).join(""),
    token_count: tokens.length,
    token_texts: tokens.map((token) => token.text),
    token_ids: tokens.map((token) => token.id),
    log_probs: tokens.map((token) => token.logProb),
    confidences: tokens.map((token) => token.confidence),
    certainties: tokens.map((token) => token.certainty),
    processed: tokens.some((token) => token.processed === true),
    end: tokens.at(-1)?.end,
    prompt_tokens: promptTokens,
    seconds
  }) satisfies Row<typeof draftColumns>

const readingRows = (id: number, { readings }: Draft) =>
  readings.map(
    ({ after, answer, question, readTokens, seconds }) =>
      ({
        draft: id,
        question: question.question,
        labels: question.labels,
        after,
        lower: answer.labels.map(({ lower }) => lower),
        upper: answer.labels.map(({ upper }) => upper),
        over: answer.over,
        read_tokens: readTokens,
        seconds
      }) satisfies Row<typeof readingColumns>
  )

const table = (
  file: string,
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<Row<ReadonlyArray<Column>>>,
  { measures, model, sampling }: Recording
) =>
  attempt(file, async () =>
    parquetWriteFile({
      filename: file,
      schema: schemaOf(columns),
      columnData: columnDataOf(columns, rows),
      kvMetadata: [
        { key: "mulligan.model", value: model },
        { key: "mulligan.sampling", value: JSON.stringify(sampling) },
        { key: "mulligan.measures", value: JSON.stringify(measures) }
      ]
    })
  )

/**
 * Writes `drafts.parquet`, a row for each draft, and `readings.parquet`, a row for each question that was asked of one, into
 * a folder that is there; `draft` joins them. What a backend did not give is null. Files of these names are replaced.
 */
export const write = (recording: Recording, folder: string): Effect.Effect<Files, RecordingError> => {
  const all = recording.problems.flatMap((problem) => problem.drafts.map((draft) => ({ draft, problem })))
  const files = { drafts: join(folder, "drafts.parquet"), readings: join(folder, "readings.parquet") }
  const drafts = all.map(({ draft, problem }, id) => draftRow(id, problem, draft))
  const readings = all.flatMap(({ draft }, id) => readingRows(id, draft))
  return Effect.as(
    Effect.andThen(
      table(files.drafts, draftColumns, drafts, recording),
      table(files.readings, readingColumns, readings, recording)
    ),
    files
  )
}
