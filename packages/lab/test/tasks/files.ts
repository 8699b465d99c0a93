import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { TaskError } from "@mulligan/lab/tasks/TaskError"

/** A folder that goes with the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mulligan-tasks-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A file in a folder of its own. */
export const written = (name: string, content: string | Uint8Array) =>
  Effect.map(folder, (path) => {
    const file = join(path, name)
    writeFileSync(file, content)
    return file
  })

export const lines = (rows: ReadonlyArray<unknown>): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

/** Fails as wanted: with this reason, and a message that says which file, what is wrong and what was expected. */
export const refuses = <A, E, R>(
  self: Effect.Effect<A, E | TaskError, R>,
  reason: TaskError["reason"]["_tag"],
  ...said: ReadonlyArray<string | RegExp>
) =>
  Effect.map(Effect.flip(self), (error) => {
    if (!(error instanceof TaskError)) return assert.fail(String(error))
    assert.strictEqual(error.reason._tag, reason, error.message)
    for (const words of said)
      if (typeof words === "string") assert.include(error.message, words)
      else assert.match(error.message, words)
  })
