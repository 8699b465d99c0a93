/**
 * Reads prompts of real users from files: JSON Lines (also gzipped) or Parquet, however large.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { createReadStream } from "node:fs"
import { open } from "node:fs/promises"
import { createInterface } from "node:readline"
import { pipeline } from "node:stream"
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from "node:zlib"
import {
  asyncBufferFromFile,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema
} from "hyparquet"
import { columns, type Conversation, conversationOf, decode } from "./Conversation.ts"
import { fromNode } from "./internal/errors.ts"
import { type PreferencesError, unreadable } from "./PreferencesError.ts"

interface Row {
  /** What the row is called in errors. */
  readonly place: string
  readonly value: unknown
}

async function* jsonLines(file: string, isPacked: boolean): AsyncGenerator<Row> {
  const bytes = createReadStream(file)
  // A pipeline passes a failure of reading on; readline then throws it.
  const input = isPacked ? pipeline(bytes, createGunzip(), () => {}) : bytes
  let number = 0
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number++
      if (line.trim() !== "") yield { place: `line ${number}`, value: parse(file, number, line) }
    }
  } finally {
    bytes.destroy()
  }
}

/** Node quotes the text that it cannot parse; it must not get into an error. */
const parse = (file: string, number: number, line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    throw unreadable({
      problem: `${file}, line ${number}, is not JSON.`,
      advice: "Prompts are read from JSON Lines (one object a line, gzipped or not) and Parquet."
    })
  }
}

/** What hyparquet leaves to others; Node has them. Snappy it knows itself. */
const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input) => zstdDecompressSync(input)
}

async function* parquet(path: string): AsyncGenerator<Row> {
  const file = await asyncBufferFromFile(path)
  const metadata = await parquetMetadataAsync(file)
  const own = new Set(parquetSchema(metadata).children.map(({ element }) => element.name))
  const read = columns.filter((name) => own.has(name))
  let rowStart = 0
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows)
    const rows = await parquetReadObjects({ file, metadata, columns: read, rowStart, rowEnd, compressors })
    for (const [i, value] of rows.entries()) yield { place: `row ${rowStart + i + 1}`, value }
    rowStart = rowEnd
  }
}

async function* rows(file: string): AsyncGenerator<Row> {
  const handle = await open(file)
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0).finally(() => handle.close())
  if (buffer.toString("latin1") === "PAR1") yield* parquet(file)
  else yield* jsonLines(file, buffer[0] === 0x1f && buffer[1] === 0x8b)
}

const conversation = (file: string, place: string, turns: number, value: unknown) => {
  const row = decode(value)
  const found = Result.isSuccess(row) ? conversationOf(row.success, turns) : undefined
  return found === undefined
    ? unreadable({
        problem: `${file}, ${place}, has no prompt that is found.`,
        advice: "A row has `conversation` or `messages` (role and content each), or `prompt` (a text or messages)."
      })
    : Effect.succeed(found)
}

/**
 * The conversations of a file in its order, read as they are pulled. What kind of file it is, its first bytes say.
 * `turns`: user turns of each at most, 1 by default.
 */
export const read = (file: string, turns: number = 1): Stream.Stream<Conversation, PreferencesError> =>
  Stream.suspend(() => Stream.fromAsyncIterable(rows(file), (cause) => fromNode(file, cause))).pipe(
    Stream.mapEffect(({ place, value }) => conversation(file, place, turns, value))
  )
