import { assert, describe, it } from "@effect/vitest"
import { Recording } from "@mulligan/lab"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawnSync } from "node:child_process"
import { join } from "node:path"
import { hasTerminal, inFolder, mulligan, onTerminal, pocket, root, writeGames } from "./child.ts"

const read = (file: string) => Effect.runPromise(Recording.read(file))

/** What was drawn and said, in an order of its own. */
const contentOf = ({ problems }: Recording.Recording) =>
  problems
    .flatMap(({ drafts, prompt }) =>
      drafts.map(({ readings, seed, temperature, tokens }) =>
        JSON.stringify([
          prompt,
          seed,
          temperature,
          tokens.map(({ id }) => id),
          readings.map(({ after, question }) => [after, question]).toSorted()
        ])
      )
    )
    .toSorted()

const inGames = <A>(count: number, work: (files: { readonly games: string; readonly out: string }) => Promise<A>) =>
  inFolder((folder) => {
    const games = join(folder, "games.jsonl")
    writeGames(games, count)
    return work({ games, out: join(folder, "drafts.jsonl.gz") })
  })

const GAMES = 12
const DRAFTS = 6

/** A model of random weights, whose drafts mostly fill its little context. */
const endless = join(root, "packages/onnx/test/fixtures/qwen2")

/** One draft at a time, so that there is time to interrupt it. */
const recording = (games: string, out: string, ...more: ReadonlyArray<string>) =>
  ["record", "--model", pocket, "--prompts", games, "--drafts", String(DRAFTS), "--depths", "5t,50%,100%"].concat(
    ["--out", out],
    more
  )

const interruptSoon = (text: string, child: ChildProcess) => {
  if (text.includes("Recording")) setTimeout(() => child.kill("SIGINT"), 400)
}

describe.concurrent("mulligan record", () => {
  it("has tokens tell how sure the model was, in all of a file or none", () =>
    inGames(3, async ({ games, out }) => {
      const drawn = await mulligan(recording(games, out, "--confidence", "20", "--certainty"))
      assert.strictEqual(drawn.code, 0, drawn.stderr)
      const { measures, problems } = await read(out)
      assert.deepStrictEqual<unknown>(measures, { confidence: 20, certainty: true })
      const tokens = problems.flatMap(({ drafts }) => drafts.flatMap((draft) => draft.tokens))
      assert.isTrue(tokens.every(({ certainty, confidence }) => confidence! > 0 && certainty! > 0))
      const other = await mulligan(recording(games, out))
      assert.strictEqual(other.code, 1)
      assert.match(other.stderr, /tokens tell confidence over 20 and certainty, not nothing more/)
    }))

  it("stops at Ctrl-C, ends with 130, and the command that it names goes on to the same recording", () =>
    inGames(GAMES, async ({ games, out }) => {
      const args = recording(games, out, "--concurrency", "1")
      const interrupted = await mulligan(args, { onStderr: interruptSoon })
      assert.strictEqual(interrupted.code, 130)
      const command = /^Interrupted\. What is there is kept; go on with:\n {2}(node .*)\n$/m.exec(
        interrupted.stderr
      )?.[1]
      const begun = await read(out)
      const resumed = spawnSync("sh", ["-c", `${command} --json`], { cwd: root, encoding: "utf8" })
      assert.strictEqual(resumed.status, 0)
      const told = JSON.parse(resumed.stdout)
      const whole = await read(out)
      assert.deepStrictEqual([told.problems, told.drafts, told.failed], [GAMES, GAMES * DRAFTS, 0])
      assert.isBelow(told.usage.samples, GAMES * DRAFTS)
      assert.includeMembers(
        whole.problems.map(({ prompt }) => JSON.stringify(prompt)),
        begun.problems.map(({ prompt }) => JSON.stringify(prompt))
      )
      const other = `${out}.other`
      const undisturbed = await mulligan(recording(games, other))
      assert.strictEqual(undisturbed.code, 0)
      assert.match(undisturbed.stdout, /: 12 problems, 72 drafts\. This time 72 drafts, [\d,]+ tokens drawn, /)
      assert.deepStrictEqual(contentOf(whole), contentOf(await read(other)))
    }))

  it("says how many questions had no room behind a draft, and replay what became of it", () =>
    inGames(2, async ({ games, out }) => {
      const plan = ["--model", endless, "--prompts", games, "--drafts", "2", "--depths", "10t,100%", "--out", out]
      const { code, stderr, stdout } = await mulligan(["record", ...plan, "--json"])
      assert.strictEqual(code, 0)
      const { drafts, unread } = JSON.parse(stdout)
      assert.isTrue(drafts === 4 && unread > 0)
      assert.match(stderr, new RegExp(`\n${unread} readings? left out: the draft fills the model's context`))
      const [whole, early] = await Promise.all([
        mulligan(["replay", out]),
        mulligan(["replay", out, "--max-tokens", "10"])
      ])
      assert.deepStrictEqual([whole.code, early.code], [0, 0])
      const left = `${unread} drafts? left the question no room .*\\n(adaptive has no answer to \\d problems?\\.\\n)?Give --max`
      assert.match(whole.stderr, new RegExp(`^${left}`))
      assert.strictEqual(early.stderr, "")
      assert.notInclude(early.stdout, "none")
    }))

  it.runIf(hasTerminal)("shows a bar and the time left on a terminal", () =>
    inGames(8, async ({ games, out }) => {
      const { code, shown } = await onTerminal(recording(games, out, "--concurrency", "1"))
      assert.strictEqual(code, 0)
      assert.match(shown, /█+░+ \d+ of 48 drafts, \d+%, \d+ s left/)
    })
  )
})

describe("mulligan replay", () => {
  it("decides strategies on a recording, and refuses what was not recorded in a sentence", () =>
    inGames(6, async ({ games, out }) => {
      assert.strictEqual((await mulligan(recording(games, out))).code, 0)
      const names = ["one", "adaptive", "best"]
      const strategies = names.flatMap((name) => ["--strategy", name])
      const [table, json, refused] = await Promise.all([
        mulligan(["replay", out, ...strategies]),
        mulligan(["replay", out, ...strategies, "--json"]),
        mulligan(["replay", out, "--prune-at", "7"])
      ])
      assert.deepStrictEqual([table.code, json.code, refused.code], [0, 0, 1])
      assert.match(table.stdout, /^6 problems, .*\n\n +drafts +tokens drawn +read to judge +score\n─+\none +1\.00 /)
      assert.match(table.stdout, /\nbest +6\.00 /)
      const said = JSON.parse(json.stdout)
      const [one, adaptive, best] = said.strategies
      assert.deepStrictEqual(
        said.strategies.map(({ name }: { name: string }) => name),
        names
      )
      assert.deepStrictEqual([one.drafts, best.drafts, best.problems.length], [1, 6, 6])
      assert.isTrue(one.drawnTokens <= adaptive.drawnTokens && adaptive.drawnTokens <= best.drawnTokens)
      assert.isTrue(one.score <= best.score && adaptive.score <= best.score)
      assert.match(refused.stderr, /^mulligan: The question was not asked after these 7 tokens; .* --depths 7t, .*\n$/)
    }))
})
