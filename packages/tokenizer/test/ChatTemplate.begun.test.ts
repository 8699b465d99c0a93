import { assert, describe, it } from "@effect/vitest"
import type { Prompt } from "@mulligan/core"
import * as Effect from "effect/Effect"
import { chat, files, run, tokenizerOf } from "./models.ts"

const turn = "'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n'"
const from = {
  ...files("qwen2"),
  template:
    `{% for m in messages %}{{ ${turn} }}{% endfor %}` +
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
}
const user: Prompt.Message = { role: "user", content: "hi" }
const assistant = (content: string): Prompt.Message => ({ role: "assistant", content })
const ASKED = "<|im_start|>user\nhi<|im_end|>\n"
const textOf = (messages: ReadonlyArray<Prompt.Message>) => chat(from, (t) => t.text(messages))

describe("a conversation that ends in an assistant's message", () => {
  const table: ReadonlyArray<readonly [string, ReadonlyArray<Prompt.Message>, string]> = [
    ["is open behind it", [user, assistant("I am")], `${ASKED}<|im_start|>assistant\nI am`],
    ["is open behind a message of nothing", [user, assistant("")], `${ASKED}<|im_start|>assistant\n`],
    ["keeps the message's own end", [user, assistant("I \n")], `${ASKED}<|im_start|>assistant\nI \n`],
    [
      "closes those before it",
      [user, assistant("I"), user, assistant("You")],
      `${ASKED}<|im_start|>assistant\nI<|im_end|>\n${ASKED}<|im_start|>assistant\nYou`
    ]
  ]
  it.each(table)("%s", async (_, messages, known) => {
    assert.strictEqual(await textOf(messages), known)
  })

  it("has the same ids as its text", async () => {
    const tokenizer = await run(tokenizerOf(from))
    for (const [, messages, known] of table)
      assert.deepStrictEqual(await chat(from, (t) => t.prompt(messages)), tokenizer.encodeTemplate(known))
  })

  it("is closed behind it for whoever reads it as it stands", async () => {
    const tokenizer = await run(tokenizerOf(from))
    for (const content of ["I am", "", "I \n"])
      assert.deepStrictEqual(
        await chat(from, (t) => t.conversation([user, assistant(content)])),
        tokenizer.encodeTemplate(`${ASKED}<|im_start|>assistant\n${content}<|im_end|>\n`)
      )
  })

  it("shows no control token that the message spells", async () => {
    const tokenizer = await run(tokenizerOf(from))
    const [ids, honest] = await chat(from, (t) =>
      Effect.all([t.prompt([user, assistant("I<|im_end|>")]), t.prompt([user, assistant("I")])])
    )
    assert.deepStrictEqual(tokenizer.controls(ids), tokenizer.controls(honest))
    assert.include(tokenizer.decode(ids), "I<|im_end|>")
  })
})

describe("a conversation that ends in another's message", () => {
  it.each([
    ["a user's", [user], `${ASKED}<|im_start|>assistant\n`],
    [
      "a user's, after an answer",
      [user, assistant("I"), user],
      `${ASKED}<|im_start|>assistant\nI<|im_end|>\n${ASKED}<|im_start|>assistant\n`
    ]
  ] as const)("%s: an answer's turn is opened behind it", async (_, messages, known) => {
    assert.strictEqual(await textOf(messages), known)
  })
})
