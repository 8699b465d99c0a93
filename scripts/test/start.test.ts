import { assert, describe, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import { join } from "node:path"
import { root } from "../checks/run.ts"

const main = join(root, "scripts/start/main.ts")
const start = (...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, [main, ...args], { cwd: root, encoding: "utf8" })

const ids = [
  "one",
  "greedy",
  "majority16",
  "logProb16",
  "self16",
  "oracle16",
  "adaptive74",
  "adaptive95",
  "prune75half",
  "prune50quarter",
  "random75half",
  "random50quarter"
]

describe("npm start", () => {
  it("prints every policy as JSON, with consistent figures", () => {
    const rows = JSON.parse(
      execFileSync(process.execPath, [main, "--json", "--problems", "2"], { cwd: root, encoding: "utf8" })
    )
    const byId = Object.fromEntries(rows.map((row: { id: string }) => [row.id, row]))
    assert.deepStrictEqual(
      rows.map((row: { id: string }) => row.id),
      ids
    )
    for (const row of rows) {
      assert.sameMembers(Object.keys(row), [
        "id",
        "accuracy",
        "low",
        "high",
        "samples",
        "drawnTokens",
        "readTokens",
        "seconds",
        "gainShare"
      ])
      assert.isTrue(0 <= row.low && row.low <= row.accuracy && row.accuracy <= row.high && row.high <= 1, row.id)
      assert.isAbove(row.seconds, 0)
      assert.isAtMost(row.accuracy, byId.oracle16.accuracy + (row.samples < 16 ? 1 : 0))
      if (row.gainShare !== null) {
        const gain = byId.self16.accuracy - byId.one.accuracy
        assert.closeTo(row.gainShare, (row.accuracy - byId.one.accuracy) / gain, 1e-9)
      }
    }
    assert.deepStrictEqual([byId.one.samples, byId.self16.samples, byId.majority16.readTokens], [1, 16, 0])
    assert.isBelow(byId.prune75half.drawnTokens, byId.self16.drawnTokens)
    assert.isBelow(byId.adaptive74.samples, 16)
    // Identical drafts are judged by one reading of the question, so there may be as few as one for sixteen.
    assert.isAtLeast(byId.self16.readTokens, 5)
    assert.isAtMost(byId.self16.readTokens, 16 * 8)
  })

  it("prints both tables in plain text that fits 80 columns", () => {
    const { status, stdout } = start("--problems", "2")
    assert.strictEqual(status, 0)
    for (const line of stdout.split("\n")) assert.isAtMost(line.length, 80, line)
    assert.match(stdout, /^best of 16, self-eval( +\S+){7,8} *$/m)
    assert.match(stdout, /^(trivial|in between|hopeless) +\d( +\d+\.\d%){2} +\d+\.\d% +\d+\.\d\d/m)
    assert.notInclude(stdout, "NaN")
    assert.notInclude(stdout, "EASY")
    assert.notInclude(stdout, "\u001B")
  })

  it.each([
    ["Make 24 from 3, 5, 7 and 11.", "Make 24 from 3 5 7 11"],
    ["grid 4 from 0 to 33 walls 30, 1", "Grid 4 from 0 to 33 walls 1 30"],
    ["Start 7 plus 5 times 3", "Start 7 plus 5 times 3"]
  ])("races the drafts of %s in plain text where there is no terminal", (asked, prompt) => {
    const { status, stdout } = start(asked)
    assert.strictEqual(status, 0)
    assert.strictEqual(stdout.split("\n")[0], prompt)
    assert.match(stdout, /^★ +\d+ +[█░]{10} \.\d\d /m)
    assert.strictEqual(stdout.match(/\(pruned\)/g)?.length, 12)
    assert.match(stdout, /Chosen with score \d\.\d+, and (right|wrong)/)
    assert.notInclude(stdout, "\u001B")
  })

  it("shows the three races alone, each with what came of it", () => {
    const { status, stdout } = start("--race")
    assert.strictEqual(status, 0)
    assert.match(stdout, /^EASY {2}\w[^]*^HOPELESS {2}\w[^]*^IN BETWEEN {2}\w/m)
    assert.strictEqual(stdout.match(/^→ score \.\d\d: .+\.$/gm)?.length, 3)
    assert.notInclude(stdout, "\u001B")
  })

  it.each([
    [["Make 24 from 3 and 8"], /three to six numbers/],
    [["Make 97 from 1, 1, 1 and 1"], /cannot be made/],
    [["hello"], /three kinds of questions/],
    [["Grid 4 from 0 to 33 walls 0"], /is a wall/],
    [["Start 7 plus 5"], /2 to 8 steps/],
    [["--problems", "0"], /--problems must be a whole number/],
    [["--nonsense"], /Unknown option/]
  ])("answers %j with a sentence, not a stack", (args, message) => {
    const { status, stderr } = start(...args)
    assert.strictEqual(status, 2)
    assert.match(stderr, message)
    assert.notMatch(stderr, /\n\s+at /)
  })

  it("asks a model of your own, and says how its graph runs", () => {
    const folder = join(root, "packages/onnx/test/fixtures/qwen2")
    const { status, stdout } = start("--model", folder, "--drafts", "3", "--tokens", "6", "Is a fox quick?")
    assert.strictEqual(status, 0)
    assert.match(stdout, /192 tokens of context; the graph runs rewritten/)
    assert.strictEqual(stdout.match(/── draft \d, score [01]\.\d{3}, \d+ tokens/g)?.length, 3)
    assert.match(stdout, /Chosen: draft [123] of 3\. \d+ tokens drawn, \d+ read/)
  })

  it.each([
    [["--model", "models/pocket"], 2, /Ask something/],
    [["--model", "models/pocket", "--precision", "half", "x"], 2, /--precision must be one of fp32, fp16/],
    [["--model", "models/pocket", "--precision", "q4", "x"], 1, /holds no model_q4\.onnx/],
    [["--model", "no-such-folder", "x"], 1, /no-such-folder.*cannot be read/]
  ])("%j says what is wrong", (args, code, message) => {
    const { status, stderr } = start(...(args as ReadonlyArray<string>))
    assert.strictEqual(status, code)
    assert.match(stderr, message as RegExp)
  })
})
