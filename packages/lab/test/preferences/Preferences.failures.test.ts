import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@mulligan/core"
import * as BackendError from "@mulligan/core/BackendError"
import type * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Preferences from "@mulligan/lab/preferences/Preferences"
import { type PreferencesError, rewardRefused } from "@mulligan/lab/preferences/PreferencesError"
import * as Reward from "@mulligan/lab/preferences/Reward"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { fixture, temporaryFolder } from "./harness.ts"
import { options as plain, script, writePrompts } from "./job.ts"
import { assertSame, reasonOf, rowsOf, run, small } from "./small.ts"

describe("Preferences, where something fails", () => {
  it.live("refuses to mix drafts of other prompts or of another way of drawing, and says what differs", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const options = { ...plain(folder, writePrompts(folder)), prompts: 2 }
      yield* run(options)
      for (const [more, name] of [
        [{ temperature: 0.5 }, "temperature"],
        [{ model: "another" }, "model"],
        [{ seed: 4 }, "seed"],
        [{ maxTokens: 5 }, "maxTokens"],
        [{ topP: 0.9 }, "sampling"],
        [{ prompts: 3 }, "prompts"],
        [{ filter: { languages: ["English"] } }, "languages"],
        [{ filter: { personalData: [] } }, "personalData"],
        [{ sources: [{ file: fixture("lmsys.parquet") }] }, "sources"]
      ] as const) {
        const reason = yield* reasonOf(run({ ...options, ...more }))
        assert.strictEqual(reason._tag, "OtherJob")
        assert.include(reason.problem, `: ${name}.`)
      }
    })
  )

  it.live("leaves out a prompt that the backend or the reward model refuses, and asks again the next time", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const options = plain(folder, writePrompts(folder))
      const isOf = (prompt: unknown, subject: string) => JSON.stringify(prompt).includes(`the ${subject} `)
      const tooLong = BackendError.invalid("scripted", "The prompt is too long.", "Shorten it.")
      const reward: Reward.Model<PreferencesError> = {
        name: options.reward.name,
        reward: (prompt, text) =>
          isOf(prompt, "sea")
            ? rewardRefused({ problem: "The text is too long.", advice: "Shorten it." })
            : options.reward.reward(prompt, text)
      }
      const faulty = {
        ...script(),
        fault: ({ prompt }: { prompt: unknown }) => (isOf(prompt, "sky") ? tooLong : undefined)
      }
      const partial = yield* run({ ...options, reward }, faulty)
      assert.strictEqual(partial.prompts, 10)
      assert.deepStrictEqual(partial.left, {
        "prompts: refused by the backend": 1,
        "prompts: refused by the reward model": 1
      })
      assert.isFalse(rowsOf(partial.file).some((row) => isOf(row, "sky") || isOf(row, "sea")))
      const whole = yield* run(options)
      assert.deepStrictEqual([whole.prompts, whole.left], [12, {}])
    })
  )

  it.live("draws and judges what is missing of fewer drafts, however many others there are", () =>
    Effect.gen(function* () {
      const whole = yield* small()
      const first = rowsOf(whole.file)[0]!.messages[1]!.content
      const folder = yield* temporaryFolder
      const options = plain(folder, writePrompts(folder))
      const late = rewardRefused({ problem: "The text is too long.", advice: "Shorten it." })
      const reward: Reward.Model<PreferencesError> = {
        name: options.reward.name,
        reward: (prompt, text) =>
          text === first ? Effect.andThen(Effect.sleep(100), late) : options.reward.reward(prompt, text)
      }
      const more = yield* run({ ...options, reward, drafts: 9 })
      assert.strictEqual(more.prompts, 11)
      const { file } = yield* run(options)
      assertSame(file, whole.file)
    })
  )

  it.live("ends early where every prompt is refused, for then it is not the prompts", () =>
    Effect.gen(function* () {
      const fault = () => BackendError.invalid("scripted", "There is no such model.", "Name another.")
      const reason = yield* reasonOf(small({ concurrency: 1 }, { ...script(), fault }))
      assert.strictEqual(reason._tag, "NothingLeft")
      assert.include(reason.problem, "There is no such model.")
    })
  )

  it.live("draws on after failures that may pass, and goes on in the next call after one that did not", () =>
    Effect.gen(function* () {
      const unavailable = new BackendError.BackendError({
        backend: "scripted",
        reason: new BackendError.Unavailable({ problem: "Starting.", advice: "Wait." })
      })
      const once: ScriptedBackend.Script = {
        ...script(),
        fault: (_, at, call) => (at === 1 && call % 9 === 0 ? unavailable : undefined)
      }
      const first = yield* small()
      const second = yield* small({}, once)
      assertSame(second.file, first.file)

      const folder = yield* temporaryFolder
      const options = { ...plain(folder, writePrompts(folder)), retries: 0 }
      const error = yield* Effect.flip(
        run(options, { ...script(), fault: (_request, _at, call) => (call > 31 ? unavailable : undefined) })
      )
      assert.instanceOf(error, BackendError.BackendError)
      assert.isFalse(existsSync(join(folder, "preferences.jsonl")))
      const calls: Array<string> = []
      const { file } = yield* run(
        options,
        script((line) => line.endsWith(" 0") && calls.push(line))
      )
      assert.isAtMost(calls.length, 60 - 20)
      assertSame(file, first.file)
    })
  )

  it.live("says which reward model failed, and how, or that it gave no number", () =>
    Effect.gen(function* () {
      const failing: Reward.Model<Error> = { name: "mine", reward: () => Effect.fail(new Error("out of order")) }
      const failed = yield* reasonOf(small({ reward: failing }))
      assert.strictEqual(failed._tag, "RewardFailed")
      assert.include(failed.problem, "The reward model mine failed: out of order")
      const none = yield* reasonOf(small({ reward: Reward.verifier("mine", () => NaN) }))
      assert.include(none.problem, "mine gave NaN")
    })
  )

  it.live("stops under a budget, and goes on under a larger one", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const options = plain(folder, writePrompts(folder))
      const tight = Effect.provideService(run(options), Budget.CurrentAccount, new Budget.Account({ drawnTokens: 100 }))
      assert.strictEqual((yield* reasonOf(tight))._tag, "Unfinished")
      const { file } = yield* run(options)
      assertSame(file, (yield* small()).file)
    })
  )

  it.live("fails where nothing is left, with what was left out", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(small({ filter: { languages: ["Klingon"] } }))
      assert.strictEqual(reason._tag, "NothingLeft")
      assert.include(reason.problem, '{"language":12}')
    })
  )

  it.live("names a source that is missing", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(small({ sources: [{ file: "nowhere.jsonl" }] }))
      assert.strictEqual(reason._tag, "Inaccessible")
      assert.include(reason.problem, "nowhere.jsonl")
    })
  )

  it.each([
    { drafts: 1 },
    { truncations: -1 },
    { margin: -1 },
    { concurrency: 0 },
    { turns: 0.5 },
    { retries: -1 },
    { sources: [] }
  ])("refuses %j at once", (more) =>
    assert.throws(() => Preferences.run({ ...plain("nowhere", "nowhere"), ...more }), RangeError)
  )
})
