// Runs the small job, which its parent will kill: FOLDER is where it goes, LOG gets a line for each token drawn and each
// draft judged, DELAY is milliseconds before each token.
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Preferences from "@mulligan/lab/preferences/Preferences"
import * as Effect from "effect/Effect"
import { appendFileSync } from "node:fs"
import { options, quiet, script, writePrompts } from "./job.ts"

const [folder = "", log = "", delay] = process.argv.slice(2)
const write = (line: string) => appendFileSync(log, `${line}\n`)
await Effect.runPromise(
  Preferences.run(options(folder, writePrompts(folder), write)).pipe(
    Effect.provide(ScriptedBackend.layer(script(write, Number(delay)))),
    quiet
  )
)
