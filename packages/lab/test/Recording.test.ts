import { assert, describe, it } from "@effect/vitest"
import type * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Record, Recording } from "@mulligan/lab"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { appendFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { onScript, type Plan, record, temporaryFile } from "./harness.ts"

const plan = { prompts: ["one", [{ role: "user", content: "two" } as const]], count: 2, flushEvery: 1 }

/** Time passes otherwise. */
const contents = ({ problems }: Recording.Recording) =>
  problems.map(({ drafts, prompt, seed }) => ({
    prompt,
    seed,
    drafts: drafts.map(({ index, readings, seed, temperature, tokens }) => ({
      index,
      seed,
      temperature,
      tokens,
      asked: readings.map(({ after, answer, question }) => ({ after, answer, question }))
    }))
  }))

const refusal = <A, R>(self: Effect.Effect<A, unknown, R>) =>
  Effect.map(Effect.flip(self), (error) => {
    const { file, message, reason } = error as { file: string; message: string; reason: { _tag: string } }
    return `${reason._tag}: ${message.replace(file, "FILE")}`
  })

/** Recorded in two calls, so that there are several members; gives the length of the first part. */
const inTwoParts = (file: string) =>
  Effect.gen(function* () {
    yield* record(file, { ...plan, count: 1 })
    const { size } = statSync(file)
    yield* record(file, plan)
    return size
  })

const textOf = (file: string) => gunzipSync(readFileSync(file)).toString()

describe("a recording's file", () => {
  it.live("is JSON Lines that any gzip reads, each with what it is and its version", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* inTwoParts(file)
      const lines = textOf(file).trimEnd().split("\n")
      for (const line of lines) {
        const { type, value, version } = JSON.parse(line)
        assert.deepStrictEqual([type, version], ["Recording", 1])
        assert.include(["Model", "Prompt", "Question", "Draft", "Tokens", "Reading"], value._tag)
      }
      assert.strictEqual(JSON.parse(lines[0] ?? "").value._tag, "Model")
    })
  )

  it.live("is only ever appended to", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* record(file, { ...plan, count: 1 })
      const before = readFileSync(file)
      yield* record(file, plan)
      assert.isTrue(readFileSync(file).subarray(0, before.length).equals(before))
      assert.isAbove(readFileSync(file).length, before.length)
    })
  )

  it.live("is read, and gone on with, wherever the writing of its last part was broken off", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const size = yield* inTwoParts(file)
      const whole = readFileSync(file)
      const expected = contents(yield* Recording.read(file))
      writeFileSync(file, whole.subarray(0, size))
      const first = contents(yield* Recording.read(file))
      for (let length = size; length < whole.length; length += length < size + 30 ? 1 : 7) {
        writeFileSync(file, whole.subarray(0, length))
        const found = contents(yield* Recording.read(file))
        // Between the members of the second part some of it is whole.
        assert.isTrue(found.length >= first.length && JSON.stringify(found).length >= JSON.stringify(first).length)
        yield* record(file, plan)
        assert.deepStrictEqual(contents(yield* Recording.read(file)), expected)
      }
    })
  )

  it.live("is refused where a byte before its end has changed, and never cut there", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const size = yield* inTwoParts(file)
      const whole = readFileSync(file)
      const expected = contents(yield* Recording.read(file))
      for (let at = 0; at < size; at += at < 40 ? 1 : 11) {
        const changed = Buffer.from(whole)
        changed[at] = changed[at]! ^ 0x55
        writeFileSync(file, changed)
        const said = yield* Effect.exit(record(file, plan))
        // Some bytes of a gzip header mean nothing.
        if (said._tag === "Success")
          assert.deepStrictEqual(contents(yield* Recording.read(file)), expected, `byte ${at}`)
        const now = readFileSync(file).subarray(0, size)
        assert.isTrue(now.equals(changed.subarray(0, size)), `byte ${at}`)
      }
    })
  )

  it.live("may be compressed again by another program, and is gone on with", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* inTwoParts(file)
      const expected = contents(yield* Recording.read(file))
      writeFileSync(file, gzipSync(textOf(file)))
      assert.deepStrictEqual(contents(yield* Recording.read(file)), expected)
      yield* record(file, { ...plan, count: 3 })
      assert.deepStrictEqual(
        contents(yield* Recording.read(file)).map(({ drafts }) => drafts.length),
        [3, 3]
      )
    })
  )

  const others: ReadonlyArray<readonly [string, (line: string) => string, RegExp]> = [
    ["of another version", (text) => text.replace('"version":1', '"version":2'), /version 2.*use the release/],
    ["of something else", (text) => text.replace('"Recording"', '"Score"'), /Score, not a Recording/],
    ["without a model", (text) => text.split("\n").slice(1).join("\n"), /Line 1 comes before the model/],
    ["with a part missing", (text) => text.replace(/.*"Prompt".*\n/, ""), /Line 2 is a draft out of turn/],
    ["with ids out of turn", (text) => text.replace('"Question","id":0', '"Question","id":5'), /has id 5, out of turn/],
    ["with columns of several lengths", (text) => text.replace('"texts":[', '"texts":["x",'), /columns of several/],
    ["that is no JSON", () => "hello\n", /Line 1 is not of a recording/]
  ]
  it.live.each(others)("is refused %s, with where and what to do", ([, change, problem]) =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* record(file, { ...plan, count: 1 })
      writeFileSync(file, gzipSync(change(textOf(file))))
      const said = yield* refusal(Recording.read(file))
      assert.match(said, /^Unreadable: FILE: .* Take a copy of the file from before/)
      assert.match(said, problem)
    })
  )

  it.live("is refused where it is no gzip at all, or is missing", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      writeFileSync(file, "model,prompt,answer\nsome,other,format and more than twenty bytes of it\n")
      assert.match(yield* refusal(Recording.read(file)), /^Unreadable: FILE: It is no recording/)
      const missing = join(dirname(file), "missing")
      assert.match(yield* refusal(Recording.read(missing)), /^Inaccessible: FILE: .*ENOENT.* Check the path/)
      assert.isFalse(existsSync(missing))
    })
  )

  const unlike: ReadonlyArray<readonly [string, Partial<Plan> & { readonly model?: string }, RegExp]> = [
    ["model", { model: "another" }, /of another model/],
    ["topP", { topP: 0.9 }, /topP is off, not 0\.9/],
    ["stop strings", { stop: ["\n"] }, /stop strings are others/]
  ]
  it.live.each(unlike)("takes nothing of another %s, which could not be compared", ([, other, problem]) =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* record(file, plan)
      const before = readFileSync(file)
      const said = yield* refusal(onScript(Record.run({ file, model: "scripted", ...plan, ...other })))
      assert.match(said, /^OtherRecording: FILE: .* or into another file/)
      assert.match(said, problem)
      assert.isTrue(readFileSync(file).equals(before))
    })
  )

  it.live("takes settings that are off as if they were left out", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* record(file, plan)
      yield* record(file, { ...plan, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1, stop: [""] })
    })
  )

  it.live("is kept as it is where somebody else writes to it", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const other = yield* temporaryFile
      yield* record(other, plan)
      const slow = { delay: () => 20 }
      const intrude = Effect.andThen(
        Effect.sleep(60),
        Effect.sync(() => appendFileSync(file, readFileSync(other)))
      )
      const [said] = yield* Effect.all([refusal(record(file, plan, slow)), intrude], { concurrency: 2 })
      assert.match(said, /^Shared: FILE: .*End the other recording/)
      const intruded = readFileSync(other)
      assert.isTrue(readFileSync(file).subarray(-intruded.length).equals(intruded))
    })
  )

  it.live("says so where it cannot be written", () =>
    Effect.gen(function* () {
      const folder = dirname(yield* temporaryFile)
      assert.match(yield* refusal(record(folder, plan)), /^Inaccessible: FILE: .*EISDIR.* Name a file, not a folder/)
    })
  )

  it.live("has the tokens of drafts that are under way, after a while", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const hanging: ScriptedBackend.Script = { delay: (_, at) => (at < 3 ? 0 : 60_000) }
      const fiber = yield* Effect.forkChild(record(file, { ...plan, flushEvery: 5 }, hanging))
      const lengths = Effect.map(Effect.option(Recording.read(file)), (recording) =>
        Option.getOrElse(Option.map(recording, contents), () => [])
          .flatMap(({ drafts }) => drafts.map(({ tokens }) => tokens.length))
          .join()
      )
      while ((yield* lengths) !== "3,3") yield* Effect.sleep(5)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.live("grows by what was drawn, not by how long it takes", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const once = yield* temporaryFile
      yield* record(file, { ...plan, flushEvery: 1 }, { delay: () => 5 })
      yield* record(once, { ...plan, flushEvery: "1 hour" })
      const tokens = (path: string) => [...textOf(path).matchAll(/"Tokens"/g)].length
      assert.isAbove(tokens(file), tokens(once))
      assert.strictEqual(tokens(once), 4)
      truncateSync(once)
    })
  )
})
