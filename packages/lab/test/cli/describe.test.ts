import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { start } from "../../../huggingface/test/engines/chat.ts"
import { mulligan, pocket } from "./child.ts"

const TOKEN = "hf_abcdefghijklmnop"

describe.concurrent("mulligan describe", () => {
  it("tells what a folder is, and whether its model judges itself", async () => {
    const args = ["describe", "--model", pocket, "--probe", "Make 17 from 9 2 11 6"]
    const [plain, json] = await Promise.all([mulligan(args), mulligan([...args, "--json", "--speed"])])
    assert.deepStrictEqual([plain.code, plain.stderr, json.code], [0, "", 0])
    assert.match(
      plain.stdout,
      /^model +.*models\/pocket\nbackend +ONNX Runtime in this process, cpu\nfile +.*model\.onnx \(fp32\)\n/
    )
    assert.match(
      plain.stdout,
      /\nlayers +8\ncontext +256 tokens\nvocabulary +433 tokens\nconfidence +over any number .*; and certainty\nself-evaluation +No \d+%, Yes \d+% on one probe, /
    )
    const said = JSON.parse(json.stdout)
    assert.containSubset(said, { backend: "onnx", device: "cpu", graph: "rewritten", precision: "fp32", layers: 8 })
    assert.isAbove(said.labels.mass, 0.9)
    assert.closeTo(said.labels.keep + said.labels.restart, said.labels.mass, 1e-9)
    assert.deepStrictEqual(
      said.speed.map(({ drafts }: { drafts: number }) => drafts),
      [1, 16]
    )
    assert.isAbove(said.speed[1].tokensPerSecond, 0)
  })

  it("tells what a server can do, and sends it no token that was not named for it", async () => {
    const [server, silent] = await Promise.all([start(), start({ logProbs: "ignored", delay: 50 })])
    const env = { HF_TOKEN: TOKEN, OTHER: `${TOKEN}other` }
    const on = ({ url }: typeof server) => ["--endpoint", url, "--model", "pocket"]
    const known = await mulligan(["describe", ...on(server)], { env })
    assert.strictEqual(known.code, 0)
    assert.match(known.stdout, /\nbackend +openai at http:\/\/127\.0\.0\.1:\d+\n/)
    assert.match(known.stdout, /\nlabels +bounds of their probabilities told\n/)
    assert.match(known.stdout, /\nconfidence +over 20 likeliest tokens at most\n/)
    assert.isTrue(server.calls.every(({ headers }) => headers.authorization === undefined))
    const named = await mulligan(["describe", ...on(silent), "--token-env", "OTHER"], { env })
    assert.match(named.stdout, /\nconfidence +not told\n/)
    assert.match(named.stdout, /\nself-evaluation +cannot be asked: /)
    assert.isTrue(silent.calls.every(({ headers }) => headers.authorization === `Bearer ${env.OTHER}`))
    const one = await mulligan(["ask", ...on(silent), "--strategy", "one", "--max-tokens", "8", "hello"], { env })
    assert.deepStrictEqual([one.code, one.stdout.length > 1], [0, true])
    assert.match(one.stderr, /\nChosen: draft 1, judged by nobody, cut by --max-tokens\. 1 draft, 8 tokens drawn, /)
    // Its tokens come as they are drawn.
    assert.isAtLeast(one.pieces, 3)
    for (const { stderr, stdout } of [known, named, one]) assert.notInclude(stdout + stderr, TOKEN)
    await Promise.all([server.stop(), silent.stop()])
  })
})

describe.concurrent("mulligan", () => {
  it("says what it can do, with examples and exit codes", async () => {
    const [all, ask, version] = await Promise.all([mulligan([]), mulligan(["ask", "--help"]), mulligan(["--version"])])
    assert.deepStrictEqual([all.code, ask.code, version.code, all.stderr], [0, 0, 0, ""])
    for (const name of ["ask", "record", "replay", "describe"]) assert.match(all.stdout, new RegExp(`\n  ${name} `))
    assert.match(all.stdout, /Ends with 0 if all went well, 1 if something failed, 2 if .* 130 if it was interrupted\./)
    assert.match(ask.stdout, /\nEXAMPLES\n {2}# .*\n {2}mulligan ask --model /)
    assert.match(version.stdout, /^mulligan v\d+\.\d+\.\d+\n$/)
  })

  it("ends quietly where its reader has seen enough", async () => {
    const { code, stderr } = await mulligan(["describe", "--model", pocket, "--json"], { isUnread: true })
    assert.deepStrictEqual([code, stderr], [0, ""])
  })

  it("completes its options in a shell", async () => {
    const { code, stdout } = await mulligan(["--completions", "bash"])
    assert.strictEqual(code, 0)
    assert.include(stdout, "--prune-at")
    assert.strictEqual(spawnSync("bash", ["-n"], { input: stdout }).status, 0)
  })
})
