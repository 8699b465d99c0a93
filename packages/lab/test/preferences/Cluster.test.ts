import { assert, describe, it } from "@effect/vitest"
import * as BackendError from "@mulligan/core/BackendError"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Cluster from "@mulligan/lab/preferences/Cluster"
import * as Preferences from "@mulligan/lab/preferences/Preferences"
import { type PreferencesError, rewardFailed } from "@mulligan/lab/preferences/PreferencesError"
import * as Reward from "@mulligan/lab/preferences/Reward"
import * as Sqlite from "@mulligan/lab/preferences/Sqlite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as WorkflowEngine from "effect/workflow/WorkflowEngine"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryFolder } from "./harness.ts"
import { options as plain, quiet, script, sumOfDigits, writePrompts } from "./job.ts"

type Worker = Partial<Cluster.WorkerOptions<PreferencesError>>

/** A job in a folder of its own, run by one worker on the engine in memory. */
const together = Effect.map(temporaryFolder, (folder) => {
  const { reward, ...job } = plain(folder, writePrompts(folder))
  const run = (worker: Worker = {}, by: ScriptedBackend.Script = script(), more: Partial<Cluster.RunOptions> = {}) =>
    quiet(Cluster.run({ ...job, reward: reward.name, ...more })).pipe(
      Effect.provide(
        Cluster.worker({ model: "scripted", reward: sumOfDigits(), ...worker }).pipe(
          Layer.provide(ScriptedBackend.layer(by))
        )
      )
    )
  const engine = WorkflowEngine.layerMemory.pipe(Layer.merge(Sqlite.layer(join(folder, "shared.sqlite"))))
  return { run, engine }
})

const alone = Effect.flatMap(temporaryFolder, (folder) =>
  quiet(Effect.provide(Preferences.run(plain(folder, writePrompts(folder))), ScriptedBackend.layer(script())))
)
const bytes = ({ file }: Preferences.Summary) => readFileSync(file, "utf8")

describe("Cluster", () => {
  it.live("writes what one machine writes, at the same cost, however little is given out at a time", () =>
    Effect.gen(function* () {
      const same = yield* alone
      for (const inFlight of [1, 64]) {
        const { engine, run } = yield* together
        const told: Array<number> = []
        const onProgress = ({ prompts }: Preferences.Progress) => told.push(prompts)
        const summary = yield* Effect.provide(run({}, script(), { inFlight, onProgress }), engine)
        assert.strictEqual(bytes(summary), bytes(same))
        assert.deepStrictEqual(summary.usage, same.usage)
        assert.strictEqual(told.at(-1), 12)
      }
    })
  )

  it.live("works on as many prompts at once as a worker may", () =>
    Effect.gen(function* () {
      const { engine, run } = yield* together
      let [now, most] = [0, 0]
      const reward = Reward.verifier("sum of digits", () =>
        Effect.sync(() => (most = Math.max(most, ++now))).pipe(
          Effect.andThen(Effect.sleep(2)),
          Effect.andThen(Effect.sync(() => now--)),
          Effect.as(1)
        )
      )
      yield* Effect.provide(run({ reward, concurrency: 2 }), engine)
      assert.isAbove(most, 5)
      assert.isAtMost(most, 10)
    })
  )

  it.live("refuses a worker that has another model or reward, and says which", () =>
    Effect.gen(function* () {
      const { engine, run } = yield* together
      const other = yield* Effect.flip(run({ model: "another" })).pipe(Effect.provide(engine))
      assert.include(other.message, "another model than the job")
      const wrong = yield* Effect.flip(run({ reward: Reward.verifier("length", (_, text) => text.length) })).pipe(
        Effect.provide(engine)
      )
      assert.include(wrong.message, "another reward than the job")
    })
  )

  it.live("fails as a worker fails, and does it anew in the next call, from what is stored", () =>
    Effect.gen(function* () {
      const { engine, run } = yield* together
      const same = yield* alone
      const drawn: Array<string> = []
      const counting = script((line) => line.endsWith(" 0") && drawn.push(line))
      const broken: Reward.Model<PreferencesError> = {
        name: "sum of digits",
        reward: () => rewardFailed({ problem: "Out of order.", advice: "Mend it." })
      }
      const gone = BackendError.unsupported("scripted", "drawing", "It cannot draw.", "Take another.")
      const summary = yield* Effect.gen(function* () {
        const failed = yield* Effect.flip(run({ reward: broken, concurrency: 1 }, counting, { inFlight: 1 }))
        assert.include(failed.message, "Out of order.")
        const refused = yield* Effect.flip(run({ concurrency: 1 }, { ...counting, fault: () => gone }, { inFlight: 1 }))
        assert.include(refused.message, "It cannot draw.")
        return yield* run({}, counting)
      }).pipe(Effect.provide(engine))
      assert.strictEqual(bytes(summary), bytes(same))
      assert.strictEqual(new Set(drawn).size, 60)
      // Those in flight beside the draft whose reward failed were not stored.
      assert.isAtMost(drawn.length, 64)
    })
  )

  it.live("asks again for a prompt that was refused", () =>
    Effect.gen(function* () {
      const { engine, run } = yield* together
      const same = yield* alone
      const tooLong = BackendError.invalid("scripted", "It is too long.", "Shorten it.")
      const faulty: ScriptedBackend.Script = {
        ...script(),
        fault: ({ prompt }) => (JSON.stringify(prompt).includes("the sky") ? tooLong : undefined)
      }
      const [partial, whole] = yield* Effect.all([run({}, faulty), run()]).pipe(Effect.provide(engine))
      assert.deepStrictEqual(partial.left, { "prompts: refused by the backend": 1 })
      assert.strictEqual(partial.prompts, 11)
      assert.strictEqual(bytes(whole), bytes(same))
    })
  )
})
