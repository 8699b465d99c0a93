import { assert, describe, it } from "@effect/vitest"
import type { Token } from "@mulligan/core"
import * as fc from "fast-check"
import { StopStrings } from "@mulligan/tokenizer/StopStrings"

const run = (texts: ReadonlyArray<string>, stops: ReadonlyArray<string>, given = "") => {
  const matcher = new StopStrings(stops, given)
  const out: Array<Token.Token> = []
  for (const [id, text] of texts.entries()) {
    out.push(...matcher.push({ id, text }))
    if (out.at(-1)?.end !== undefined) return out
  }
  return [...out, ...matcher.rest()]
}
const text = (tokens: ReadonlyArray<Token.Token>) => tokens.map((t) => t.text).join("")

describe("StopStrings", () => {
  it.each([
    [["ab", "cd"], ["bc"], "a", "stop"],
    [["ab", "cd"], ["x"], "abcd", undefined],
    [["a", "b", "c"], ["abc"], "", "stop"],
    [["a", "b", "d"], ["abc"], "abd", undefined],
    [["aab"], ["ab"], "a", "stop"],
    [["one\n", "\ntwo"], ["\n\n"], "one", "stop"],
    [["ab"], [], "ab", undefined],
    [["ab"], [""], "ab", undefined],
    [["abc"], ["c", "b"], "a", "stop"]
  ] as const)("%j stopped by %j gives %j", (texts, stops, expected, end) => {
    const out = run(texts, stops)
    assert.strictEqual(text(out), expected)
    assert.strictEqual(out.at(-1)?.end, end)
  })

  it("holds back only what may belong to a stop string", () => {
    const matcher = new StopStrings(["END"], "")
    assert.deepStrictEqual(
      matcher.push({ text: "abc" }).map((t) => t.text),
      ["abc"]
    )
    assert.deepStrictEqual(matcher.push({ text: "E" }), [])
    assert.deepStrictEqual(
      matcher.push({ text: "x" }).map((t) => t.text),
      ["E", "x"]
    )
  })

  it("sees a stop string that began before a cut", () => {
    const out = run(["D", "more"], ["END"], "the EN")
    assert.strictEqual(text(out), "")
    assert.strictEqual(out.at(-1)?.end, "stop")
  })

  it.each([
    [["b", "c"], ["\n"], "a\n"],
    [["b", "c"], ["x", "long"], "ax"]
  ] as const)(
    "does not end at once where %j follows a text that held one of %j before it was asked for",
    (texts, stops, given) => {
      const out = run(texts, stops, given)
      assert.strictEqual(text(out), texts.join(""))
      assert.isUndefined(out.at(-1)?.end)
    }
  )

  it("gives exactly the text before the first stop string, however tokens are cut", () => {
    const piece = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 3 })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(piece, { maxLength: 3 }), (texts, stops) => {
        const whole = texts.join("")
        // The first to *complete* ends the answer; where it begins is what is cut.
        const wanted = expected(texts, stops)
        assert.strictEqual(text(run(texts, stops)), wanted ?? whole)
      })
    )
  })
})

/** The text before the earliest stop string, looked for after each token. */
const expected = (texts: ReadonlyArray<string>, stops: ReadonlyArray<string>): string | undefined => {
  for (let count = 1; count <= texts.length; count++) {
    const so = texts.slice(0, count).join("")
    const found = stops
      .filter((s) => s !== "")
      .map((s) => so.indexOf(s))
      .filter((at) => at >= 0)
    if (found.length > 0) return so.slice(0, Math.min(...found))
  }
  return undefined
}
