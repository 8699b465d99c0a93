import { assert, describe, it } from "@effect/vitest"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Preferences from "@mulligan/lab/preferences/Preferences"
import * as Reward from "@mulligan/lab/preferences/Reward"
import type { Row } from "@mulligan/lab/preferences/Row"
import * as SoftTarget from "@mulligan/lab/preferences/SoftTarget"
import * as Question from "@mulligan/self-evaluator/Question"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { readFileSync } from "node:fs"
import { fixture, jsonLines, temporaryFolder } from "./harness.ts"
import { options as plain, script, sumOfDigits, writePrompts } from "./job.ts"
import { assertSame, askedOf, draftOf, type Options, rowsOf, run, small } from "./small.ts"

describe("Preferences", () => {
  it.live("writes a question about each draft, whole and cut, with what it wins or ties against", () =>
    Effect.gen(function* () {
      const { file, prompts, rows } = yield* small({ truncations: 2 })
      const all = rowsOf(file)
      assert.strictEqual(all.length, rows)
      assert.strictEqual(prompts, 12)
      const first = all.filter((row) => askedOf(row) === askedOf(all[0]!))
      for (const row of first) {
        assert.deepStrictEqual(
          row.messages.map(({ role }) => role),
          ["user", "assistant", "user"]
        )
        assert.strictEqual(row.messages[2]?.content, Question.paper)
        assert.deepInclude(row, { weight: 1, source: "ours" })
      }
      const wholes = first.filter(({ truncated }) => !truncated)
      assert.strictEqual(wholes.length, 5)
      const sums = wholes.map((row) => [...draftOf(row)].reduce((sum, digit) => sum + Number(digit), 0))
      assert.deepStrictEqual(
        wholes.map(({ target }) => target),
        [...SoftTarget.winOrTie(sums, 2)]
      )
      // Each whole draft is followed by its cuts, which are proper beginnings of it and keep its target.
      let whole = first[0]!
      for (const row of first) {
        if (!row.truncated) whole = row
        assert.isTrue(draftOf(whole).startsWith(draftOf(row)))
        assert.strictEqual(row.truncated, draftOf(row).length < draftOf(whole).length)
        assert.strictEqual(row.tokens, draftOf(row).length)
        assert.strictEqual(row.target, whole.target)
      }
      assert.strictEqual(
        first.length,
        wholes.reduce((sum, row) => sum + 1 + Math.min(2, draftOf(row).length - 1), 0)
      )
    })
  )

  it.live("writes the same bytes whatever runs at once, and in whatever order it ends", () =>
    Effect.gen(function* () {
      const one = yield* small({ concurrency: 1 })
      const many = yield* small({ concurrency: 12 }, { ...script(), delay: ({ seed }) => seed % 5 })
      assertSame(many.file, one.file)
      assert.strictEqual(readFileSync(many.file, "utf8"), readFileSync(one.file, "utf8"))
    })
  )

  it.live("draws nothing again that is stored, and takes more drafts, another reward and other rows from there", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const options = { ...plain(folder, writePrompts(folder)) }
      const calls: Array<string> = []
      const judged: Array<string> = []
      const reward = sumOfDigits((line) => judged.push(line))
      const counting = (more: Partial<Options>) =>
        Effect.map(
          run(
            { ...options, reward, ...more },
            script((line) => line.endsWith(" 0") && calls.push(line))
          ),
          (summary) => [calls.splice(0).length, summary] as const
        )
      const [drawn, first] = yield* counting({})
      const bytes = readFileSync(first.file, "utf8")
      assert.deepStrictEqual([drawn, judged.splice(0).length], [60, 60])
      const [again, same] = yield* counting({})
      assert.deepStrictEqual([again, readFileSync(same.file, "utf8")], [0, bytes])
      assert.deepStrictEqual(same.usage, first.usage)
      const [wider] = yield* counting({ margin: 100, truncations: 0 })
      const ties = rowsOf(same.file)
      assert.deepStrictEqual([wider, ties.length], [0, 60])
      assert.isTrue(ties.every(({ target }) => target === 1))
      assert.deepStrictEqual(judged, [])
      const [more] = yield* counting({ drafts: 7 })
      assert.deepStrictEqual([more, judged.length], [24, 24])
      const [other] = yield* counting({ reward: Reward.verifier("length", (_, text) => text.length) })
      assert.strictEqual(other, 0)
      const [back] = yield* counting({})
      assert.deepStrictEqual([back, readFileSync(first.file, "utf8")], [0, bytes])
    })
  )

  it.live("counts what it leaves out by reason, keeps the first of duplicates, and stops at the wanted number", () =>
    Effect.gen(function* () {
      const sky = "Why is the sky blue at noon and red at dusk, and why is it dark at night?"
      const file = yield* jsonLines([
        { prompt: sky },
        { prompt: sky.toUpperCase() },
        { prompt: `${sky} Tell.` },
        { prompt: "Write to a.b@example.org" },
        { prompt: "Hello, NAME_1", redacted: true },
        { prompt: "" },
        { prompt: "And the sea?" },
        { prompt: "Never read" }
      ])
      const folder = yield* temporaryFolder
      const { reading } = yield* run({ ...plain(folder, file), sources: [{ file }], prompts: 2 })
      assert.deepStrictEqual(reading, {
        read: 7,
        taken: { "prompts.jsonl": 2 },
        left: {
          duplicate: 1,
          "near duplicate": 1,
          "personal data: e-mail": 1,
          "redacted by its source": 1,
          "no prompt": 1
        }
      })
    })
  )

  it.live("tells each source's licence, in the log and in the card, and asks for one it does not know", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = yield* jsonLines([{ prompt: "Hello" }])
      const sources = [{ file: fixture("lmsys.parquet") }, { file: fixture("wildchat.parquet") }, { file }]
      const logged: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
      const summary = yield* Preferences.run({ ...plain(folder, file), sources }).pipe(
        Effect.provide([ScriptedBackend.layer(script()), logger])
      )
      assert.deepStrictEqual(summary.reading.taken, {
        "lmsys/lmsys-chat-1m": 3,
        "allenai/WildChat-1M": 3,
        "prompts.jsonl": 1
      })
      const card = readFileSync(summary.card, "utf8")
      assert.strictEqual(logged.length, 3)
      for (const line of logged) assert.include(card, `- ${line}`)
      for (const part of [
        "LMSYS-Chat-1M Dataset License Agreement",
        "ODC-BY",
        "prompts.jsonl: its licence is not known. State it by `licence`",
        "| flagged by a moderation | 1 |",
        "| model | scripted |",
        "| seed | 3 |",
        "| drawnTokens | " + summary.usage.drawnTokens,
        "sum of digits",
        "data_files: preferences.jsonl"
      ])
        assert.include(card, part)
      assert.match(card, /\d{4}-\d\d-\d\dT/)
      // Neither prompts nor drafts are quoted.
      assert.notInclude(card, "sky")
    })
  )

  it.live("leaves drafts with personal data out, which still count as siblings", () =>
    Effect.gen(function* () {
      const leaky = ({ seed }: { readonly seed: number }) => seed % 3 === 0
      const by: ScriptedBackend.Script = {
        length: () => 2,
        text: (request, position) => (position === 1 ? "" : leaky(request) ? "me@example.org" : "1")
      }
      const digit = Reward.verifier("digit", (_, text) => (text === "1" ? 0 : 1))
      const { file, left, rows } = yield* small({ reward: digit, margin: 0, drafts: 6 }, by)
      const all = rowsOf(file)
      assert.isTrue(all.every((row) => draftOf(row) === "1"))
      const found = left["drafts: personal data: e-mail"]!
      assert.isAbove(found, 0)
      assert.strictEqual(rows + found, 72)
      assert.isTrue(all.some(({ target }) => target < 1))
    })
  )

  it.live("is cut by `maxTokens`: such a draft has not ended, and says so", () =>
    Effect.gen(function* () {
      const { file } = yield* small({ maxTokens: 4, truncations: 0 })
      const all = rowsOf(file)
      assert.isTrue(all.some(({ truncated }) => truncated) && all.some(({ truncated }) => !truncated))
      for (const row of all) assert.isTrue(row.tokens <= 4 && row.truncated === (row.tokens === 4))
    })
  )

  it.live("balances as asked", () =>
    Effect.gen(function* () {
      const balance = { targets: [1, 1], truncated: 0.25 }
      const weighed = rowsOf((yield* small({ balance })).file)
      const kept = rowsOf((yield* small({ balance: { ...balance, by: "drop" } })).file)
      const weight = (rows: ReadonlyArray<Row>) => rows.reduce((sum, row) => sum + row.weight, 0)
      for (const rows of [weighed, kept]) {
        assert.closeTo(weight(rows.filter(({ target }) => target < 0.5)) / weight(rows), 0.5, 0.05)
        assert.closeTo(weight(rows.filter(({ truncated }) => truncated)) / weight(rows), 0.25, 0.05)
      }
      assert.isBelow(kept.length, weighed.length)
      const again = rowsOf((yield* small({ balance: { ...balance, by: "drop" } })).file)
      assert.deepStrictEqual(again, kept)
    })
  )

  it.live("sums up what all drafts cost, and tells how far it is", () =>
    Effect.gen(function* () {
      const told: Array<Preferences.Progress> = []
      let drawn = 0
      const { usage } = yield* small(
        { onProgress: (now) => told.push(now) },
        script(() => drawn++)
      )
      assert.deepInclude(usage, { samples: 60, calls: 60, drawnTokens: drawn, keptTokens: drawn, cancelledTokens: 0 })
      assert.strictEqual(usage.promptTokens, 60 * ScriptedBackend.PROMPT_TOKENS)
      assert.deepStrictEqual(
        told.slice(0, 12).map(({ read }) => read),
        Array.from({ length: 12 }, (_, i) => i + 1)
      )
      assert.deepStrictEqual(
        told.slice(12),
        Array.from({ length: 12 }, (_, i) => ({ read: 0, prompts: i + 1, ofPrompts: 12 }))
      )
    })
  )
})
