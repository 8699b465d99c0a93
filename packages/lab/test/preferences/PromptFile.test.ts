import { assert, describe, it } from "@effect/vitest"
import * as Filter from "@mulligan/lab/preferences/Filter"
import * as PromptFile from "@mulligan/lab/preferences/PromptFile"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { fixture, jsonLines, temporaryFolder } from "./harness.ts"

const all = (file: string, turns?: number) => Stream.runCollect(PromptFile.read(file, turns))
const prompts = (file: string, turns?: number) =>
  Effect.map(all(file, turns), (rows) => rows.map(({ prompt }) => prompt.map(({ content }) => content)))
const problem = (file: string) => Effect.map(Effect.flip(all(file)), ({ reason }) => reason)

describe("PromptFile", () => {
  it.effect("reads LMSYS-Chat-1M's Parquet, whatever its row groups", () =>
    Effect.gen(function* () {
      const rows = yield* all(fixture("lmsys.parquet"))
      const dataset = "lmsys/lmsys-chat-1m"
      const plain = { language: "English", redacted: false, flagged: false, dataset }
      assert.deepStrictEqual(rows, [
        { ...plain, prompt: [{ role: "user", content: "Why is the sky blue?" }] },
        { ...plain, prompt: [{ role: "user", content: "Warum ist der Himmel blau?" }], language: "German" },
        { ...plain, prompt: [{ role: "user", content: "Write to NAME_1." }], redacted: true },
        { ...plain, prompt: [{ role: "user", content: "Something vile" }], flagged: true },
        // An answer that was flagged is no part of the prompt.
        { ...plain, prompt: [{ role: "user", content: "Something harmless" }] }
      ])
    })
  )

  it.effect("reads WildChat's Parquet, compressed by zstd, flags by message", () =>
    Effect.gen(function* () {
      const plain = { language: "English", redacted: false, flagged: false, dataset: "allenai/WildChat-1M" }
      const first = yield* all(fixture("wildchat.parquet"))
      assert.deepStrictEqual(first, [
        { ...plain, prompt: [{ role: "user", content: "Name three rivers." }] },
        { ...plain, prompt: [{ role: "user", content: "Fine" }] },
        { ...plain, prompt: [{ role: "user", content: "Nommez trois fleuves." }], language: "French" }
      ])
      const second = (yield* all(fixture("wildchat.parquet"), 2))[1]
      assert.deepStrictEqual([second?.flagged, second?.redacted], [true, true])
    })
  )

  it.effect.each(["gzip", "brotli"])("reads Parquet compressed by %s", (codec) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* prompts(fixture(`${codec}.parquet`)), [["Why is the sky blue?"]])
    })
  )

  it.effect("takes the first user turns, with what was said between them, and ends on a user turn", () =>
    Effect.gen(function* () {
      const sky = (turns: number) => Effect.map(prompts(fixture("lmsys.parquet"), turns), ([first]) => first)
      assert.deepStrictEqual(yield* sky(1), ["Why is the sky blue?"])
      const both = ["Why is the sky blue?", "Rayleigh.", "And sunsets?"]
      assert.deepStrictEqual([yield* sky(2), yield* sky(9)], [both, both])
    })
  )

  it.effect("reads JSON Lines, gzipped or not, with a prompt, messages, or a conversation", () =>
    Effect.gen(function* () {
      const system = { role: "system", content: "Be brief." } as const
      const user = { role: "user", content: "Hello" } as const
      const rows = [
        { prompt: "Hello", answer: { deep: [1] } },
        { prompt: [system, user] },
        { messages: [system, user, { role: "assistant", content: "Hi" }], language: null },
        { conversation: [user], redacted: true, toxic: true },
        { messages: [{ role: "tool", content: "42" }, user] },
        { messages: [{ role: "assistant", content: "Hi" }] }
      ]
      const file = yield* jsonLines(rows)
      const read = yield* all(file)
      assert.deepStrictEqual(
        read.map(({ prompt }) => prompt),
        [[user], [system, user], [system, user], [user], [], []]
      )
      assert.deepStrictEqual([read[3]?.redacted, read[3]?.flagged], [true, true])
      assert.deepStrictEqual(read.map((row) => Filter.reason(row)).slice(4), ["no prompt", "no prompt"])

      const packed = join(yield* temporaryFolder, "prompts")
      writeFileSync(packed, gzipSync(rows.map((row) => JSON.stringify(row)).join("\r\n\n")))
      assert.deepStrictEqual(yield* all(packed), read)
    })
  )

  it.effect("reads no further than is pulled", () =>
    Effect.gen(function* () {
      const file = yield* jsonLines([{ prompt: "one" }])
      writeFileSync(file, "no JSON\n".repeat(10), { flag: "a" })
      assert.strictEqual((yield* Stream.runCollect(Stream.take(PromptFile.read(file), 1))).length, 1)
    })
  )

  it.effect("says of what it cannot read where that is, and quotes none of it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = join(folder, "prompts.jsonl")
      writeFileSync(file, '{"prompt":"fine"}\n{"prompt": secret\n')
      const broken = yield* problem(file)
      assert.deepInclude(broken, { _tag: "Unreadable", problem: `${file}, line 2, is not JSON.` })
      writeFileSync(file, '{"text":"secret"}\n')
      const formless = yield* problem(file)
      assert.strictEqual(formless._tag, "Unreadable")
      assert.include(formless.problem, `${file}, line 1, has no prompt`)
      assert.include(formless.advice, "`messages`")
      for (const { advice, problem } of [broken, formless]) assert.notInclude(problem + advice, "secret")

      const missing = yield* problem(join(folder, "missing.jsonl"))
      assert.deepInclude(missing, { _tag: "Inaccessible", advice: "Check the path." })
      assert.include((yield* problem(folder)).problem, "EISDIR")
    })
  )

  it.effect("says that a file is damaged", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const packed = join(folder, "prompts.jsonl.gz")
      const bytes = gzipSync(JSON.stringify({ prompt: "x".repeat(1000) }))
      writeFileSync(packed, bytes)
      truncateSync(packed, bytes.length - 4)
      const parquet = join(folder, "prompts.parquet")
      writeFileSync(parquet, "PAR1 and no more")
      for (const file of [packed, parquet]) {
        const { _tag, problem: said } = yield* problem(file)
        assert.strictEqual(_tag, "Unreadable")
        assert.include(said, `${file} is not what its name says`)
      }
    })
  )
})
