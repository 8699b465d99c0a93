import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { parquetWriteBuffer } from "hyparquet-writer"
import { chmodSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib"
import * as Problems from "@mulligan/lab/tasks/Problems"
import { folder, lines, refuses, written } from "./files.ts"

const rows = [
  { id: "a", prompt: "Zürich\nis", answer: "1" },
  { id: "b", prompt: "2 — two", answer: "2" }
]
const expected = rows.map(({ answer, id, prompt }) => ({ id, prompt, reference: answer }))

const columns = (["id", "prompt", "answer"] as const).map((name) => ({
  name,
  data: rows.map((row) => row[name]),
  type: "STRING" as const
}))
const parquet = (codec: "SNAPPY" | "GZIP" | "ZSTD" | "BROTLI" | "UNCOMPRESSED" | "LZ4_RAW") =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: columns,
      codec,
      compressors: {
        GZIP: (bytes) => gzipSync(bytes),
        ZSTD: (bytes) => zstdCompressSync(bytes),
        BROTLI: (bytes) => brotliCompressSync(bytes),
        LZ4_RAW: (bytes) => bytes
      }
    })
  )

describe("the same rows", () => {
  it.effect.each([
    ["JSON Lines", lines(rows)],
    ["JSON Lines with Windows's line ends and a blank line", lines(rows).replaceAll("\n", "\r\n\r\n")],
    ["JSON Lines without a last line end", lines(rows).trimEnd()],
    ["JSON Lines behind a byte order mark", `\ufeff${lines(rows)}`],
    ["a JSON array", JSON.stringify(rows)],
    ["an indented JSON array", `\n ${JSON.stringify(rows, null, 2)}`],
    ["gzipped JSON Lines", gzipSync(lines(rows))],
    ["a gzipped JSON array", gzipSync(JSON.stringify(rows))],
    ["Parquet as it stands", parquet("UNCOMPRESSED")],
    ["Parquet, snappy", parquet("SNAPPY")],
    ["Parquet, gzip", parquet("GZIP")],
    ["Parquet, zstd", parquet("ZSTD")],
    ["Parquet, brotli", parquet("BROTLI")]
  ] as const)("of %s, whatever the name of the file", ([, content]) =>
    Effect.gen(function* () {
      const { problems } = yield* Problems.load({ file: yield* written("rows.txt", content) })
      assert.deepStrictEqual(problems, expected)
    })
  )
})

describe("a file that cannot be taken is refused in a sentence", () => {
  it.effect.each([
    ["empty", "", ["There is no row in it."]],
    ["empty array", "[]", ["There is no row in it."]],
    ["CSV", "id,prompt\n1,hello", ["Line 1 is no JSON.", "Give JSON Lines, a JSON array"]],
    ["a broken line", `${lines(rows)}{"id": "c", `, ["Line 3 is no JSON."]],
    ["a broken line behind blank ones", `\n\n${lines(rows)}{`, ["Line 5 is no JSON."]],
    ["no objects", "[1]", ["Row 1 is no object."]],
    ["no objects in lines", '{"prompt": "a", "answer": "b"}\n"c"', ["Line 2 is no object."]],
    ["a broken array", '[{"prompt": ', ["It is no JSON."]],
    ["Latin-1", Buffer.from('{"prompt": "Z\u00fcrich"}', "latin1"), ["It is no text in UTF-8."]],
    ["cut gzip", gzipSync(lines(rows)).subarray(0, 40), ["It cannot be unpacked", "Get it anew."]],
    ["cut Parquet", parquet("SNAPPY").subarray(0, 90), ["It is damaged Parquet"]],
    ["Parquet of another codec", parquet("LZ4_RAW"), ["It is Parquet compressed by LZ4_RAW.", "snappy, gzip, zstd"]]
  ] as const)("%s", ([, content, said]) =>
    Effect.gen(function* () {
      const file = yield* written("rows", content)
      yield* refuses(Problems.load({ file }), "Malformed", `${file}: `, ...said)
    })
  )

  it.effect("what is in the file is in no error", () =>
    Effect.gen(function* () {
      const file = yield* written("rows", '{"prompt": "secret" "answer": "secret"}')
      assert.notInclude((yield* Effect.flip(Problems.load({ file }))).message, "secret")
      const other = yield* written("rows", '{"prompt": ["secret"], "answer": "secret"}')
      assert.notInclude((yield* Effect.flip(Problems.load({ file: other }))).message, "secret")
    })
  )

  it.effect("missing, a folder, no right to it", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const missing = join(path, "none.jsonl")
      yield* refuses(
        Problems.load({ file: missing }),
        "Inaccessible",
        `${missing}: There is no such file. Check the path.`
      )
      mkdirSync(join(path, "folder"))
      yield* refuses(
        Problems.load({ file: join(path, "folder") }),
        "Inaccessible",
        "EISDIR",
        "Name a file, not a folder."
      )
      const locked = yield* written("locked", lines(rows))
      chmodSync(locked, 0o000)
      if (process.getuid?.() !== 0) yield* refuses(Problems.load({ file: locked }), "Inaccessible", "EACCES")
    })
  )
})
