import { assert, describe, it } from "@effect/vitest"
import { Parquet, Record, type Recording } from "@mulligan/lab"
import * as Effect from "effect/Effect"
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet"
import { dirname, join } from "node:path"
import { record, script, temporaryFile } from "./harness.ts"

const plan = {
  prompts: ["one", [{ role: "user", content: "two" } as const]],
  count: 3,
  seed: 4,
  temperature: [0.5, 1],
  confidence: 3,
  certainty: true,
  readings: [{ ...Record.paper, tokens: [2] }, { labels: ["a", "b", "c"] }]
}

const tables = Effect.gen(function* () {
  const file = yield* temporaryFile
  // A third label is impossible here, so -Infinity is in it.
  const { recording } = yield* record(file, plan, script)
  const files = yield* Parquet.write(recording, dirname(file))
  const rows = (path: string) =>
    Effect.promise(async () => parquetReadObjects({ file: await asyncBufferFromFile(path) }))
  const metadata = yield* Effect.promise(async () => parquetMetadataAsync(await asyncBufferFromFile(files.drafts)))
  return { recording, drafts: yield* rows(files.drafts), readings: yield* rows(files.readings), metadata }
})

const listed = (recording: Recording.Recording) =>
  recording.problems.flatMap((problem) => problem.drafts.map((draft) => ({ problem, draft })))

describe("Parquet", () => {
  it.effect("has a row for each draft, with all of it", () =>
    Effect.gen(function* () {
      const { drafts, recording } = yield* tables
      const expected = listed(recording).map(({ draft, problem }, id) => ({
        draft: id,
        prompt: typeof problem.prompt === "string" ? problem.prompt : JSON.stringify(problem.prompt),
        run_seed: 4n,
        index: draft.index,
        seed: BigInt(draft.seed),
        temperature: draft.temperature,
        text: draft.tokens.map(({ text }) => text).join(""),
        token_count: draft.tokens.length,
        token_texts: draft.tokens.map(({ text }) => text),
        token_ids: draft.tokens.map(({ id }) => BigInt(id ?? -1)),
        log_probs: draft.tokens.map(({ logProb }) => logProb),
        confidences: draft.tokens.map(({ confidence }) => confidence),
        certainties: draft.tokens.map(({ certainty }) => certainty),
        processed: false,
        end: "stop",
        prompt_tokens: draft.promptTokens,
        seconds: draft.seconds
      }))
      assert.strictEqual(drafts.length, 12)
      assert.deepStrictEqual(drafts, expected)
    })
  )

  it.effect("has a row for each question that was asked, and `draft` joins it", () =>
    Effect.gen(function* () {
      const { readings, recording } = yield* tables
      const expected = listed(recording).flatMap(({ draft }, id) =>
        draft.readings.map(({ after, answer, question, readTokens, seconds }) => ({
          draft: id,
          question: question.question ?? null,
          labels: question.labels,
          after,
          lower: answer.labels.map(({ lower }) => lower),
          upper: answer.labels.map(({ upper }) => upper),
          over: "vocabulary",
          read_tokens: readTokens,
          seconds
        }))
      )
      assert.isAbove(readings.length, 24)
      assert.deepStrictEqual(readings, expected)
      assert.isTrue(readings.some(({ lower }) => (lower as ReadonlyArray<number>)[2] === -Infinity))
    })
  )

  it.effect("says what was recorded", () =>
    Effect.gen(function* () {
      const { metadata } = yield* tables
      assert.deepStrictEqual(
        metadata.key_value_metadata?.find(({ key }) => key === "mulligan.model"),
        { key: "mulligan.model", value: "scripted" }
      )
    })
  )

  it.effect("keeps what a backend did not give apart from 0", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const draft = {
        index: 0,
        seed: 1,
        temperature: 1,
        tokens: [{ text: "a" }],
        readings: [],
        unread: [],
        promptTokens: 0,
        seconds: 0
      }
      const recording = {
        model: "m",
        sampling: {},
        measures: {},
        questions: [],
        problems: [{ prompt: "p", seed: 0, drafts: [draft] }]
      }
      const { drafts } = yield* Parquet.write(recording, dirname(file))
      const [row] = yield* Effect.promise(async () => parquetReadObjects({ file: await asyncBufferFromFile(drafts) }))
      assert.deepStrictEqual([row?.["token_ids"], row?.["log_probs"], row?.["end"]], [[null], [null], null])
    })
  )

  it.effect("says where it cannot write", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const recording = { model: "m", sampling: {}, measures: {}, questions: [], problems: [] }
      const error = yield* Effect.flip(Parquet.write(recording, join(dirname(file), "missing")))
      assert.strictEqual(error.reason._tag, "Inaccessible")
      assert.match(error.message, /drafts\.parquet: .*ENOENT.*Check the path/)
    })
  )
})
