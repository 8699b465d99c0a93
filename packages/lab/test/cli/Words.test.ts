import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { inOurWords } from "../../src/cli/Words.ts"
import { root } from "./child.ts"

describe("a message", () => {
  it.each<readonly [string, string]>([
    ["Give the token as accessToken.", "Give the token by HF_TOKEN, or --token-env."],
    ["Check that it runs and endpointUrl.", "Check that it runs and --endpoint."],
    ["Give one of these as `precision`.", "Give one of these as --precision."],
    ["Record with maxTokens above 12", "Record with --max-tokens above 12"],
    [
      "Record with `readings` that have `tokens: [32]`, or 1 in `shares` where this is a draft's end.",
      "Record with --depths 32t, or 100% where this is a draft's end."
    ],
    [
      "Ask earlier: with fewer `tokens` in `readings`, and maxTokens as low on replay.",
      "Ask earlier: by lower --depths, and --max-tokens as low on replay."
    ],
    ["Record it: name question and labels in `readings`.", "Record it: name it by --question."],
    ["Give an `apiKey` with the right to it.", "Give a token by --reward-token-env with the right to it."],
    ["Check endpointUrl and dialect: another answers.", "Check --endpoint and --dialect: another answers."],
    ["Or give the path of your copy as `file`.", "Or give the path of your copy by --prompts."],
    [
      "Draw fewer, or lower cacheBytes and maxBatchTokens.",
      "Draw fewer, or lower cacheBytes and maxBatchTokens. (No option of the command sets cacheBytes or maxBatchTokens: that is for OnnxBackend.layer, in code.)"
    ],
    [
      "Try again, or raise idleTimeout.",
      "Try again, or raise idleTimeout. (No option of the command sets idleTimeout: that is for a backend's layer, in code.)"
    ],
    ["Render it again.", "Render it again."]
  ])("%s", (text, expected) => assert.strictEqual(inOurWords(text), expected))
})

/** Sentences in a file's strings, what is put into them left out. */
const sentences = (file: string): ReadonlyArray<string> => {
  const code = readFileSync(join(root, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")
  const strings = [...code.matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(
    ([, one, other]) => one ?? other ?? ""
  )
  return strings
    .map((text) => text.replaceAll("\\`", "`").replaceAll(/\$\{[^}]*\}/g, "7"))
    .filter((text) => / \w[\s\S]*[.:?]$/.test(text.trim()))
}

/** What is no option: fields of a file, proper names, functions, and what is refused of numbers that the command checks. */
const others =
  "`conversation` `messages` `prompt` `rewardRefused` arXiv cuDNN vLLM minP topP topK repetitionPenalty stepTokens pruneBelow readPrice".split(
    " "
  )

const namesIn = (text: string): ReadonlyArray<string> =>
  (text.match(/`\w+`|(?<![\w.\\])[a-z]+[A-Z]\w*/g) ?? []).filter((name) => !others.includes(name))

describe("messages of the libraries", () => {
  it("name no option that the command lacks, without saying where to set it", () => {
    const files = globSync("packages/{core,huggingface,lab,onnx,strategies,tokenizer}/src/**/*.ts", { cwd: root })
    const told = files.flatMap(sentences).filter((text) => namesIn(text).length > 0)
    assert.isAbove(told.length, 20)
    const open = told.filter(
      (text) => namesIn(inOurWords(text)).length > 0 && !inOurWords(text).endsWith(", in code.)")
    )
    assert.deepStrictEqual(open, [])
  })
})
