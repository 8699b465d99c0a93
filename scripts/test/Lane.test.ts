import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { stripVTControlCharacters } from "node:util"
import { bar, brief, empty, fitted, follow, line } from "../start/Lane.ts"

const token = (text: string) => ({ text })

describe("Lane", () => {
  it("is what the facts of its draft say", () => {
    const drawn = follow(follow(empty, { _tag: "Drawn", index: 0, token: token(" 1") }), {
      _tag: "Drawn",
      index: 0,
      token: token(" +")
    })
    assert.deepStrictEqual(drawn, { text: " 1 +", score: undefined, state: "drawing" })
    const score = { value: 0.5, lower: 0.4, upper: 0.6 }
    assert.strictEqual(follow(drawn, { _tag: "Scored", index: 0, score }).score, 0.5)
    assert.strictEqual(follow(drawn, { _tag: "Pruned", index: 0 }).state, "pruned")
    assert.strictEqual(follow(drawn, { _tag: "Chosen", index: 0 }).state, "chosen")
    assert.strictEqual(follow(drawn, { _tag: "Cancelled", index: 0 }), drawn)
  })

  it.each([
    [0, "░░░░░░░░░░", ".00"],
    [0.34, "███░░░░░░░", ".34"],
    [0.93, "█████████░", ".93"],
    [0.9996, "██████████", ".99"],
    [1, "██████████", ".99"]
  ])("shows a score of %d as %s %s", (score, cells, digits) => {
    assert.deepStrictEqual([bar(score), brief(score)], [cells, digits])
  })

  it("keeps the newest of a text that is too long", () => {
    assert.strictEqual(fitted("abcdef", 6), "abcdef")
    assert.strictEqual(fitted("abcdefg", 6), "…cdefg")
  })

  it("fits any terminal, whatever the text and the state", () => {
    const states = fc.constantFrom("drawing", "pruned", "chosen" as const)
    const score = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined })
    fc.assert(
      fc.property(
        fc.string({ maxLength: 200, size: "max" }),
        score,
        states,
        fc.integer({ min: 40, max: 200 }),
        (text, s, state, width) => {
          const shown = stripVTControlCharacters(
            line({ text: text.replaceAll(/[^\x20-\x7e]/g, ""), score: s, state }, 15, width)
          )
          assert.isAtMost(shown.length, width)
        }
      )
    )
  })

  it("says in words, in a pipe, what a terminal says by colour, and cuts nothing", () => {
    const text = "7 + 5 = 12 ".repeat(20)
    const shown = line({ text, score: 0.2, state: "pruned" }, 2)
    assert.isTrue(shown.endsWith(`${text} (pruned)`))
    assert.notInclude(shown, "\u001B")
  })
})
