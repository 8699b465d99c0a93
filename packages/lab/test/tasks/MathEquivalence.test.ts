import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { boxed, isEquivalent, normalForm } from "@mulligan/lab/tasks/MathEquivalence"

const raw = String.raw

describe("isEquivalent", () => {
  /** The cases of `math_equivalence_test.py` in hendrycks/math (MIT). */
  it.each([
    [raw`\tfrac{1}{2} + \frac1{72}`, raw`\\frac{1}{2} + 2/3`, false],
    ["10, 4, -2", "4, 10, -2", false],
    ["10, 4, 2", "4, 12, 2", false],
    [raw`\tfrac{1}{2} +\! \frac1{72}`, raw`\\dfrac{1}{2} +\frac{1}{72}`, true],
    [raw`10\text{ units}`, "10 ", true],
    [raw`10\text{ units}`, "100 ", false],
    ["10", raw`\$10`, true],
    [raw`\left(x-2\right)\left(x+2\right)`, "(x-2)(x+2)", true],
    ["0.1, 4, 2", "4, .1, 2", false],
    ["0.1", ".1", true],
    [raw`10\%`, "10", true],
    [raw`10\sqrt{3} + \sqrt4`, raw`10\sqrt3 + \sqrt{4}`, true],
    [raw`\frac34i`, raw`\frac{3}{4}i`, true],
    [raw`\tfrac83`, raw`\frac{8}{3}`, true],
    ["5x - 7y + 11z + 4 = 0", "x + y - z + 2 = 0", false],
    ["1/2", raw`\frac{1}{2}`, true]
  ])("the benchmark says of %s and %s: %s", (one, other, expected) => {
    assert.strictEqual(isEquivalent(one, other), expected)
    assert.strictEqual(isEquivalent(other, one), expected)
  })

  /** What `math_equivalence.py` gives for these. */
  it.each([
    ["0.5", raw`\frac{1}{2}`, true],
    ["0.50", raw`\frac{1}{2}`, false],
    ["0.25", raw`\frac{1}{4}`, false],
    [raw`90^\circ`, "90", true],
    [raw`90^{\circ}`, "90", true],
    ["50%", raw`50\%`, true],
    ["x=5", "5", true],
    ["x = 5", "5", true],
    ["xyz = 5", "5", false],
    ["y = x = 5", "5", false],
    [raw`\frac{1}{72}`, raw`\frac1{72}`, true],
    [raw`\frac{72}{1}`, raw`\frac{72}1`, false],
    ["-3/4", raw`\frac{-3}{4}`, true],
    ["3/4", raw`\dfrac34`, true],
    ["03/4", raw`\frac{3}{4}`, false],
    ["a/b", raw`\frac{a}{b}`, false],
    ["1/2/3", raw`\frac{1}{2}/3`, false],
    ["{.5, 1}", "{0.5,1}", true],
    ["1, .5", "1,0.5", true],
    [raw`\text{Evelyn}`, "Evelyn", false],
    [raw`5 \text{ cm}`, "5", true],
    [raw`\text{ a}, \text{ b}`, "", false],
    [raw`\text{ a}, \text{ b}`, raw`\text{ a}, \text{ b}`, true],
    [raw`\sqrt`, raw`\sqrt`, true],
    [raw`\frac`, raw`\frac`, true],
    [raw`\frac1`, raw`\frac 1`, true],
    ["2\n", "2", true],
    ["1,000", "1000", false],
    ["x+1", "1+x", false],
    ["", " ", true],
    [raw`\frac\\\frac`, raw`\frac\\frac`, false],
    ["7", "8", false]
  ])("its rules make of %j and %j: %s", (one, other, expected) => {
    assert.strictEqual(isEquivalent(one, other), expected)
    assert.strictEqual(isEquivalent(other, one), expected)
  })

  it("holds of any text and itself, and of no two whose normal forms differ", () => {
    const part = fc.constantFrom(
      ..."0123.=/%-x{} ,\n",
      "\\frac",
      "\\sqrt",
      "\\text{ ",
      "\\left",
      "\\circ",
      "^\\circ",
      "\\!"
    )
    const answer = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""))
    fc.assert(
      fc.property(answer, answer, (one, other) => {
        assert.isTrue(isEquivalent(one, one))
        assert.strictEqual(isEquivalent(one, other), isEquivalent(other, one))
        if (isEquivalent(one, other)) assert.strictEqual(normalForm(one), normalForm(other))
      })
    )
  })
})

describe("boxed", () => {
  it.each([
    [raw`so it is $\boxed{3}$.`, "3"],
    [raw`\boxed{\frac{1}{2}} and so on`, raw`\frac{1}{2}`],
    [raw`first \boxed{1}, no: \boxed{2}`, "2"],
    [raw`\boxed{\left\{1, 2\right\}}`, raw`\left\{1, 2\right\}`],
    [raw`\boxed{}`, ""],
    [raw`\boxed{\text{(C)}}`, raw`\text{(C)}`],
    [raw`\boxed{1} and then \boxed{2`, undefined],
    [raw`\boxed 3`, undefined],
    [raw`\fbox{3}`, undefined],
    ["boxed{3}", undefined],
    ["", undefined]
  ])("%s", (text, expected) => {
    assert.strictEqual(boxed(text), expected)
  })

  it("is whatever stands in the braces, however deep, the last time", () => {
    const { content } = fc.letrec<{ content: string }>((tie) => ({
      content: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom("x", "1", "+", "\\frac", " "),
        fc.tuple(tie("content"), tie("content")).map(([a, b]) => `${a}{${b}}`)
      )
    }))
    fc.assert(
      fc.property(content, content, (inner, before) => {
        assert.strictEqual(boxed(`${before} \\boxed{0} is \\boxed{${inner}}. ${before}`), inner)
      })
    )
  })
})
