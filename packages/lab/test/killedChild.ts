// Records slowly what its parent will kill it at: FILE is the recording, LOG gets a line for each token drawn and question read.
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Record } from "@mulligan/lab"
import * as Effect from "effect/Effect"
import { appendFileSync } from "node:fs"
import { plan, script } from "./killedPlan.ts"

const [file = "", log = ""] = process.argv.slice(2)
const slow = script((line) => appendFileSync(log, `${line}\n`), 1)
process.send?.("begun")
await Effect.runPromise(Record.run({ file, ...plan, flushEvery: 7 }).pipe(Effect.provide(ScriptedBackend.layer(slow))))
process.disconnect?.()
