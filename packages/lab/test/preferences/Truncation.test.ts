import { assert, describe, it } from "@effect/vitest"
import * as Truncation from "@mulligan/lab/preferences/Truncation"
import * as fc from "fast-check"

describe("Truncation", () => {
  it.each([
    ["an end of text is nothing said", [{ text: "a" }, { text: "", end: "stop" }], 1],
    ["a last word with the end is", [{ text: "a" }, { text: "b", end: "stop" }], 2],
    ["a character in pieces is", [{ text: "" }, { text: "é" }], 2],
    ["nothing but an end", [{ text: "", end: "stop" }], 0],
    ["nothing", [], 0]
  ] as const)("%s", (_, tokens, expected) => assert.strictEqual(Truncation.saidLength(tokens), expected))

  it("gives different lengths that leave something out, as many as there are or are wanted", () =>
    fc.assert(
      fc.property(fc.nat(40), fc.nat(12), fc.nat(), (length, count, key) => {
        const cuts = Truncation.cuts(length, count, key)
        assert.strictEqual(cuts.length, Math.min(count, Math.max(0, length - 1)))
        assert.strictEqual(new Set(cuts).size, cuts.length)
        for (const at of cuts) assert.isTrue(at >= 1 && at < length)
        assert.deepStrictEqual(
          [...cuts],
          cuts.toSorted((a, b) => a - b)
        )
        assert.deepStrictEqual(Truncation.cuts(length, count, key), cuts)
      })
    ))

  it.each([1, 3])("is uniform over the lengths, %d of 10 at a time", (count) => {
    const seen = Array.from({ length: 10 }, () => 0)
    const draws = 20_000
    for (let key = 0; key < draws; key++) for (const at of Truncation.cuts(11, count, "prompt", key)) seen[at - 1]! += 1
    const expected = (draws * count) / 10
    const chi = seen.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
    assert.isBelow(chi, 27.9) // 99.9 % of 9 degrees of freedom
  })
})
