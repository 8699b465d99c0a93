import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Gsm8k from "@mulligan/lab/tasks/Gsm8k"
import * as Task from "@mulligan/lab/tasks/Task"
import { lines, refuses, written } from "./files.ts"

/** Rows 1, 3 and 18 of openai/grade-school-math's `test.jsonl` (MIT), the questions shortened. */
const rows = [
  {
    question:
      "Janet\u2019s ducks lay 16 eggs per day. How much in dollars does she make every day at the farmers' market?",
    answer:
      "Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.\nShe makes 9 * 2 = $<<9*2=18>>18 every day at the farmer\u2019s market.\n#### 18"
  },
  {
    question: "Josh decides to try flipping a house. How much profit did he make?",
    answer: "So he made a profit of 200,000-130,000=$<<200000-130000=70000>>70,000\n#### 70000"
  },
  {
    question: "Jill gets paid $20 per hour to teach. What's her annual salary?",
    answer:
      "Then multiply that number by the number of weeks: $1150/week * 50 weeks/year = $<<1150*50=57500>>57,500\n#### 57500"
  }
]

describe("an answer is read by", () => {
  const none = undefined
  // From openai/grade-school-math's dataset.py, and gsm8k.yaml and filters/extraction.py of lm-evaluation-harness.
  it.each([
    // text                                     benchmark   strict      flexible
    [rows[0]!.answer, ["18", "18", "18"]],
    [rows[1]!.answer, ["70000", "70000", "70000"]],
    ["#### 42", ["42", "42", "42"]],
    ["#### -3", ["-3", "-3", "-3"]],
    ["#### 1,234,567", ["1234567", "1234567", "1234567"]],
    ["#### 3.50", ["3.50", "3.50", "3.50"]],
    ["#### 18.", ["18.", "18", "18"]],
    ["#### $18", [none, none, "18"]],
    ["####18", [none, none, "18"]],
    ["#### 18\n#### 19", ["18", "18", "19"]],
    ["#### 18 of 20 eggs", ["18", "18", "20"]],
    ["The answer is $1,800.", [none, none, "1800"]],
    ["It is 7 -", [none, none, "7"]],
    ["5 - 8 = -3", [none, none, "-3"]],
    ["18, which is right...", [none, none, ".."]],
    ["It costs 18 dollars and 50 cents", [none, none, "50"]],
    ["A: 18", [none, none, "18"]],
    ["no number", [none, none, none]],
    ["", [none, none, none]]
  ] as const)("its rule: %j", (text, [benchmark, strict, flexible]) => {
    assert.strictEqual(Gsm8k.answerOf(text), benchmark)
    assert.strictEqual(Gsm8k.answerOf(text, "benchmark"), benchmark)
    assert.strictEqual(Gsm8k.answerOf(text, "strict"), strict)
    assert.strictEqual(Gsm8k.answerOf(text, "flexible"), flexible)
  })
})

describe("the benchmark's own verdicts", () => {
  /** Ends of `example_model_solutions.jsonl` (MIT), their mark `A:` written as the data set's `####`. */
  it.effect.each([
    [0, "She has 13 ducks eggs and she sells 2 each day so she makes 13 * 2 = $<<13*2=26>>26\n#### 26", 0],
    [0, "She sells her eggs for $2 per egg and has 9 available so 2 * 9 = $<<2*9=18>>18 per day\n#### 18", 1],
    [1, "This means he made a profit of 130,000-40,000=$<<130000-40000=90000>>90,000\n#### 90,000", 0],
    [1, "His profit was 975-130,000 = $<<975-130000=-129025>>-129025\n#### -129025", 0],
    [1, "So he made a profit of $70,000\n#### 70,000", 1],
    [2, "She makes 57,500\n#### 57,500", 1],
    [2, "She makes 57,500", 0]
  ] as const)("row %i, %j: %d", ([row, text, grade]) =>
    Effect.gen(function* () {
      const task = yield* Gsm8k.load({ file: yield* written("test.jsonl", lines(rows)) })
      assert.strictEqual(yield* Task.gradeOf(task, task.problems[row]!, text), grade)
    })
  )
})

describe("load", () => {
  it.effect("makes a problem of each row", () =>
    Effect.gen(function* () {
      const { name, problems } = yield* Gsm8k.load({ file: yield* written("test.jsonl", lines(rows)) })
      assert.strictEqual(name, "gsm8k")
      assert.deepStrictEqual(
        problems.map(({ id, reference }) => [id, reference]),
        [
          ["1", "18"],
          ["2", "70000"],
          ["3", "57500"]
        ]
      )
      assert.deepStrictEqual(problems[0]!.prompt, Gsm8k.ask(rows[0]!.question))
      assert.include(JSON.stringify(problems[0]!.prompt), "####")
    })
  )

  it.effect("asks and reads as it is told", () =>
    Effect.gen(function* () {
      const file = yield* written("test.jsonl", lines([...rows, { question: "q", answer: "#### 18." }]))
      const prompt = (question: string) => `Question: ${question}\nAnswer:`
      const task = yield* Gsm8k.load({ file, rule: "flexible", prompt })
      assert.strictEqual(task.problems[3]!.prompt, "Question: q\nAnswer:")
      assert.strictEqual(task.answerOf("It is $18."), "18")
      for (const problem of [task.problems[0]!, task.problems[3]!])
        assert.strictEqual(yield* Task.gradeOf(task, problem, "It is $18."), 1)
    })
  )

  it.effect.each([
    ["no question", { answer: "#### 1" }, 'Line 2 does not fit: Missing key at ["question"].'],
    ["no text", { question: "q", answer: 1 }, 'Line 2 does not fit: Expected string at ["answer"].'],
    ["no mark", { question: "q", answer: "1" }, 'Line 2 has no number behind "#### " in its answer.']
  ] as const)("refuses a row with %s", ([, row, said]) =>
    Effect.gen(function* () {
      const file = yield* written("test.jsonl", lines([rows[0], row]))
      for (const rule of ["benchmark", "strict", "flexible"] as const)
        yield* refuses(
          Gsm8k.load({ file, rule }),
          "Malformed",
          `${file}: ${said}`,
          'Each row of GSM8K has the texts "question"'
        )
    })
  )
})
