import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { resolve } from "node:path"

const root = resolve(import.meta.dirname, "../../..")
const imports = (file: string) =>
  [...readFileSync(resolve(root, file), "utf8").matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)].map(
    (match) => match[1] ?? ""
  )

const allowed = (name: string): RegExp => {
  if (name === "core") return /^(effect\/|\.)/
  return name === "tokenizer" ? /^(effect\/|\.|@mulligan\/core|@huggingface\/)/ : /^(effect\/|\.|@mulligan\/core)/
}

describe("packages that run everywhere", () => {
  it.each(["core", "tokenizer", "strategies", "self-evaluator"])(
    "%s imports nothing of Node and no test library",
    (name) => {
      const files = globSync(`packages/${name}/src/**/*.ts`, { cwd: root })
      assert.isAbove(files.length, 3)
      for (const file of files) for (const from of imports(file)) assert.match(from, allowed(name), file)
    }
  )
})
