import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { parquetWriteBuffer } from "hyparquet-writer"
import * as Math500 from "@mulligan/lab/tasks/Math500"
import * as Task from "@mulligan/lab/tasks/Task"
import { lines, refuses, written } from "./files.ts"

/** The first row of HuggingFaceH4/MATH-500, from MATH (MIT), its solution cut. */
const first = {
  problem: "Convert the point $(0,3)$ in rectangular coordinates to polar coordinates.",
  solution: "Therefore, the polar coordinates are $\\boxed{\\left( 3, \\frac{\\pi}{2} \\right)}.$",
  answer: "\\left( 3, \\frac{\\pi}{2} \\right)",
  subject: "Precalculus",
  level: 2,
  unique_id: "test/precalculus/807.json"
}

describe("load", () => {
  it.effect("makes a problem of each row", () =>
    Effect.gen(function* () {
      const { name, problems } = yield* Math500.load({ file: yield* written("test.jsonl", lines([first])) })
      assert.strictEqual(name, "math-500")
      assert.deepStrictEqual(problems, [
        {
          id: "test/precalculus/807.json",
          prompt: Math500.ask(first.problem),
          reference: first.answer,
          about: { subject: "Precalculus", level: "2" }
        }
      ])
      assert.include(JSON.stringify(problems[0]!.prompt), "boxed")
    })
  )

  it.effect("takes MATH's own fields, and Parquet's whole numbers", () =>
    Effect.gen(function* () {
      const { problem, solution } = first
      const own = yield* written("math.jsonl", lines([{ problem, solution, level: "Level 5", type: "Precalculus" }]))
      const [one] = (yield* Math500.load({ file: own })).problems
      assert.deepStrictEqual([one!.id, one!.reference], ["1", first.answer])
      assert.deepStrictEqual(one!.about, { subject: "Precalculus", level: "5" })
      const columnData = [
        { name: "problem", data: [problem] },
        { name: "answer", data: ["7"] },
        { name: "level", data: [3n], type: "INT64" as const }
      ]
      const parquet = yield* written("test.parquet", new Uint8Array(parquetWriteBuffer({ columnData })))
      const task = yield* Math500.load({ file: parquet, prompt: (text) => `Problem:\n${text}\nSolution:` })
      assert.deepStrictEqual(task.problems, [
        { id: "1", prompt: `Problem:\n${problem}\nSolution:`, reference: "7", about: { level: "3" } }
      ])
    })
  )

  it.effect.each([
    ["no problem", { answer: "1" }, 'Missing key at ["problem"]'],
    ["no answer", { problem: "p" }, "has no answer, and no \\boxed{} in a solution."],
    ["an id twice", first, "has the same id as line 1."]
  ] as const)("refuses a row with %s", ([, row, said]) =>
    Effect.gen(function* () {
      const file = yield* written("test.jsonl", lines([first, row]))
      yield* refuses(Math500.load({ file }), "Malformed", `${file}: Line 2 `, said, "Each row of MATH-500 has")
    })
  )
})

describe("a draft is graded by its last box", () => {
  it.effect.each([
    ["So it is $\\boxed{(3, \\frac{\\pi}{2})}$.", 1, "(3,\\frac{\\pi}{2})"],
    ["So it is $\\boxed{\\left(3,\\dfrac{\\pi}2\\right)}$.", 0, "(3,\\frac{\\pi}2)"],
    ["So it is $\\boxed{\\left(3,\\tfrac{\\pi}{2}\\right)}$.", 1, "(3,\\frac{\\pi}{2})"],
    ["$\\boxed{(3, \\frac{\\pi}{2})}$, or rather $\\boxed{4}$", 0, "4"],
    ["It is (3, \\frac{\\pi}{2}).", 0, undefined],
    ["\\boxed{}", 0, ""]
  ] as const)("%s", ([text, grade, answer]) =>
    Effect.gen(function* () {
      const task = yield* Math500.load({ file: yield* written("test.jsonl", lines([first])) })
      assert.strictEqual(yield* Task.gradeOf(task, task.problems[0]!, text), grade)
      assert.strictEqual(task.answerOf(text), answer)
    })
  )
})
