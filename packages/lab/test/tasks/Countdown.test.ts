import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Countdown from "@mulligan/lab/tasks/Countdown"
import { Prompt } from "@mulligan/core"
import * as Pocket from "@mulligan/lab/tasks/Pocket"
import * as Task from "@mulligan/lab/tasks/Task"
import { refuses, written } from "./files.ts"

interface Known {
  readonly family: string
  readonly prompt: string
  readonly answers: ReadonlyArray<readonly [text: string, isRight: boolean]>
}

/** Answers, right, wrong and malformed, with the verdict of the code that trained the model. */
const known = (
  JSON.parse(
    readFileSync(new URL("../../../../scripts/test/fixtures/pocket-tasks.json", import.meta.url), "utf8")
  ) as ReadonlyArray<Known>
).filter(({ family }) => family === "countdown")

const game = { target: 17, numbers: [9, 2, 11, 6] }
const right = "6 / 2 = 3 [ 3 9 11 ] 11 - 3 = 8 [ 8 9 ] 9 + 8 = 17 [ 17 ]"

describe("a prompt is a game", () => {
  it.each([
    ["Make 17 from 9 2 11 6", game],
    ["Make 10 from 1 1 20", { target: 10, numbers: [1, 1, 20] }],
    ["Make 17 from", undefined],
    ["make 17 from 9 2", undefined],
    ["Make 17 from 9, 2", undefined],
    ["Make -1 from 9 2", undefined],
    ["Make 17 from 9 2 now", undefined],
    ["", undefined]
  ])("%j", (prompt, expected) => {
    assert.deepStrictEqual(Countdown.parse(prompt), expected)
  })
})

describe("an answer", () => {
  it.each(known)("$prompt, as the training code says", ({ answers, prompt }) => {
    for (const [text, isRight] of answers)
      assert.strictEqual(Countdown.isRight(Countdown.parse(prompt)!, text), isRight, text)
  })

  it("of either kind is known", () => {
    const verdicts = known.flatMap(({ answers }) => answers.map(([, isRight]) => isRight))
    assert.isAbove(verdicts.filter(Boolean).length, 30)
    assert.isAbove(verdicts.filter((isRight) => !isRight).length, 30)
  })

  it.each([
    [right, true],
    [` ${right}\n`, true],
    [right.replace("= 3 [", "= 4 ["), false],
    [right.replace("[ 3 9 11 ]", "[ 9 3 11 ]"), false],
    [`${right} 17`, false],
    [right.slice(0, -3), false],
    ["", false]
  ])("%j: %s", (text, expected) => {
    assert.strictEqual(Countdown.isRight(game, text), expected)
  })

  it.each([
    ["the larger operand is not first", [9, 2, 9], 20, "2 + 9 = 11 [ 9 11 ] 11 + 9 = 20 [ 20 ]"],
    ["a result is over 99", [20, 6, 2], 60, "20 * 6 = 120 [ 2 120 ] 120 / 2 = 60 [ 60 ]"],
    ["a result is 0", [9, 9, 20], 20, "9 - 9 = 0 [ 0 20 ] 20 + 0 = 20 [ 20 ]"],
    ["a division leaves a rest", [5, 2, 12], 14, "5 / 2 = 2 [ 2 12 ] 12 + 2 = 14 [ 14 ]"],
    ["a number is used twice", [9, 2, 11], 17, "9 + 9 = 18 [ 2 11 ] 11 - 2 = 9 [ 9 ]"]
  ] as const)("is wrong where %s", (_, numbers, target, text) => {
    assert.isFalse(Countdown.isRight({ numbers, target }, text))
  })

  it("exists for every game that some order of operations solves", () => {
    const number = fc.integer({ min: 1, max: 20 })
    const combine = (a: number, b: number, op: number) => [a + b, a - b, a * b, a % b === 0 ? a / b : 0][op]
    fc.assert(
      fc.property(fc.array(fc.tuple(number, fc.nat(3)), { minLength: 3, maxLength: 6 }), (chain) => {
        let target = chain[0]![0]
        for (const [n, op] of chain.slice(1)) {
          target = combine(Math.max(target, n), Math.min(target, n), op)!
          fc.pre(target >= 1 && target <= Countdown.LARGEST_RESULT)
        }
        assert.isTrue(Countdown.canReach({ target, numbers: chain.map(([n]) => n) }))
      })
    )
    assert.isFalse(Countdown.canReach({ target: 97, numbers: [1, 1, 1, 1] }))
  })
})

