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

it("begins a user's text as the model wants, with a control token that is no word of it", async () => {
  const { config, tokenizer: json } = files("llama-gqa")
  const content = "<|begin_of_text|>"
  const model = json["model"] as { readonly vocab: Readonly<Record<string, number>> }
  const vocab = Object.fromEntries(Object.entries(model.vocab).filter(([piece]) => piece !== content))
  const single = [{ SpecialToken: { id: content, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }]
  const special_tokens = { [content]: { id: content, ids: [0], tokens: [content] } }
  const post_processor = { type: "TemplateProcessing", single, pair: [], special_tokens }
  const changed = { ...json, post_processor, model: { ...model, vocab } }
  const [before, after] = [
    await run(tokenizerOf(files("llama-gqa"))),
    await run(tokenizerOf({ tokenizer: changed, config }))
  ]
  const text = `Hello ${content}`
  const ids = await run(before.encodeUser(text, false))
  assert.deepStrictEqual(await run(after.encodeUser(text, true)), [0, ...ids])
  assert.deepStrictEqual(await run(after.encodeUser(text, false)), ids)
  assert.deepStrictEqual(after.controls([0, ...ids]), [0])
  assert.strictEqual(after.decode([0, ...ids]), text)
})

/** Words of one letter, `[turn]` of the template and `<end>` beyond them, and nothing done to a text. */
const letters = (more: object = {}, decoder: object | null = null) => ({
  tokenizer: {
    added_tokens: [
      { id: 5, content: "<end>", special: true, normalized: false },
      { id: 7, content: "[turn]", special: false, normalized: false },
      { id: 8, content: "No.", special: true, normalized: false }
    ],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder,
    model: { type: "BPE", vocab: { a: 0, b: 1, No: 2 }, merges: [], ...more }
  },
  config: {},
  template: "[turn]{{ messages[0].content }}"
})

describe("control tokens that are no words", async () => {
  const tokenizer = await run(tokenizerOf(letters()))

  it("count into the vocabulary, and are found in a template's text alone", async () => {
    assert.strictEqual(tokenizer.vocabulary, 9)
    assert.deepStrictEqual(tokenizer.encodeTemplate("a[turn]b<end>"), [0, 7, 1, 5])
    assert.deepStrictEqual(tokenizer.controls([0, 5, 1, 7]), [5, 7])
  })

  it("have a text where they are not special", () => {
    assert.strictEqual(tokenizer.decode([0, 7, 5, 1]), "a [turn] b")
  })

  it("spell no label but their own name", () => {
    assert.deepStrictEqual(tokenizer.spellings("No"), [2])
    assert.deepStrictEqual(tokenizer.spellings("No."), [8])
  })
})

it("takes the mark off the end of words", async () => {
  const vocab = { "a</w>": 0, "b</w>": 1 }
  const marked = letters({ vocab, end_of_word_suffix: "</w>" }, { type: "Fuse" })
  assert.strictEqual((await run(tokenizerOf(marked))).decode([0, 1]), "a b")
})

it("encodes the prompt of all drafts once, at the start of a text or not", async () => {
  const tokenizer = await run(tokenizerOf(files("qwen2")))
  const [text, other] = ["one prompt", "another"]
  const first = await run(tokenizer.encodeUser(text, true))
  assert.strictEqual(await run(tokenizer.encodeUser(text, true)), first)
  assert.notStrictEqual(await run(tokenizer.encodeUser(text, false)), first)
  assert.strictEqual(tokenizer.encodeTemplate(text), tokenizer.encodeTemplate(text))
  assert.notDeepEqual(await run(tokenizer.encodeUser(other, true)), first)
  assert.deepStrictEqual(await run(tokenizer.encodeUser(text, true)), first)
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
