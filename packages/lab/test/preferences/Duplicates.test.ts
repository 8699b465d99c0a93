import { assert, describe, it } from "@effect/vitest"
import * as Duplicates from "@mulligan/lab/preferences/Duplicates"

const essay =
  "Write an essay of five paragraphs about the history of the lighthouse, from fires on hills over Alexandria and the Fresnel lens to the automatic lamps of today, and say what sailors used in between."

describe("Duplicates", () => {
  it.each([
    ["the same", "Why is the sky blue?", "Why is the sky blue?", "duplicate"],
    ["other case, spaces, punctuation", "Why is the sky blue?", "  why IS the\nsky blue!!", "duplicate"],
    ["another spelling of the same letters", "Caf\u00e9 \uff21\uff22\uff23", "cafe\u0301 ABC", "duplicate"],
    ["another number", "What is 12 + 7?", "What is 12 + 8?", undefined],
    ["one word more in a long prompt", essay, `${essay} Please.`, "near duplicate"],
    ["another long prompt", essay, [...essay].toReversed().join(""), undefined],
    ["another language without spaces", "天空为什么是蓝色的", "大海为什么是咸的呢", undefined],
    ["nothing but symbols", "???", "!!!", "duplicate"]
  ])("%s", (_, first, second, expected) => {
    const seen = new Duplicates.Seen()
    assert.isUndefined(seen.duplicate(first))
    assert.strictEqual(seen.duplicate(second), expected)
  })

  it("keeps near duplicates where the threshold is above 1, and still no exact ones", () => {
    const seen = new Duplicates.Seen({ threshold: 1.1 })
    assert.isUndefined(seen.duplicate(essay))
    assert.isUndefined(seen.duplicate(`${essay} Please.`))
    assert.strictEqual(seen.duplicate(essay), "duplicate")
  })

  it("finds pairs above the threshold, and few below", () => {
    const words = (from: number, count: number) => Array.from({ length: count }, (_, i) => `word${(from + i) * 7919}`)
    const shared = (share: number) => {
      let found = 0
      for (let pair = 0; pair < 50; pair++) {
        const seen = new Duplicates.Seen()
        const base = words(pair * 1000, 100)
        seen.duplicate(base.join(" "))
        const other = [
          ...base.slice(0, Math.round(100 * share)),
          ...words(pair * 1000 + 500, 100 - Math.round(100 * share))
        ]
        if (seen.duplicate(other.join(" ")) !== undefined) found++
      }
      return found
    }
    // A share s of common words is a Jaccard similarity of about s / (2 - s): 0.9 and 0.67.
    assert.isAtLeast(shared(0.95), 45)
    assert.isAtMost(shared(0.8), 5)
  })

  it("refuses a threshold that finds everything", () =>
    assert.throws(() => new Duplicates.Seen({ threshold: 0 }), RangeError))
})
