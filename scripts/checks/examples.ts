import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root, run } from "./run.ts"

const MOST_LINES = 40

/** Every example runs, prints something and stays short enough to read at a glance. */
export const examples = () => {
  const files = globSync("examples/*.ts", { cwd: root }).toSorted()
  if (files.length === 0) throw new Error("examples/ is empty")
  for (const file of files) {
    const lines = readFileSync(join(root, file), "utf8").trimEnd().split("\n").length
    if (lines >= MOST_LINES) throw new Error(`${file} has ${lines} lines; under ${MOST_LINES} are wanted`)
    if (run("node", [file]).trim() === "") throw new Error(`${file} printed nothing`)
  }
  return files.map((file) => file.replace("examples/", "")).join(" ")
}
