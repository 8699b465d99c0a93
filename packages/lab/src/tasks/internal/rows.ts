/**
 * Reads the rows of a file. What kind of file it is, its first bytes say, not its name.
 */
import * as Effect from "effect/Effect"
import { type Compressors, parquetReadObjects } from "hyparquet"
import { readFile } from "node:fs/promises"
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib"
import type { TaskError } from "../TaskError.ts"
import { fromDisk, malformed } from "./errors.ts"

export interface Row {
  /** "Line 7" or "Row 7", from 1. */
  readonly at: string
  readonly number: number
  /** Nulls are left out. */
  readonly fields: Readonly<Record<string, unknown>>
}

type Done<A> = Effect.Effect<A, TaskError>

const FORMATS = "Give JSON Lines, a JSON array of objects (gzipped or not), or Parquet."

/** What hyparquet leaves to others; Node has them. Snappy it knows itself. */
const compressors: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes),
  ZSTD: (bytes) => zstdDecompressSync(bytes),
  BROTLI: (bytes) => brotliDecompressSync(bytes)
}

const attempt = <A>(evaluate: () => A, error: () => TaskError): Done<A> => Effect.try({ try: evaluate, catch: error })

const isGzip = (bytes: Buffer) => bytes[0] === 0x1f && bytes[1] === 0x8b
const isParquet = (bytes: Buffer) => bytes.subarray(0, 4).toString("latin1") === "PAR1"

const bytesOf = (file: string): Done<Buffer> =>
  Effect.gen(function* () {
    const bytes = yield* Effect.tryPromise({
      try: (signal) => readFile(file, { signal }),
      catch: (cause) => fromDisk(file, cause)
    })
    if (!isGzip(bytes)) return bytes
    return yield* attempt(
      () => gunzipSync(bytes),
      () => malformed(file, "It cannot be unpacked: it is cut off or damaged.", "Get it anew.")
    )
  })

const textOf = (file: string, bytes: Buffer): Done<string> =>
  attempt(
    () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    () => malformed(file, "It is no text in UTF-8.", FORMATS)
  )

const jsonOf = (file: string, at: string, text: string): Done<unknown> =>
  attempt(
    (): unknown => JSON.parse(text),
    () => malformed(file, `${at} is no JSON.`, FORMATS)
  )

const rowOf = (file: string, at: string, number: number, value: unknown): Done<Row> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Effect.succeed({
        at,
        number,
        fields: Object.fromEntries(Object.entries(value).filter(([, field]) => field != null))
      })
    : malformed(file, `${at} is no object.`, FORMATS)

const fromArray = (file: string, values: ReadonlyArray<unknown>): Done<ReadonlyArray<Row>> =>
  Effect.forEach(values, (value, i) => rowOf(file, `Row ${i + 1}`, i + 1, value))

const fromLines = (file: string, text: string): Done<ReadonlyArray<Row>> => {
  const lines = text.split("\n").map((line, i) => ({ at: `Line ${i + 1}`, number: i + 1, line }))
  return Effect.forEach(
    lines.filter(({ line }) => line.trim() !== ""),
    ({ at, line, number }) => Effect.flatMap(jsonOf(file, at, line), (value) => rowOf(file, at, number, value))
  )
}

const fromParquet = (file: string, bytes: Buffer): Done<ReadonlyArray<Row>> =>
  Effect.flatMap(
    Effect.tryPromise({
      try: () => parquetReadObjects({ file: new Uint8Array(bytes).buffer, compressors }),
      catch: (cause) => {
        const codec = cause instanceof Error && /unsupported compression codec: (\w+)/.exec(cause.message)?.[1]
        return codec
          ? malformed(file, `It is Parquet compressed by ${codec}.`, "Write it anew with snappy, gzip, zstd or brotli.")
          : malformed(
              file,
              "It is damaged Parquet, or of a kind that is not known here.",
              "Get it anew, or as JSON Lines."
            )
      }
    }),
    (values) => fromArray(file, values)
  )

/** The one JSON value of a file. Fails with `Inaccessible` or `Malformed`. */
export const readJson = (file: string): Done<unknown> =>
  Effect.gen(function* () {
    return yield* jsonOf(file, "It", yield* textOf(file, yield* bytesOf(file)))
  })

/** The rows of a JSON array, JSON Lines or Parquet. Fails with `Inaccessible` or `Malformed`. */
export const readRows = (file: string): Done<ReadonlyArray<Row>> =>
  Effect.gen(function* () {
    const bytes = yield* bytesOf(file)
    if (isParquet(bytes)) return yield* fromParquet(file, bytes)
    const text = yield* textOf(file, bytes)
    if (!text.trimStart().startsWith("[")) return yield* fromLines(file, text)
    const value = yield* jsonOf(file, "It", text)
    return yield* fromArray(file, Array.isArray(value) ? value : [value])
  })
