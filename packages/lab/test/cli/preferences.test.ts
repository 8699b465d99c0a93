import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { inFolder, mulligan, pocket, root, writeGames } from "./child.ts"

const reward = join(root, "packages/lab/test/preferences/fixtures/reward-llama")
const PROMPTS = 24
const DRAFTS = 3

const interruptSoon = (text: string, child: ChildProcess) => {
  if (text.includes("games.jsonl")) setTimeout(() => child.kill("SIGINT"), 250)
}

describe("mulligan preferences", () => {
  it("stops at Ctrl-C, and the command that it names goes on to the data and their card", () =>
    inFolder(async (folder) => {
      const [games, out] = [join(folder, "games.jsonl"), join(folder, "out")]
      writeGames(games, PROMPTS)
      const args = ["preferences", "--model", pocket, "--prompts", games, "--reward", reward, "--out", out]
      const more = ["--drafts", String(DRAFTS), "--concurrency", "1", "--licence", "Ours: as you like"]
      const interrupted = await mulligan([...args, ...more], { onStderr: interruptSoon })
      assert.strictEqual(interrupted.code, 130)
      assert.match(interrupted.stderr, /games\.jsonl: Ours\b/)
      assert.isFalse(existsSync(join(out, "preferences.jsonl")))
      const command = /^Interrupted\. What is done is kept; go on with:\n {2}(node .*)\n$/m.exec(
        interrupted.stderr
      )?.[1]
      const resumed = spawnSync("sh", ["-c", `${command} --json`], { cwd: root, encoding: "utf8" })
      assert.strictEqual(resumed.status, 0)
      const told = JSON.parse(resumed.stdout)
      const rows = readFileSync(told.file, "utf8").trimEnd().split("\n")
      assert.deepStrictEqual([told.prompts, told.rows], [PROMPTS, rows.length])
      // Each draft whole, and once cut.
      assert.strictEqual(rows.length, PROMPTS * DRAFTS * 2)
      assert.isTrue(existsSync(told.card))
    }))
})
