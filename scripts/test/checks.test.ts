import { afterAll, assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { notices } from "../checks/notices.ts"
import { published, root } from "../checks/run.ts"
import { codeBlocks } from "../checks/types.ts"

const scratch = mkdtempSync(join(tmpdir(), "mulligan-lint-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** What the linter says of these files, under our rules. */
const lint = (files: Record<string, string>): string => {
  const folder = mkdtempSync(join(scratch, "case-"))
  cpSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/oxlint"), ["--deny-warnings"], {
    cwd: folder,
    encoding: "utf8"
  })
  return status === 0 ? "" : stdout
}

describe("import directions", () => {
  it.each([
    ["core", "@mulligan/strategies"],
    ["core", "node:fs"],
    ["core", "vitest"],
    ["strategies", "@mulligan/onnx"],
    ["strategies", "@mulligan/self-evaluator"],
    ["strategies", "node:crypto"],
    ["self-evaluator", "@mulligan/strategies"],
    ["self-evaluator", "@mulligan/onnx"],
    ["onnx", "@mulligan/strategies"],
    ["onnx", "fast-check"],
    ["onnx", "effect"]
  ])("%s may not import %s", (name, from) => {
    assert.match(
      lint({ [`packages/${name}/src/A.ts`]: `import { x } from "${from}"\nexport const y = x\n` }),
      /no-restricted-imports/
    )
  })

  it.each([
    ["strategies", "@mulligan/core/Candidate"],
    ["strategies", "effect/Stream"],
    ["onnx", "node:fs"],
    ["onnx", "@mulligan/core"]
  ])("%s may import %s", (name, from) => {
    assert.strictEqual(lint({ [`packages/${name}/src/A.ts`]: `import { x } from "${from}"\nexport const y = x\n` }), "")
  })

  it("a circle is found", () => {
    const circle = {
      "packages/core/src/A.ts": `import { b } from "./B.ts"\nexport const a = () => b\n`,
      "packages/core/src/B.ts": `import { a } from "./A.ts"\nexport const b = () => a\n`
    }
    assert.match(lint(circle), /no-cycle/)
  })
})

describe("docs and packages", () => {
  it("finds the TypeScript blocks of a page, and only those", () => {
    const page = "```sh\nnpm start\n```\n\n```ts\nconst a = 1\n```\ntext\n```ts\nconst b = 2\n```\n"
    assert.deepStrictEqual(codeBlocks(page), ["const a = 1\n", "const b = 2\n"])
  })

  it.each(published)("%s names what is installed beside it, with its licence", (folder) => {
    const text = notices(folder)
    assert.match(text, /^# Third-party notices of @mulligan\//)
    assert.notMatch(text, /undefined|see its package/)
    if (folder === "packages/onnx") assert.match(text, /- onnxruntime-node 1\.30\.0: MIT/)
  })
})
