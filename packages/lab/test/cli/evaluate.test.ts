import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { count, plan, prompts, script } from "../evaluated.ts"
import { record } from "../harness.ts"
import { mulligan } from "./child.ts"

const folder = mkdtempSync(join(tmpdir(), "mulligan-evaluate-"))
const drafts = join(folder, "drafts.jsonl.gz")
const problems = join(folder, "problems.jsonl")
/** Of every text that can be drawn some are right. */
const answers = ["aaaa", "aaa", "aba", "abb", "aab", "aaab", "abab"]

beforeAll(async () => {
  const rows = prompts.map((prompt, i) => `${JSON.stringify({ prompt, answer: answers[i % answers.length] })}\n`)
  writeFileSync(problems, rows.join(""))
  await Effect.runPromise(record(drafts, plan, script))
})
afterAll(() => rmSync(folder, { recursive: true }))

const graded = [drafts, "--prompts", problems]

describe("mulligan evaluate", () => {
  it("says first whether the scores can be trusted, then what each strategy is worth", async () => {
    const { code, stderr, stdout } = await mulligan(["evaluate", ...graded])
    assert.strictEqual(stderr, "")
    assert.strictEqual(code, 0)
    assert.match(stdout, /^(Self-evaluation|Only \d+ prompts)/)
    for (const name of ["one sample", "greedy", `best of ${count}, self-evaluation`, "adaptive, threshold 0.9"])
      assert.include(stdout, name)
  })

  it("prints one object for programs", async () => {
    const { code, stdout } = await mulligan([
      "evaluate",
      ...graded,
      "--thresholds",
      "0.3,0.7",
      "--limit",
      "30",
      "--json"
    ])
    assert.strictEqual(code, 0)
    const told = JSON.parse(stdout) as {
      readonly problems: number
      readonly rows: ReadonlyArray<{ readonly name: string }>
    }
    assert.strictEqual(told.problems, 30)
    const names = told.rows.map(({ name }) => name)
    assert.includeMembers(names, ["adaptive, threshold 0.3", "adaptive, threshold 0.7"])
  })

  it("cuts drafts where it is told to", async () => {
    const evaluated = async (...more: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await mulligan(["evaluate", ...graded, ...more, "--json"])
      assert.strictEqual(code, 0, stderr)
      const { rows } = JSON.parse(stdout) as {
        readonly rows: ReadonlyArray<{ readonly name: string; readonly drawnTokens: { readonly value: number } }>
      }
      return rows.find(({ name }) => name === `best of ${count}, self-evaluation`)!.drawnTokens.value
    }
    assert.strictEqual(await evaluated("--max-tokens", "2"), 2 * count)
    assert.isAbove(await evaluated(), 2 * count)
  })

  it.each([
    [["evaluate", ...graded, "--max-tokens", "1"], 1, /not asked after these 1 tokens/],
    [["evaluate", join(folder, "none.gz"), "--prompts", problems], 1, /could not be read/],
    [["evaluate", drafts], 2, /Which problems\?/],
    [["evaluate", ...graded, "--thresholds", "2"], 2, /from 0 to 1/],
    [["tune", ...graded, "--share", "1", "--budget", "9"], 2, /--share and --budget are both given/],
    [["tune", ...graded, "--share", "-1"], 2, /share/]
  ] as const)("ends %o with a sentence", async (args, expected, sentence) => {
    const { code, stderr, stdout } = await mulligan(args)
    assert.match(stderr, sentence)
    assert.notInclude(stderr, "    at ")
    assert.strictEqual(code, expected)
    assert.strictEqual(stdout, "")
  })
})

describe("mulligan tune", () => {
  it("prints a strategy, and what it is worth where it was not chosen", async () => {
    const { code, stdout } = await mulligan(["tune", ...graded, "--share", "0.5", "--strategy", "adaptive"])
    assert.strictEqual(code, 0)
    assert.match(stdout, /^\/\/ Chosen among \d+ settings/)
    assert.match(stdout, /export const strategy = \(prompt: Prompt\.Prompt, seed = 0\) =>\n {2}Candidates\.fromPrompt/)
  })

  it("keeps to a budget, and says it for programs", async () => {
    const { code, stdout } = await mulligan(["tune", ...graded, "--budget", "12", "--json"])
    assert.strictEqual(code, 0)
    const told = JSON.parse(stdout) as {
      readonly isReached: boolean
      readonly chosenOn: { readonly cost: { readonly value: number } }
    }
    assert.isTrue(told.isReached)
    assert.isAtMost(told.chosenOn.cost.value, 12)
  })
})

describe("mulligan report", () => {
  it("writes a page that needs no network, and the charts", async () => {
    const [out, charts] = [join(folder, "report.html"), join(folder, "figures")]
    const { code, stdout } = await mulligan(["report", ...graded, "--out", out, "--charts", charts, "--json"])
    assert.strictEqual(code, 0)
    const told = JSON.parse(stdout) as { readonly advice: string; readonly files: ReadonlyArray<string> }
    assert.includeMembers([...told.files], [out, join(charts, "frontier.svg"), join(charts, "reliability.svg")])
    const page = readFileSync(out, "utf8")
    assert.include(page, "50% pruned after 3")
    assert.notMatch(page, /(src|href)="https?:/)
    assert.match(readFileSync(join(charts, "frontier.svg"), "utf8"), /^<svg/)
  })

  it("says where it cannot write", async () => {
    const { code, stderr } = await mulligan(["report", ...graded, "--out", join(folder, "none/report.html")])
    assert.match(stderr, /cannot be written\. Give a path/)
    assert.strictEqual(code, 2)
  })
})
