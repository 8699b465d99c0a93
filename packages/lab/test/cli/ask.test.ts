import { assert, describe, it } from "@effect/vitest"
import { hasTerminal, mulligan, onTerminal, pocket } from "./child.ts"

const question = "Make 17 from 9 2 11 6"
const answer = "6 / 2 = 3 [ 3 9 11 ] 11 - 3 = 8 [ 8 9 ] 9 + 8 = 17 [ 17 ]"
const escape = String.fromCharCode(27)

describe.concurrent("mulligan ask", () => {
  it("answers on the standard output, and tells the rest on the other, plainly", async () => {
    const { code, stderr, stdout } = await mulligan(["ask", "--model", pocket, question])
    assert.strictEqual(stdout, `${answer}\n`)
    assert.strictEqual(code, 0)
    assert.match(stderr, /^At most 16 drafts, judged by self-evaluation\.\nDraft 1: score 0\.\d\d, 28 tokens\.\n/)
    assert.match(
      stderr,
      /\nChosen: draft 2, score 0\.99 by self-evaluation\. 2 drafts, 56 tokens drawn, \d+ read to judge; /
    )
    assert.notInclude(stderr, escape)
  })

  it("reads a question from a pipe, and prints one object for programs", async () => {
    const args = ["ask", "--model", pocket, "--strategy", "pruned", "--prune-at", "5,10", "--drafts", "8", "--json"]
    const { code, stdout } = await mulligan(args, { input: `${question}\n` })
    const said = JSON.parse(stdout)
    assert.strictEqual(code, 0)
    assert.strictEqual(said.question, question)
    assert.strictEqual(said.drafts.length, 8)
    const chosen = said.drafts.find(({ state }: { state: string }) => state === "chosen")
    assert.strictEqual(said.answer, chosen.text.trimStart())
    assert.strictEqual(said.index, chosen.index)
    assert.strictEqual(said.drafts.filter(({ state }: { state: string }) => state === "pruned").length, 6)
    const { cancelledTokens, drawnTokens, keptTokens, lostTokens, prunedTokens } = said.usage
    assert.strictEqual(drawnTokens, keptTokens + prunedTokens + lostTokens + cancelledTokens)
    assert.isAbove(prunedTokens, 0)
  })

  it("gives the answer as it is drawn once one draft is left, and the same one", async () => {
    const args = ["ask", "--model", pocket, "--strategy", "pruned", "--prune-at", "5", "--keep", "1", question]
    const [plain, json] = await Promise.all([mulligan(args), mulligan([...args, "--json"])])
    assert.strictEqual(plain.stdout, `${JSON.parse(json.stdout).answer}\n`)
  })

  it.each<readonly [ReadonlyArray<string>, RegExp]>([
    [["ask", "--model", pocket], /^mulligan: Ask something: mulligan ask --model FOLDER "[^"]+"\n$/],
    [["ask", "--drats", "4"], /^mulligan: There is no option --drats\. Did you mean --drafts\? .*\n$/]
  ])("ends with 2 and a sentence, and no help, where %j cannot be meant", async (args, expected) => {
    const { code, stderr, stdout } = await mulligan(args, { input: " \n" })
    assert.deepStrictEqual([code, stdout], [2, ""])
    assert.match(stderr, expected)
  })

  it("shows a trace to who asks for it", async () => {
    const env = { MULLIGAN_DEBUG: "1" }
    const { code, stderr } = await mulligan(["ask", "--model", "no-folder", question], { env })
    assert.strictEqual(code, 1)
    assert.match(stderr, /^mulligan: no-folder\/config\.json cannot be read\. .*\n[^]*\n {4}at /)
  })

  it("stops at Ctrl-C, says so, and ends with 130", async () => {
    const args = ["ask", "--model", pocket, "--strategy", "best", "--drafts", "2000", "--anneal", "off", question]
    const { code, stderr, stdout } = await mulligan(args, {
      onStderr: (text, child) => text.includes("2000 drafts") && child.kill("SIGINT")
    })
    assert.deepStrictEqual([code, stdout], [130, ""])
    assert.match(stderr, /\nInterrupted after .* The same command draws the same drafts again\.\n$/)
  })

  it.runIf(hasTerminal)("shows the drafts side by side on a terminal, in colour", async () => {
    const { code, shown } = await onTerminal(["ask", "--model", pocket, question])
    assert.strictEqual(code, 0)
    assert.include(shown, `★   2  ██████████  0.99  ${answer}`)
    assert.include(shown, `${escape}[32m`)
    assert.notMatch(shown, /Draft 1:/)
  })

  it.runIf(hasTerminal)("keeps its colours to itself with NO_COLOR", async () => {
    const { shown } = await onTerminal(["ask", "--model", pocket, question], { NO_COLOR: "1" })
    assert.include(shown, `★   2  ██████████  0.99  ${answer}`)
    assert.notMatch(shown, new RegExp(`${escape}\\[[\\d;]*m`))
  })
})
