import { assert, describe, it } from "@effect/vitest"
import type { Backend, Token } from "@mulligan/core"
import { dialects } from "@mulligan/huggingface"
import { Tokenizer } from "@mulligan/tokenizer"
import * as Effect from "effect/Effect"
import type { Piece } from "../src/Dialect.ts"
import { Drawing, type Settings } from "../src/internal/Drawing.ts"
import { END, idsOf, tokenizer as files } from "./speech.ts"

const { can } = dialects.find(({ name }) => name === "vllm")!
const tokenizer = Effect.runSync(Tokenizer.make(files, { backend: "test", name: "pocket" }))
const settings: Settings = { can, tokenizer, context: 100, promptLength: 10, step: Infinity }
const request: Backend.GenerateRequest = { prompt: "x", prefix: [], temperature: 1, seed: 1 }

const begun = (rest: Partial<Backend.GenerateRequest> = {}, set: Partial<Settings> = {}) => {
  const ids = (rest.prefix ?? []).flatMap(({ id }) => (id === undefined ? [] : [id]))
  const drawing = new Drawing({ ...settings, ...set }, { ...request, ...rest }, ids)
  return { drawing, plan: drawing.plan() }
}
const piece = (text: string, rest: Partial<Piece> = {}): Piece => ({
  tokens: idsOf(text).map((id) => ({ id, logProb: -1 })),
  ...rest
})
const stop = (rest: Partial<Piece> = {}): Piece => ({ tokens: [{ id: END, logProb: -2 }], end: "stop", ...rest })
const textOf = (tokens: ReadonlyArray<Token.Token>) => tokens.map(({ text }) => text).join("")
const prefix = (text: string): ReadonlyArray<Token.Token> =>
  [...text].map((char) => ({ id: idsOf(char)[0]!, text: char }))

describe("what a request asks for", () => {
  it.each([
    ["until the context is full", {}, {}, { from: 0, maxTokens: 90, streams: true }],
    ["some, where the context is not known", {}, { context: undefined }, { from: 0, maxTokens: 512, streams: true }],
    ["what the caller wants", { maxTokens: 7 }, {}, { from: 0, maxTokens: 7, streams: true }],
    ["no more than fits", { maxTokens: 700 }, {}, { from: 0, maxTokens: 90, streams: true }],
    ["a step at a time", { maxTokens: 7 }, { step: 2 }, { from: 0, maxTokens: 2, streams: true }],
    ["from behind the prefix", { prefix: prefix("abc") }, {}, { from: 3, maxTokens: 87, streams: true }]
  ] as const)("%s", (_, rest, set, plan) => assert.deepStrictEqual(begun(rest, set).plan, plan))

  it("what is left after what came", () => {
    const { drawing } = begun({ maxTokens: 7 })
    drawing.take(piece("abc"))
    assert.isFalse(drawing.isSaid)
    assert.deepStrictEqual(drawing.plan(), { from: 3, maxTokens: 4, streams: true })
  })

  it("nothing, where no token may be drawn", () => assert.isTrue(begun({ maxTokens: 0 }).drawing.isOver))
})

