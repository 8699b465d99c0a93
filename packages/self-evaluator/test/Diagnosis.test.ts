import { assert, describe, it } from "@effect/vitest"
import { Diagnosis, type Observation, Reliability } from "@mulligan/self-evaluator"

/** Drafts of one prompt, half of them right; `skill` of 4 places the right ones' scores above the wrong ones'. */
const prompt = (i: number, skill: number): ReadonlyArray<Observation> =>
  Array.from({ length: 8 }, (_, k) => {
    const outcome = k % 2
    const noise = Math.abs(Math.sin(12.9898 * i + 78.233 * k) * 43758.5453) % 1
    return { outcome, score: noise + (outcome * skill) / 4 }
  })

const drafts = (count: number, skill: number) => Array.from({ length: count }, (_, i) => prompt(i, skill))

describe("Diagnosis", () => {
  it("trusts a judge that orders drafts of one prompt well", () => {
    const found = Diagnosis.diagnose(drafts(60, 4))
    assert.strictEqual(found.verdict, "trusted")
    assert.strictEqual(found.use, "self-evaluation")
    assert.strictEqual(found.auroc, Reliability.aurocWithin(drafts(60, 4)))
    assert.isTrue(found.low <= found.auroc && found.auroc <= found.high)
    assert.match(found.advice, /can be trusted/)
  })

  it("says chance in the first sentence, and to use majority or a verifier where nothing is better", () => {
    const found = Diagnosis.diagnose(drafts(60, 0), { others: { "mean log-probability": drafts(60, -1) } })
    assert.strictEqual(found.verdict, "chance")
    assert.isUndefined(found.use)
    assert.match(found.advice, /^Self-evaluation is no better than chance here.*majority, or by a verifier/)
  })

  it("recommends the scorer that is surely better", () => {
    const others = { "mean log-probability": drafts(60, 3), length: drafts(60, 0.4) }
    for (const skill of [0, 1]) {
      const found = Diagnosis.diagnose(drafts(60, skill), { others })
      assert.strictEqual(found.use, "mean log-probability")
      assert.strictEqual(found.verdict, skill === 0 ? "chance" : "weak")
      assert.match(found.advice, /Use mean log-probability instead/)
    }
  })

  it("keeps to self-evaluation where another scorer is only luckier", () => {
    const alike = drafts(60, 4).map((all, i) => (i === 0 ? all.map((o) => ({ ...o, score: o.outcome })) : all))
    assert.strictEqual(Diagnosis.diagnose(drafts(60, 4), { others: { alike } }).use, "self-evaluation")
  })

  it("calls a judge weak that is above chance, but little", () => {
    const found = Diagnosis.diagnose(drafts(200, 0.7))
    assert.strictEqual(found.verdict, "weak")
    assert.isBelow(found.auroc, 0.75)
    assert.isAbove(found.low, 0.5)
  })

  it("says nothing on few prompts, or where no prompt has both outcomes", () => {
    const same = drafts(60, 4).map((all) => all.map((o) => ({ ...o, outcome: 1 })))
    for (const few of [drafts(19, 4), same, []]) {
      const found = Diagnosis.diagnose(few)
      assert.strictEqual(found.verdict, "unknown")
      assert.isNaN(found.auroc)
      assert.match(found.advice, /Draw more prompts/)
    }
  })

  it("gives the same drafts the same diagnosis", () => {
    assert.deepStrictEqual(Diagnosis.diagnose(drafts(40, 1)), Diagnosis.diagnose(drafts(40, 1)))
  })
})
