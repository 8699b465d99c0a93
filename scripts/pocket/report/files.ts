/**
 * Figures that are read off the model's files.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { exact, type Figure } from "./Figure.ts"

/** All that is committed, or about to be. */
export const sizeMB = (folder: string): Figure => {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "."]
  const { stdout } = spawnSync("git", args, { cwd: folder, encoding: "utf8" })
  const files = [...new Set(stdout.split("\0"))].map((name) => join(folder, name))
  const bytes = files.filter((file) => existsSync(file) && statSync(file).isFile()).map((file) => statSync(file).size)
  return exact("sizeMB", bytes.reduce((sum, size) => sum + size, 0) / 1e6, "<= 16")
}

interface Training {
  readonly policyLoss?: { readonly value: number; readonly low: number; readonly high: number }
}

/** What learning to judge costs the policy; it is measured while training. */
export const policyLoss = (folder: string): Figure | undefined => {
  const file = join(folder, "training.json")
  if (!existsSync(file)) return undefined
  const { policyLoss: loss } = JSON.parse(readFileSync(file, "utf8")) as Training
  return loss === undefined ? undefined : { figure: "policyLoss", ...loss, target: "<= .01" }
}
