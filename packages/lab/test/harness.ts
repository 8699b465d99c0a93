import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Backend } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Record, type Recording, Replay } from "@mulligan/lab"

/** A file in a folder of its own, which goes with the scope. */
export const temporaryFile = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "mulligan-lab-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  ),
  (folder) => join(folder, "drafts.jsonl.gz")
)

export type Plan = Omit<Record.Options, "file" | "model">

/** Of lengths from 1 to 12, the end of text included, and prompts that tell. */
export const script: ScriptedBackend.Script = {
  length: ({ prompt, seed }) => 1 + ((seed + String(prompt).length) % 12)
}

export const record = (file: string, plan: Plan, by: ScriptedBackend.Script = script) =>
  Record.run({ file, model: "scripted", ...plan }).pipe(Effect.provide(ScriptedBackend.layer(by)))

/** Recorded into a file that is thrown away. */
export const recorded = (plan: Plan, by?: ScriptedBackend.Script) =>
  Effect.scoped(
    Effect.flatMap(temporaryFile, (file) => Effect.map(record(file, plan, by), ({ recording }) => recording))
  )

export const replayed = <A, E>(self: Effect.Effect<A, E, Backend.Backend>, recording: Recording.Recording) =>
  Effect.provide(self, Replay.layer(recording))

export const onScript = <A, E>(self: Effect.Effect<A, E, Backend.Backend>, by: ScriptedBackend.Script = script) =>
  Effect.provide(self, ScriptedBackend.layer(by))
