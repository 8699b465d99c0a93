import { assert, describe, it } from "@effect/vitest"
import type { Problems } from "../../../pocket/problems.ts"
import { jobsOf, limitsFor, longestLevel, mapPlan, plan } from "../../../pocket/report/plan.ts"
import { scoreAt } from "../../../pocket/Recording.ts"
import { filled } from "../../../pocket/report/tables.ts"
import { draft } from "./drafts.ts"

const levels = {
  countdown4: ["Make 1", "Make 2", "Make 3", "Make 4"],
  countdown5: ["Make 5", "Make 6"],
  maze7: ["Grid 7 a"],
  sum2: ["Start 1", "Start 2"]
}
const mix = [
  { level: "countdown4", prompt: "Make 1" },
  { level: "sum2", prompt: "Start 1" }
]
const problems: Problems = {
  about: "",
  seed: 1,
  bands: { trivial: ["sum2"], between: ["countdown4", "countdown5"], hopeless: [], untrained: ["maze7"] },
  tokens: { countdown4: 27, countdown5: 38, maze7: 18, sum2: 8 },
  validation: { levels: { sum2: ["Start 9"] }, mix: [{ level: "sum2", prompt: "Start 9" }] },
  test: { levels, mix }
}

describe("plan of the recording", () => {
  const whole = plan(problems, limitsFor(problems, Infinity))

  it("records a problem once, though it is in its level and in the mix", () => {
    const keys = jobsOf(whole).map((job) => JSON.stringify(job))
    const first = keys.filter((key) => key.includes('"Make 1"') && key.includes('"temperature":1,'))
    assert.strictEqual(first.length, 2)
    assert.strictEqual(new Set(first).size, 1)
  })

  it("cuts by the level's typical length, and the longest level at every eighth", () => {
    const readings = (level: string) => whole.levels[level]?.[0]?.job.readings
    assert.deepStrictEqual(readings("countdown4")?.full?.tokens, [1, 2, 5, 6, 11, 13])
    assert.strictEqual(longestLevel(problems), "countdown5")
    assert.includeMembers([...(readings("countdown5")?.full?.tokens ?? [])], [4, 9, 14, 19, 23, 28, 33])
    assert.deepStrictEqual(readings("countdown5")?.reserved?.tokens, [4, 9, 14, 19, 23, 28, 33])
    assert.deepStrictEqual(readings("maze7"), { full: { tokens: [], shares: [0.25, 0.5, 1] } })
  })

  it("takes as much less of the mix as of the levels, but something of each", () => {
    const limits = limitsFor(problems, 1)
    assert.deepInclude(limits, { level: 1, mix: 1, validation: 1, questions: 38, cross: 100 })
    const some = plan(problems, limits)
    assert.deepStrictEqual(
      Object.values(some.levels).map((all) => all.length),
      [1, 1, 1]
    )
    assert.strictEqual(some.mix[0]?.asked.job.temperature, 1)
    assert.strictEqual(some.mix[0]?.annealed.job.temperature, "annealed")
  })

  it("leaves out forms that cannot be asked", () => {
    const { levels: all } = plan(problems, limitsFor(problems, Infinity, ["full", "short"]))
    assert.deepStrictEqual(Object.keys(all["countdown5"]?.[0]?.job.readings ?? {}), ["full", "short"])
  })

  it("is visited at every place", () => {
    let visits = 0
    mapPlan(whole, (asked) => {
      visits++
      return asked
    })
    assert.strictEqual(visits, 7 + 2 * 2 + 2 * 1 + 2 * 6)
  })
})

describe("scores of a recording", () => {
  it("are read at a share of the draft's own length, rounded down", () => {
    const d = draft(1, 0.9, { length: 7, at: { 1: 0.1, 3: 0.3 } })
    assert.deepStrictEqual(
      [0.25, 0.5, 1].map((share) => scoreAt(d, share)),
      [0.1, 0.3, 0.9]
    )
    assert.throws(() => scoreAt(d, 0.75), /after 5 tokens/)
  })
})

describe("model card", () => {
  it("has each table between its markers, and nothing else changed", () => {
    const text = "a\n<!-- report:one -->\nold\n<!-- /report:one -->\nb\n"
    const { missing, text: out } = filled(text, { one: "new", two: "other" })
    assert.strictEqual(out, "a\n<!-- report:one -->\n\nnew\n\n<!-- /report:one -->\nb\n")
    assert.deepStrictEqual(missing, ["two"])
    assert.strictEqual(filled(out, { one: "new" }).text, out)
  })
})
