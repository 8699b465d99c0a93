import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { BadQuestion, parse } from "../../pocket/tasks/index.ts"

interface Known {
  readonly family: string
  readonly level: string
  readonly prompt: string
  readonly answers: ReadonlyArray<readonly [text: string, isRight: boolean]>
}

/** What the training code says: `training/fixtures/pocket_tasks.py`. */
const known = JSON.parse(
  readFileSync(new URL("../fixtures/pocket-tasks.json", import.meta.url), "utf8")
) as ReadonlyArray<Known>

describe("the tasks against the code that trained the model", () => {
  it.each(known)("$level: $prompt", ({ answers, family, prompt }) => {
    const task = parse(prompt)
    assert.deepStrictEqual([task.prompt, task.family], [prompt, family])
    for (const [text, isRight] of answers) assert.strictEqual(task.isRight(text), isRight, text)
  })

  it("the known answers are of both kinds", () => {
    for (const family of ["countdown", "maze", "arithmetic"]) {
      const verdicts = known.filter((k) => k.family === family).flatMap((k) => k.answers.map((a) => a[1]))
      assert.isAbove(verdicts.filter(Boolean).length, 30, family)
      assert.isAbove(verdicts.filter((isRight) => !isRight).length, 30, family)
    }
  })
})

describe("reading a question", () => {
  it.each([
    ["Make 17 from 9, 2, 11 and 6.", "Make 17 from 9 2 11 6"],
    ["make 17 using 9, 2, 11, and 6?", "Make 17 from 9 2 11 6"],
    ["  MAKE 17 with 9  2 11 6 ", "Make 17 from 9 2 11 6"],
    ["Grid 4, from 0 to 33, walls 30, 12, 1 and 12.", "Grid 4 from 0 to 33 walls 1 12 30"],
    ["grid 4 from 0 to 33", "Grid 4 from 0 to 33 walls"],
    ["Start 7, plus 5, times 3 and minus 8.", "Start 7 plus 5 times 3 minus 8"],
    ["START 7 PLUS 5 TIMES 3", "Start 7 plus 5 times 3"]
  ])("%s", (text, prompt) => {
    assert.strictEqual(parse(text).prompt, prompt)
    assert.strictEqual(parse(prompt).prompt, prompt)
  })

  it.each([
    ["What is love?", /three kinds of questions: "Make .*"Grid .*"Start /],
    ["Make me happy", /names a target and the numbers/],
    ["Make 24 from 3, 5, 7 and x", /whole numbers/],
    ["Make x from 3, 5, 7", /whole numbers/],
    ["Make 24 from 3 and 8", /three to six numbers; here are 2/],
    ["Make 24 from 1 2 3 4 5 6 7", /three to six numbers; here are 7/],
    ["Make 24 from 3, 5, 7 and 25", /1 to 20/],
    ["Make 24 from 3, 5, 7 and 0", /1 to 20/],
    ["Make 9 from 3, 5, 7 and 11", /10 to 99/],
    ["Make 100 from 3, 5, 7 and 11", /10 to 99/],
    ["Make 97 from 1, 1, 1 and 1", /97 cannot be made from 1, 1, 1, 1/],
    ["Grid of pain", /the size of a grid, a start, a goal and the walls/],
    ["Grid 3 from 0 to 22 walls 11", /size 4 to 9; this one has 3/],
    ["Grid 10 from 0 to 88 walls 11", /size 4 to 9; this one has 10/],
    ["Grid 4 from 0 to 34 walls 11", /34 is not in a grid of size 4/],
    ["Grid 4 from 40 to 33 walls 11", /40 is not in a grid of size 4/],
    ["Grid 4 from 0 to 33 walls 14", /14 is not in a grid of size 4/],
    ["Grid 4 from 0 to 33 walls 1 2 3 11 12", /up to 4 walls, not 5/],
    ["Grid 4 from 0 to 0 walls 1", /The start is the goal/],
    ["Grid 4 from 0 to 33 walls 0", /The start, 0, is a wall/],
    ["Grid 4 from 0 to 33 walls 33", /The goal, 33, is a wall/],
    ["Grid 4 from 0 to 33 walls 1 10", /No way leads from 0 to 33/],
    ["Grid 8 from 0 to 7 walls 1 11 21 31 41 51 61 6 16 26 36 46 56 66", /takes 21 steps; the pocket model walks 16/],
    ["Start of something", /steps of plus, minus or times/],
    ["Start 7 plus 5 over 3", /steps of plus, minus or times/],
    ["Start 7 plus 5", /2 to 8 steps; here are 1/],
    ["Start 7" + " plus 5".repeat(9), /2 to 8 steps; here are 9/],
    ["Start 1 plus 5 plus 5", /2 to 99/],
    ["Start 7 plus 5 plus 100", /2 to 99/]
  ])("refuses %s with a sentence", (text, message) => {
    assert.throws(() => parse(text), message)
    assert.throws(() => parse(text), BadQuestion)
  })
})

describe("judging an answer", () => {
  const longWay = "down 10 down 20 right 21 up 11 up 1 right 2 down 12 down 22 right 23 down 33"
  it.each([
    ["Make 17 from 9 2 11 6", " 6 / 2 = 3 [ 3 9 11 ] 11 - 3 = 8 [ 8 9 ] 9 + 8 = 17 [ 17 ]", true],
    ["Make 17 from 9 2 11 6", "6 / 2 = 4 [ 4 9 11 ] 11 - 3 = 8 [ 8 9 ] 9 + 8 = 17 [ 17 ]", false],
    ["Make 17 from 9 2 11 6", "6 / 2 = 3 [ 3 9 11 ] 11 - 3 = 8 [ 8 9 ]", false],
    ["Make 17 from 9 2 11 6", "", false],
    ["Make 17 from 9 2 11 6", "9 / 2 = 4 [ 4 6 11 ] 11 - 4 = 7 [ 6 7 ] 7 + 6 = 13 [ 13 ]", false],
    ["Make 17 from 9 2 11 6", "6 + 6 = 12 [ 2 9 11 ] 11 - 2 = 9 [ 9 12 ] 12 - 9 = 3 [ 3 ]", false],
    ["Make 20 from 9 2 9", "9 + 2 = 11 [ 9 11 ] 11 + 9 = 20 [ 20 ]", true],
    ["Make 20 from 9 2 9", "2 + 9 = 11 [ 9 11 ] 11 + 9 = 20 [ 20 ]", false],
    ["Make 60 from 20 6 2", "20 * 6 = 120 [ 2 120 ] 120 / 2 = 60 [ 60 ]", false],
    ["Make 20 from 9 9 20", "9 - 9 = 0 [ 0 20 ] 20 + 0 = 20 [ 20 ]", false],
    ["Make 14 from 5 2 12", "5 / 2 = 2 [ 2 12 ] 12 + 2 = 14 [ 14 ]", false],
    ["Grid 4 from 0 to 33 walls", longWay, true],
    ["Grid 4 from 0 to 33 walls 21", longWay, false],
    ["Grid 4 from 0 to 33 walls", "down 10 up 0 " + longWay, false],
    ["Grid 4 from 0 to 23 walls", longWay, false],
    ["Grid 4 from 3 to 13 walls", "right 4 down 14 left 13", false],
    ["Grid 4 from 3 to 12 walls", "constructor 13 left 12", false],
    ["Start 7 plus 5 times 3 minus 8", " plus 5 is 12 times 3 is 36 minus 8 is 28", true],
    ["Start 7 minus 9 times 99", "minus 9 is 98 times 99 is 2", true],
    ["Start 7 minus 9 times 99", "minus 9 is 99 times 99 is 2", false],
    ["Start 7 minus 9 times 99", "minus 9 is 98 times 99 is 02", false]
  ])("%s: %s", (prompt, answer, expected) => {
    assert.strictEqual(parse(prompt).isRight(answer), expected)
  })

  it("walks no further than the model does: 10 steps on a grid of size 4", () => {
    const ten = "right 1 right 2 right 3 down 13 left 12 left 11 left 10 down 20 right 21 down 31"
    assert.isTrue(parse("Grid 4 from 0 to 31 walls").isRight(ten))
    assert.isFalse(parse("Grid 4 from 0 to 32 walls").isRight(`${ten} right 32`))
    assert.isFalse(parse("Grid 4 from 0 to 32 walls").isRight(ten))
  })
})
