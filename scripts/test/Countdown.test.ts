import { assert, describe, it } from "@effect/vitest"
import { BadQuestion, canReach, isRight, parse, question } from "../start/Countdown.ts"

const problem = { target: 17, numbers: [9, 2, 11, 6] }
const right = "6/2=3 [3 9 11]\n11-3=8 [8 9]\n9+8=17 [17]"

describe("Countdown", () => {
  it("reads a question in any order of numbers and with any separator", () => {
    for (const text of ["Make 17 from 9, 2, 11 and 6.", "make 17 from 9 2 11 6", "Make 17 using 9, 2, 11, and 6?"]) {
      assert.deepStrictEqual(parse(text), problem)
    }
    assert.deepStrictEqual(parse(question(problem)), problem)
  })

  it.each([
    ["What is love?", /not a Countdown question/],
    ["Make 24 from 3, 5 and 7.", /four numbers; here are 3/],
    ["Make 24 from 3, 5, 7 and x.", /whole numbers/],
    ["Make 24 from 3, 5, 7 and 25.", /1 to 20/],
    ["Make 240 from 3, 5, 7 and 11.", /10 to 99/],
    ["Make 97 from 1, 1, 1 and 1.", /cannot be made/]
  ])("refuses %s with a sentence", (text, message) => {
    assert.throws(() => parse(text), message)
    assert.throws(() => parse(text), BadQuestion)
  })

  it("knows what can be reached", () => {
    assert.isTrue(canReach([2, 6, 9, 11], 17))
    assert.isFalse(canReach([1, 1, 1, 1], 50))
    assert.isFalse(canReach([20, 20, 20, 20], 99))
  })

  it.each([
    ["the answer itself", right, true],
    ["a wrong result", right.replace("=3 [3", "=4 [4"), false],
    ["a wrong result before a true list", right.replace("=3 [3", "=4 [3"), false],
    ["a wrong list", right.replace("[3 9 11]", "[3 9 12]"), false],
    ["a list out of order", right.replace("[3 9 11]", "[9 3 11]"), false],
    ["another target", "6/2=3 [3 9 11]\n11-3=8 [8 9]\n9-8=1 [1]", false],
    ["inexact division", "9/2=4 [4 6 11]\n11-4=7 [6 7]\n7+6=13 [13]", false],
    ["a number used twice", "6+6=12 [2 9 11]\n11-2=9 [9 9]\n9+9=18 [18]", false],
    ["an unfinished answer", "6/2=3 [3 9 11]\n11-3=8 [8 9]", false],
    ["nothing", "", false]
  ])("judges %s", (_, answer, expected) => {
    assert.strictEqual(isRight(problem, answer), expected)
  })
})
