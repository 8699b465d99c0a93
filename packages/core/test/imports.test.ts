import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { resolve } from "node:path"

const root = resolve(import.meta.dirname, "../../..")
const imports = (file: string) =>
  [...readFileSync(resolve(root, file), "utf8").matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)].map(
    (match) => match[1] ?? ""
  )

describe("packages that run everywhere", () => {
  it.each(["core", "strategies", "self-evaluator"])("%s imports nothing of Node and no test library", (name) => {
    const files = globSync(`packages/${name}/src/**/*.ts`, { cwd: root })
    assert.isAbove(files.length, 3)
    const allowed = name === "core" ? /^(effect\/|\.)/ : /^(effect\/|\.|@mulligan\/core)/
    for (const file of files) for (const from of imports(file)) assert.match(from, allowed, file)
  })
})
