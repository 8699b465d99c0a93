import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { root } from "../checks/run.ts"

/** Runs the set-up of a clone that has nothing yet, with an npm that does as told. */
const setUp = (npm: string) => {
  const clone = mkdtempSync(join(tmpdir(), "mulligan-setup-"))
  try {
    cpSync(join(root, "scripts"), join(clone, "scripts"), { recursive: true })
    cpSync(join(root, "pnpm-lock.yaml"), join(clone, "pnpm-lock.yaml"))
    writeFileSync(join(clone, "npm"), `#!/bin/sh\n${npm}\n`, { mode: 0o755 })
    const env = { ...process.env, PATH: `${clone}:${process.env["PATH"]}` }
    return spawnSync(process.execPath, [join(clone, "scripts/run.mjs"), "scripts/nothing.ts"], {
      encoding: "utf8",
      env
    })
  } finally {
    rmSync(clone, { recursive: true, force: true })
  }
}

describe.skipIf(process.platform === "win32")("the set-up", () => {
  it("says what to do when a download fails, without a stack", () => {
    const { status, stderr } = setUp("echo 'network unreachable' >&2; exit 1")
    assert.strictEqual(status, 1)
    assert.match(stderr, /network unreachable/)
    assert.match(stderr, /The download failed\. Check that this machine reaches the npm registry/)
    assert.notMatch(stderr, /at .*\.mjs:\d+/)
  })
})
