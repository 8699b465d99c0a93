import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as fc from "fast-check"
import { command } from "../../src/cli/Resume.ts"

describe("the command to go on with", () => {
  it.each<readonly [ReadonlyArray<string>, NodeJS.ProcessEnv, string]>([
    [["node", "/usr/bin/mulligan", "record", "--out", "a.gz"], {}, "mulligan record --out a.gz"],
    [["node", "/lib/@mulligan/lab/dist/cli.js", "ask", "a b"], {}, "mulligan ask 'a b'"],
    [
      ["node", "/home/.npm/_npx/1/node_modules/.bin/mulligan", "ask", "it's"],
      { npm_command: "exec" },
      "npx -p @mulligan/lab mulligan ask 'it'\\''s'"
    ],
    [["node", `${process.cwd()}/src/cli.ts`, "describe"], {}, "node src/cli.ts describe"]
  ])("of %j", (argv, env, expected) => assert.strictEqual(command(argv, env), expected))

  it("is read by a shell as it was typed", { skip: process.platform === "win32" }, () => {
    const words = fc.array(
      fc.string({ unit: "grapheme" }).filter((word) => !word.includes("\0")),
      { minLength: 1 }
    )
    fc.assert(
      fc.property(words, (typed) => {
        const line = command(["node", "mulligan", ...typed], {}).replace(/^mulligan/, "printf '%s\\0'")
        const read = execFileSync("sh", ["-c", line], { encoding: "utf8" })
        assert.deepStrictEqual(read.split("\0").slice(0, -1), typed)
      }),
      { numRuns: 25 }
    )
  })
})
