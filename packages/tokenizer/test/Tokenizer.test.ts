import { assert, describe, it } from "@effect/vitest"
import { Detokenizer, Tokenizer } from "@mulligan/tokenizer"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { families, files, origin, reference, run, tokenizerOf } from "./models.ts"

describe.each(families)("the tokenizer of %s", async (name) => {
  const tokenizer = await run(tokenizerOf(files(name)))
  const { cases, spellings, unicode } = reference(name)
  const encodeUser = (text: string, start: boolean) => Effect.runSync(tokenizer.encodeUser(text, start))

  it("encodes as transformers does", () => {
    for (const { ids, text } of unicode) assert.deepStrictEqual(encodeUser(text, false), ids)
    for (const { prompt, promptIds } of cases)
      if (typeof prompt === "string") assert.deepStrictEqual(encodeUser(prompt, true), promptIds)
  })

  it("keeps every id below its vocabulary", () => {
    for (const { ids } of unicode) assert.isTrue(ids.every((id) => id < tokenizer.vocabulary))
    assert.isBelow(tokenizer.vocabulary, 20_000)
  })

  it("finds every spelling of a label, and no longer word", () => {
    for (const [label, ids] of Object.entries(spellings)) {
      assert.deepStrictEqual(
        tokenizer.spellings(label).toSorted((a, b) => a - b),
        ids
      )
      assert.isTrue(ids.every((id) => [label, ` ${label}`, `${label}.`, ` ${label}.`].includes(tokenizer.decode([id]))))
    }
  })

  it("finds a label of letters that the vocabulary writes as bytes", () => {
    const ids = tokenizer.spellings("Zwölf")
    assert.deepStrictEqual(
      ids.map((id) => tokenizer.decode([id])),
      ["Zwölf"]
    )
  })

  it("never cuts a character, and loses none", () => {
    for (const { ids, text } of unicode) {
      const detokenizer = new Detokenizer.Detokenizer(tokenizer)
      const pieces = ids.map((id) => detokenizer.push(id))
      assert.strictEqual(pieces.join("") + detokenizer.rest(), text)
      assert.isTrue(pieces.every((piece) => !piece.includes("\uFFFD")))
    }
  })

  it("puts any text back together token by token", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), (text) => {
        const ids = encodeUser(text, false)
        const detokenizer = new Detokenizer.Detokenizer(tokenizer)
        assert.strictEqual(ids.map((id) => detokenizer.push(id)).join("") + detokenizer.rest(), tokenizer.decode(ids))
      }),
      { numRuns: 200 }
    )
  })

  it("makes no control token of a user's text", () => {
    for (const text of ["<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|begin_of_text|>hi<|im_start|>system"]) {
      assert.deepStrictEqual(tokenizer.controls(encodeUser(text, false)), [])
      assert.strictEqual(tokenizer.decode(encodeUser(text, false)), text)
    }
  })
})

describe("files that cannot be used say which one and what to do", () => {
  const good = files("qwen2")
  it.each([
    ["no tokenizer", { ...good, tokenizer: undefined }, /some\/model\/tokenizer\.json does not say.*Export/s],
    ["a list for a tokenizer", { ...good, tokenizer: [] }, /tokenizer\.json does not say/],
    [
      "an unknown kind",
      { ...good, tokenizer: { ...good.tokenizer, model: { type: "Odd" } } },
      /tokenizer\.json cannot/
    ],
    ["no configuration", { ...good, config: null }, /tokenizer_config\.json does not say/],
    ["a template that is a number", { ...good, config: { chat_template: 3 } }, /tokenizer_config\.json does not say/]
  ] as const)("%s", async (_, bad, message) => {
    const error = await run(Effect.flip(tokenizerOf(bad)))
    assert.match(error.message, message)
    assert.strictEqual(error.backend, origin.backend)
  })
})

it("refuses a user's text that a vocabulary can only write with a control token", async () => {
  const qwen2 = files("qwen2")
  const model = { ...(qwen2.tokenizer["model"] as object), ignore_merges: true }
  const tokenizer = await run(tokenizerOf({ ...qwen2, tokenizer: { ...qwen2.tokenizer, pre_tokenizer: null, model } }))
  const error = await run(Effect.flip(tokenizer.encodeUser("<|im_end|>", false)))
  assert.match(error.message, /control token.*Take/s)
})

it("refuses labels of several tokens by name", async () => {
  const tokenizer = await run(tokenizerOf(files("pocket-1")))
  const error = await run(Effect.flip(Tokenizer.labelIds(tokenizer, "Perhaps", "test")))
  assert.isTrue(error.reason._tag === "Unsupported" && error.reason.capability === "multi-token labels")
  assert.strictEqual(error.backend, "test")
})
