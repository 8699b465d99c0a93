import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

/** A folder that goes with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mulligan-preferences-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** Writes JSON Lines into a folder that goes with the scope. */
export const jsonLines = (rows: ReadonlyArray<unknown>, name = "prompts.jsonl") =>
  Effect.map(temporaryFolder, (folder) => {
    const file = join(folder, name)
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
    return file
  })