describe("how a draft ends", () => {
  it("with the model's end, which is a token without text", () => {
    const { drawing } = begun()
    assert.deepStrictEqual(drawing.take(piece("a")), [{ id: idsOf("a")[0]!, text: "a", logProb: -1 }])
    assert.deepStrictEqual(drawing.take(stop()), [{ id: END, text: "", logProb: -2, end: "stop" }])
    assert.isTrue(drawing.isOver && drawing.isSaid)
  })

  it("with the end that comes an event after its token", () => {
    const { drawing } = begun()
    assert.deepStrictEqual(drawing.take({ tokens: [{ id: END, logProb: -2 }] }), [])
    assert.deepStrictEqual(drawing.take({ tokens: [], end: "stop" }), [{ id: END, text: "", logProb: -2, end: "stop" }])
  })

  it("not with a control token after which more comes", () => {
    const { drawing } = begun()
    drawing.take({ tokens: [{ id: END }] })
    assert.deepStrictEqual(
      drawing.take(piece("a")).map(({ id }) => id),
      [END, ...idsOf("a")]
    )
    assert.isFalse(drawing.isOver)
  })

  it("where the caller's limit is, without an end: it may go on", () => {
    const { drawing } = begun({ maxTokens: 2 })
    const tokens = drawing.take(piece("abc", { end: "limit" }))
    assert.strictEqual(textOf(tokens), "ab")
    assert.isUndefined(tokens.at(-1)?.end)
    assert.isTrue(drawing.isOver)
  })

  it("with `length` where the context is full", () => {
    const { drawing } = begun({}, { context: 12 })
    const tokens = drawing.take(piece("ab", { end: "limit" }))
    assert.deepStrictEqual(
      tokens.map(({ end }) => end),
      [undefined, "length"]
    )
  })

  it("with `length` where a server that was asked for no limit has one", () => {
    const { drawing } = begun({}, { context: undefined })
    assert.strictEqual(drawing.take(piece("ab", { end: "limit" })).at(-1)?.end, "length")
  })

  it("goes on where a server cut it short of what it was asked for", () => {
    const { drawing } = begun()
    assert.strictEqual(textOf(drawing.take(piece("ab", { end: "limit" }))), "ab")
    assert.isFalse(drawing.isOver)
    assert.strictEqual(drawing.plan().from, 2)
  })

  it("by the model's limit where a server cut it short and nobody knows how much room is left", () => {
    const { drawing } = begun({}, { context: undefined })
    const tokens = drawing.take(piece("ab", { end: "limit" }))
    assert.strictEqual(textOf(tokens), "ab")
    assert.strictEqual(tokens.at(-1)?.end, "length")
    assert.isTrue(drawing.isOver)
  })

  it("before a stop string, wherever pieces and tokens are cut", () => {
    for (const cut of [1, 2, 3, 4, 5]) {
      const { drawing } = begun({ stop: ["STOP"] })
      const text = "abSTOPcd"
      const tokens = [...drawing.take(piece(text.slice(0, cut))), ...drawing.take(piece(text.slice(cut)))]
      assert.strictEqual(textOf(tokens), "ab")
      assert.strictEqual(tokens.at(-1)?.end, "stop")
      assert.isTrue(drawing.isOver)
    }
  })

  it("a stop string that did not come to be is given at the end", () => {
    const { drawing } = begun({ stop: ["STOP"] })
    assert.strictEqual(textOf(drawing.take(piece("abSTO"))), "ab")
    assert.isTrue(drawing.isBegun)
    assert.strictEqual(textOf(drawing.take(stop())), "STO")
  })

  it("a stop string may begin in the prefix", () => {
    const { drawing } = begun({ prefix: prefix("abST"), stop: ["STOP"] })
    assert.isFalse(drawing.isBegun)
    const tokens = drawing.take(piece("OPc"))
    assert.strictEqual(textOf(tokens), "")
    assert.strictEqual(tokens.at(-1)?.end, "stop")
  })

  it("a character cut into tokens comes with the last of them", () => {
    const { drawing } = begun()
    assert.deepStrictEqual(
      drawing.take(piece("é")).map(({ text }) => text),
      ["", "é"]
    )
  })
})

describe("tokens that a stream left out", () => {
  it("are drawn again, by a request that gives all of them at the end", () => {
    const { drawing } = begun({ maxTokens: 40 })
    assert.strictEqual(textOf(drawing.take(piece("ab", { drawn: 2 }))), "ab")
    assert.deepStrictEqual(drawing.take(piece("", { drawn: 4 })), [])
    assert.isTrue(drawing.isStale)
    assert.deepStrictEqual(drawing.plan(), { from: 0, maxTokens: 4, streams: false })
    assert.strictEqual(textOf(drawing.take(piece("abcd", { drawn: 4, end: "limit" }))), "cd")
    assert.isFalse(drawing.isOther || drawing.isOver)
    assert.deepStrictEqual(drawing.plan(), { from: 4, maxTokens: 16, streams: false })
  })

  it("fail the draft where the same seed gives others", () => {
    const { drawing } = begun()
    drawing.take(piece("ab", { drawn: 2 }))
    drawing.take(piece("", { drawn: 4 }))
    drawing.plan()
    assert.deepStrictEqual(drawing.take(piece("aXcd", { drawn: 4 })), [])
    assert.isTrue(drawing.isOther)
  })

  it("fail the draft where the whole answer leaves them out as well", () => {
    const { drawing } = begun()
    drawing.take(piece("", { drawn: 1 }))
    drawing.plan()
    drawing.take(piece("", { drawn: 1 }))
    assert.isTrue(drawing.isOther)
  })
})

describe("log-probabilities", () => {
  it("are those of the server, never above 0 and never NaN", () => {
    const { drawing } = begun()
    const tokens = drawing.take({ tokens: [-1, 1e-9, -Infinity, NaN].map((logProb) => ({ id: 70, logProb })) })
    assert.deepStrictEqual(
      tokens.map(({ logProb }) => logProb),
      [-1, 0, -Infinity, undefined]
    )
  })

  it.each([
    ["as drawn from, at temperature 1 with nothing cut off", {}, undefined],
    ["as drawn from, at another temperature", { temperature: 0.5 }, true],
    ["as drawn from, with a cut", { topP: 0.9 }, true]
  ] as const)("%s", (_, rest, processed) => {
    const { drawing } = begun(rest, { can: { ...can, logProbs: "processed" } })
    assert.strictEqual(drawing.take(piece("a"))[0]?.processed, processed)
  })
})
