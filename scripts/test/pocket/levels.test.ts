import { assert, describe, it } from "@effect/vitest"
import { bandOf, cuts, nearest } from "../../pocket/levels.ts"
import { problems } from "../../pocket/problems.ts"
import { parse } from "../../pocket/tasks/index.ts"

describe("levels", () => {
  it("a problem is nearest to its own level, or to one with as long answers", () => {
    for (const [level, [first = ""]] of Object.entries(problems.test.levels)) {
      const apart = problems.tokens[nearest(first)]! - problems.tokens[level]!
      assert.isAtMost(Math.abs(apart), nearest(first) === level ? 0 : 4, level)
    }
  })

  it.each([
    ["Grid 8 from 0 to 77 walls", "fork8"],
    ["Grid 4 from 0 to 33 walls", "maze4"],
    ["Start 7 plus 5 plus 5 plus 5 plus 5 plus 5 plus 5 plus 5", "product8"],
    ["Start 7 plus 5 plus 5", "sum2"],
    ["Make 17 from 9 2 11 6", "countdown4"]
  ])("%s is nearest to %s", (prompt, level) => {
    assert.strictEqual(nearest(prompt), level)
  })

  it("every shipped problem has a solution, a band, and cuts inside its answer", () => {
    for (const part of [problems.test, problems.validation]) {
      for (const { level, prompt } of part.mix.slice(0, 300)) {
        assert.strictEqual(parse(prompt).prompt, prompt)
        assert.include(["trivial", "between", "hopeless"], bandOf(level))
        const { half, quarter } = cuts(level)
        assert.isTrue(0 < quarter && quarter < half && half < problems.tokens[level]!, level)
      }
    }
  })
})