describe("a task", () => {
  const problem = { id: "1", prompt: "Make 17 from 9 2 11 6" }

  it.effect.each([
    [` ${right}`, 1],
    ["9 + 8 = 17", 0]
  ] as const)("grades %j %d", ([text, grade]) =>
    Effect.gen(function* () {
      const task = Countdown.task([problem])
      assert.strictEqual(yield* Task.gradeOf(task, problem, text), grade)
      assert.strictEqual(task.answerOf(text), text.trim())
    })
  )

  it("has no answer to an empty draft", () => assert.isUndefined(Countdown.task([problem]).answerOf(" ")))

  it("refuses a prompt that is no game", () => {
    assert.throws(() => Countdown.task([problem, { id: "2", prompt: "Make love" }]), /Problem 2 is no game/)
    assert.throws(() => Countdown.task([{ id: "3", prompt: [] }]), TypeError)
  })
})

/** The model is a chat model: a game is a user's question. */
const gameOf = (prompt: Prompt.Prompt): string => (typeof prompt === "string" ? "" : (prompt[0]?.content ?? ""))

describe("the pocket model's problems", () => {
  const file = fileURLToPath(import.meta.resolve("@mulligan/pocket/problems.json"))

  it.effect("are games of the sizes asked for, each with a solution where one is promised", () =>
    Effect.gen(function* () {
      const task = yield* Pocket.countdown({ file })
      const levels = Object.groupBy(task.problems, ({ about }) => about!["level"]!)
      assert.deepStrictEqual(Object.keys(levels), ["countdown3", "countdown4", "countdown5"])
      const [first] = levels["countdown4"]!
      assert.deepStrictEqual(first, {
        id: "test/countdown4/1",
        prompt: Prompt.user(gameOf(first!.prompt)),
        about: { level: "countdown4" }
      })
      for (const { prompt } of task.problems.slice(0, 100))
        assert.isTrue(Countdown.canReach(Countdown.parse(gameOf(prompt))!), gameOf(prompt))
      assert.strictEqual(new Set(task.problems.map(({ id }) => id)).size, task.problems.length)
    })
  )

  it.effect("of the validation part are others", () =>
    Effect.gen(function* () {
      const prompts = (part: "test" | "validation") =>
        Effect.map(Pocket.countdown({ file, part, sizes: [3] }), ({ problems }) =>
          problems.map(({ prompt }) => gameOf(prompt))
        )
      const test = new Set(yield* prompts("test"))
      const validation = yield* prompts("validation")
      assert.isNotEmpty(validation)
      assert.isFalse(validation.some((prompt) => test.has(prompt)))
    })
  )

  const part = { levels: { countdown3: ["Make 13 from 2 13 3"] } }
  it.effect.each([
    ["another file", {}, "It does not hold the pocket model's problems."],
    ["no game", { test: { levels: { countdown3: ["Make 1"] } }, validation: part }, "test/countdown3/1 is no game."],
    ["none of the sizes", { test: { levels: {} }, validation: part }, "It has no games of these sizes."]
  ] as const)("are refused of %s", ([, content, said]) =>
    Effect.gen(function* () {
      const other = yield* written("problems.json", JSON.stringify(content))
      yield* refuses(Pocket.countdown({ file: other }), "Malformed", `${other}: ${said} Give the problems.json`)
    })
  )
})
