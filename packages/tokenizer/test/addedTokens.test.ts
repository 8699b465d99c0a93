import { assert, describe, it } from "@effect/vitest"
import { Detokenizer, Tokenizer } from "@mulligan/tokenizer"
import * as Effect from "effect/Effect"
import { chat, files, reference, type Reference, run, tokenizerOf } from "./models.ts"

interface Known extends Reference {
  readonly question: { readonly text: string; readonly ids: ReadonlyArray<number> }
  readonly vocabulary: number
}

/** Whole sentences are added tokens, but no control tokens, with ids beyond the model's own; " 17" is one token. */
describe("a vocabulary with added tokens that a text may spell", async () => {
  const model = files("added-tokens")
  const { cases, question, spellings, unicode, vocabulary } = reference("added-tokens") as Known
  const tokenizer = await run(tokenizerOf(model))
  const encodeUser = (text: string) => Effect.runSync(tokenizer.encodeUser(text, false))
  const labelIds = (label: string) => Tokenizer.labelIds(tokenizer, label, "test")

  it.each(unicode)("encodes as tokenizers does, as a user's text and as a template's: $text", ({ ids, text }) => {
    assert.deepStrictEqual(encodeUser(text), ids)
    assert.deepStrictEqual(tokenizer.encodeTemplate(text), ids)
  })

  it.each(unicode)("decodes what it encoded, at once and token by token: $text", ({ ids, text }) => {
    assert.strictEqual(tokenizer.decode(ids), text)
    const detokenizer = new Detokenizer.Detokenizer(tokenizer)
    assert.strictEqual(ids.map((id) => detokenizer.push(id)).join("") + detokenizer.rest(), text)
  })

  it("counts the added tokens into its vocabulary, and none of them controls the model", () => {
    assert.strictEqual(tokenizer.vocabulary, vocabulary)
    assert.strictEqual(encodeUser(question.text).length, 3)
    assert.deepStrictEqual(tokenizer.controls(encodeUser(question.text)), [])
  })

  it("writes a prompt and a question with them as the reference does", async () => {
    for (const { prompt, promptIds } of cases)
      if (typeof prompt !== "string") assert.deepStrictEqual(await chat(model, (t) => t.prompt(prompt)), promptIds)
    assert.deepStrictEqual(await chat(model, (t) => t.question(question.text)), question.ids)
    const text = await chat(model, (t) => t.questionText(question.text))
    assert.deepStrictEqual(tokenizer.encodeTemplate(text), question.ids)
  })

  it.each(Object.entries(spellings))("finds the label %s", async (label, ids) => {
    assert.deepStrictEqual(await run(labelIds(label)), ids)
  })

  it.each([" <|no|>", "<|no|>.", "<|no", "no"])(
    "a control token is spelled by its name alone, not %j",
    async (label) => {
      const error = await run(Effect.flip(labelIds(label)))
      assert.isTrue(error.reason._tag === "Unsupported" && error.reason.capability === "multi-token labels")
    }
  )
})
