import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run } from "../../src/cli/Main.ts"
import * as Problem from "../../src/cli/Problem.ts"
import { pocket } from "./child.ts"

const ask = (...args: ReadonlyArray<string>) => ["ask", "--model", pocket, "q", ...args]

/** Command lines, and what a person is told. */
const table: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
  [["aks"], /^There is no command "aks"\. Did you mean ask\? mulligan --help shows what there is\.$/],
  [ask("--drats", "4"), /^There is no option --drats\. Did you mean --drafts\? mulligan ask --help shows/],
  [ask("--drafts", "x"), /^--drafts cannot be "x"; it wants a whole number from 1\./],
  [ask("--drafts", "0"), /^--drafts cannot be "0"; it wants a whole number from 1\./],
  [ask("--rounds", "1,b"), /^--rounds cannot be "1,b"; it wants whole numbers from 1 with commas between them\./],
  [ask("--threshold", "2"), /^--threshold cannot be "2"; it wants a score from 0 to 1, or "off"\./],
  [ask("--threshold"), /^--threshold needs a value\./],
  [ask("--temperature", "-1"), /^--temperature /],
  [ask("--keep", "0"), /^--keep cannot be "0"/],
  [ask("--keep", "0.5"), /^--keep says how much pruning keeps, and nothing is pruned\. Give --prune-at too\.$/],
  [ask("--prune-at", "600"), /^--prune-at 600 is no less than --max-tokens\./],
  [ask("--strategy", "one", "--drafts", "3"), /^--strategy one draws a single draft\./],
  [ask("--precision", "q9"), /^--precision cannot be "q9"; it wants one of fp32, fp16, q4, q4f16, int8\./],
  [ask("--threads", "0"), /^--threads is below 1\./],
  [ask("more"), /^Nothing is done with "more"; put quotes around what belongs together\./],
  [ask("--token", "hf_abcdefghijkl"), /^A token is not given on the command line.*--token-env\. mulligan ask/],
  [ask("--token-env", "MULLIGAN_NO_SUCH"), /^The variable MULLIGAN_NO_SUCH is not set\./],
  [ask("--tokenizer", "a/b"), /^--tokenizer says nothing to an ONNX model in this process\./],
  [ask("--endpoint", "http://localhost:1", "--device", "cpu"), /^--device says nothing to a server\./],
  [ask("--endpoint", "http://localhost:1", "--precision", "q4"), /^--precision says nothing to a server\./],
  [ask("--endpoint", "http://localhost:1", "--provider", "x"), /^--endpoint and --provider are both given\./],
  [["ask", "q"], /^Which model\? Give --model FOLDER or owner\/name/],
  [["describe"], /^Which model\?/],
  [["record", "--model", pocket], /^--out is needed\./],
  [["record", "--model", pocket, "--out", "x"], /^Which problems\? Give --task \(gsm8k/],
  [["record", "--model", pocket, "--out", "x", "--task", "countdown"], /^--task countdown needs a file\./],
  [["record", "--model", pocket, "--out", "x", "--depths", "half"], /^--depths cannot be "half"; it wants depths/],
  [["record", "--model", pocket, "--out", "x", "--question", " "], /^--question cannot be " "/],
  [["record", "--model", pocket, "--out", "x", "--anneal", "warm"], /^--anneal cannot be "warm"; it wants some of/],
  [["replay"], /^<file> is needed\./]
]

const told = (args: ReadonlyArray<string>) =>
  Effect.map(Effect.exit(run(args)), (exit) => {
    assert.strictEqual(exit._tag, "Failure", args.join(" "))
    return exit._tag === "Failure" ? Problem.told(exit.cause) : { text: "", code: 0 }
  })

describe("a command line that cannot be meant", () => {
  it.effect.each(table)("%j", ([args, expected]) =>
    Effect.map(told(args), ({ code, text }) => {
      assert.match(text, expected)
      assert.strictEqual(code, 2)
      assert.notMatch(text, /\n|hf_abc/)
    })
  )
})

describe("what is not there", () => {
  it.live.each<readonly [ReadonlyArray<string>, RegExp]>([
    [["ask", "--model", "no-folder", "q"], /no-folder\/config\.json cannot be read\. Give the folder/],
    [["replay", "no-recording.gz"], /^no-recording\.gz: /],
    [["record", "--model", pocket, "--out", "x", "--prompts", "no-problems.jsonl"], /no-problems\.jsonl: There is no/],
    [["describe", "--endpoint", "http://127.0.0.1:1", "--model", "x"], /no connection to http:\/\/127\.0\.0\.1:1/],
    [
      ["ask", "--endpoint", "http://me:sk-12345678@localhost", "--model", "x", "q"],
      /^--endpoint holds a user or a pass/
    ]
  ])("%j", ([args, expected]) =>
    Effect.map(told(args), ({ code, text }) => {
      assert.match(text, expected)
      assert.strictEqual(code, 1)
      assert.notMatch(text, /\n|sk-1|endpointUrl|accessToken/)
    })
  )
})
