import { assert, describe, it } from "@effect/vitest"
import { BackendError, RunError } from "@mulligan/core"
import * as Cause from "effect/Cause"
import * as Problem from "../../src/cli/Problem.ts"

const told = (error: unknown) => Problem.told(Cause.fail(error))

describe("a failure", () => {
  it("is told in the command's own words", () => {
    const { code, text } = told(BackendError.invalid("onnx", "It is wrong.", "Give one of these as `precision`."))
    assert.deepStrictEqual([text, code], ["It is wrong. Give one of these as --precision.", 1])
  })
  it("of a run is told by its reason", () => {
    const reason = new RunError.NothingDrawn({ problem: "There is nothing.", advice: "Draw." })
    assert.deepStrictEqual(told(new RunError.RunError({ reason })), { text: "There is nothing. Draw.", code: 1 })
  })
  it("by an option that a library refuses is wrong usage", () => {
    assert.deepStrictEqual(told(new RangeError("A share is below 1.")), { text: "A share is below 1.", code: 2 })
  })
  it("of our own asks for a report, and says how to see more", () => {
    const { code, text } = Problem.told(Cause.die(new Error("Oops.")))
    assert.match(text, /^Something in mulligan itself went wrong: Oops\. MULLIGAN_DEBUG=1/)
    assert.strictEqual(code, 1)
  })
  it.each(["hf_abcdefgh1234", "sk-proj-12345678", "gsk_12345678"])("never tells %s", (secret) => {
    const cause = Cause.fail(new Problem.UsageError({ problem: `What is ${secret}?`, advice: "Nothing." }))
    assert.notInclude(Problem.told(cause).text, secret)
    assert.notInclude(Problem.trace(cause), secret)
  })
})
