/** The small job in a folder of its own, and what came of it. */
import { assert } from "@effect/vitest"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Preferences from "@mulligan/lab/preferences/Preferences"
import { PreferencesError } from "@mulligan/lab/preferences/PreferencesError"
import type { Row } from "@mulligan/lab/preferences/Row"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { temporaryFolder } from "./harness.ts"
import { options as plain, quiet, script, writePrompts } from "./job.ts"

export type Options = Preferences.Options<unknown, never>

export const run = (options: Options, by: ScriptedBackend.Script = script()) =>
  quiet(Effect.provide(Preferences.run(options), ScriptedBackend.layer(by)))

/** Runs the small job, some of it otherwise, in a folder of its own. */
export const small = (more: Partial<Options> = {}, by?: ScriptedBackend.Script) =>
  Effect.flatMap(temporaryFolder, (folder) => run({ ...plain(folder, writePrompts(folder)), ...more }, by))

export const rowsOf = (file: string): ReadonlyArray<Row> =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row)
export const draftOf = ({ messages }: Row) => messages.at(-2)!.content
export const askedOf = ({ messages }: Row) => messages[0]!.content

/** By lines, so that a failure shows the first that differ. */
export const assertSame = (one: string, other: string) => assert.deepStrictEqual(rowsOf(one), rowsOf(other))

export const reasonOf = <A, R>(self: Effect.Effect<A, unknown, R>) =>
  Effect.map(Effect.flip(self), (error) => {
    assert.instanceOf(error, PreferencesError)
    return error.reason
  })
