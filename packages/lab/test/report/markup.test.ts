import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { escape, markup } from "../../src/report/markup.ts"
import { fixed, interval, percent } from "../../src/report/numbers.ts"

const decoded = (text: string) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")

describe("markup", () => {
  it.each([
    ["<script>", "&lt;script&gt;"],
    [`"'&`, "&quot;&#39;&amp;"],
    ["&lt;", "&amp;lt;"],
    ["a\0b\x1b[31m", "a␀b␛[31m"],
    ["tab\tline\n", "tab\tline\n"],
    ["\ud800", "\ufffd"]
  ])("escapes %j", (text, expected) => {
    assert.strictEqual(escape(text), expected)
  })

  it("leaves nothing in a text that HTML takes for markup, and nothing out", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: FastCheck.constantFrom(..."<>&\"';#x \n\0\x7f\ud800é") }), (text) => {
        const escaped = escape(text)
        assert.notMatch(escaped, /[<>"']|&(?!(lt|gt|quot|#39|amp);)/)
        assert.strictEqual(decoded(escaped).length, text.length)
      })
    )
  })

  it("escapes what is put in once, however deep it stands", () => {
    const inner = markup`<b>${"<i>"}</b>`
    assert.strictEqual(`${markup`<p>${[inner, " & ", undefined, 3]}</p>`}`, "<p><b>&lt;i&gt;</b> &amp; 3</p>")
  })
})

describe("numbers", () => {
  it.each([
    [fixed(0.125, 2), "0.13"],
    [fixed(-1.5, 1), "−1.5"],
    [fixed(-0.001, 2), "0.00"],
    [fixed(NaN, 2), "–"],
    [percent(0.1234), "12.3%"],
    [interval({ value: 0.5, low: 0.25, high: 0.75 }, percent), "50.0% [25.0%, 75.0%]"],
    [interval({ value: 0.5, low: NaN, high: NaN }, percent), "50.0%"]
  ])("%s", (shown, expected) => {
    assert.strictEqual(shown, expected)
  })
})
