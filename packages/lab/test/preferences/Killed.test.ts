import { assert, describe, it } from "@effect/vitest"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Preferences from "@mulligan/lab/preferences/Preferences"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { temporaryFolder } from "./harness.ts"
import { options, quiet, script, writePrompts } from "./job.ts"

const child = fileURLToPath(new URL("jobChild.ts", import.meta.url))

const linesOf = (log: string) => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [])

const judgedIn = (log: string) => linesOf(log).filter((line) => line.startsWith("r ")).length

/** Runs the job in a process of its own, and kills it once so many drafts were judged. */
const killedAfter = async (count: number, folder: string, log: string) => {
  const running = spawn(process.execPath, [child, folder, log, "3"], { stdio: "ignore" })
  const ended = once(running, "exit")
  while (judgedIn(log) < count && running.exitCode === null) await setTimeout(1)
  running.kill("SIGKILL")
  const [, signal] = await ended
  assert.strictEqual(signal, "SIGKILL")
}

/** How many drafts are stored. */
const storedIn = (folder: string): number => {
  const db = new DatabaseSync(join(folder, "job.sqlite"))
  const row = db.prepare("SELECT COUNT(*) AS n FROM mulligan_drafts").get()
  db.close()
  return Number(row?.["n"])
}

describe("A job that is killed", () => {
  it.live("loses nothing that was stored, draws none of it again, and comes to the same rows", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const log = join(folder, "log")
      let kept = 0
      for (const judged of [1, 8, 25]) {
        yield* Effect.promise(() => killedAfter(judged, folder, log))
        assert.isAbove(storedIn(folder), kept)
        kept = storedIn(folder)
      }
      const drawn: Array<string> = []
      const { file, usage } = yield* Preferences.run(
        options(folder, join(folder, "prompts.jsonl"), (line) => drawn.push(line))
      ).pipe(Effect.provide(ScriptedBackend.layer(script((line) => drawn.push(line)))), quiet)
      assert.strictEqual(drawn.filter((line) => /^t .* 0$/.test(line)).length, 60 - kept)
      assert.strictEqual(usage.samples, 60)

      const whole = join(folder, "whole")
      mkdirSync(whole)
      const undisturbed = yield* Preferences.run(options(whole, writePrompts(whole))).pipe(
        Effect.provide(ScriptedBackend.layer(script())),
        quiet
      )
      assert.strictEqual(readFileSync(file, "utf8"), readFileSync(undisturbed.file, "utf8"))
      assert.deepStrictEqual(usage, undisturbed.usage)
    })
  )

  it.live("is one process's at a time: another is told so", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const log = join(folder, "log")
      const running = spawn(process.execPath, [child, folder, log, "50"], { stdio: "ignore" })
      const ended = once(running, "exit")
      while (linesOf(log).length === 0) yield* Effect.sleep(5)
      const error = yield* Preferences.run(options(folder, join(folder, "prompts.jsonl"))).pipe(
        Effect.provide(ScriptedBackend.layer(script())),
        quiet,
        Effect.flip
      )
      running.kill("SIGKILL")
      yield* Effect.promise(() => ended)
      assert.include(error.message, "Another process works on the same file")
    })
  )
})
