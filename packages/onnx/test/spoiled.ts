/** Copies of a good model folder, each spoiled in one way. */
import { afterAll } from "@effect/vitest"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fixture } from "./subjects.ts"

export const scratch = mkdtempSync(join(tmpdir(), "mulligan-models-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let count = 0
export const spoiled = (from: string, spoil: (folder: string) => void): string => {
  const folder = join(scratch, String(count++))
  cpSync(fixture(from), folder, { recursive: true })
  spoil(folder)
  return folder
}

export const edit = (file: string, change: (json: Record<string, unknown>) => object) => (folder: string) =>
  writeFileSync(join(folder, file), JSON.stringify(change(JSON.parse(readFileSync(join(folder, file), "utf8")))))
