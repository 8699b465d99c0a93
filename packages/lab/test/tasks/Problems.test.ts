import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Problems from "@mulligan/lab/tasks/Problems"
import * as Task from "@mulligan/lab/tasks/Task"
import { lines, refuses, written } from "./files.ts"

const load = (rows: ReadonlyArray<unknown>, options: Partial<Problems.Options> = {}) =>
  Effect.flatMap(written("capitals.v2.jsonl", lines(rows)), (file) => Problems.load({ file, ...options }))

describe("a row is a problem", () => {
  const chat = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "France?" }
  ]
  it.effect.each([
    ["a text", { id: "fr", prompt: "France:", answer: "Paris" }, { id: "fr", prompt: "France:", reference: "Paris" }],
    ["a chat", { id: "fr", messages: chat, answer: "Paris" }, { id: "fr", prompt: chat, reference: "Paris" }],
    ["without an id", { prompt: "2+2=", answer: "4" }, { id: "1", prompt: "2+2=", reference: "4" }],
    ["with numbers", { id: 7, prompt: "2+2=", answer: 4 }, { id: "7", prompt: "2+2=", reference: "4" }],
    ["with spaces and more", { prompt: "a", answer: " b\n", x: 1 }, { id: "1", prompt: "a", reference: "b" }],
    ["with nulls", { id: null, messages: null, prompt: "a", answer: "b" }, { id: "1", prompt: "a", reference: "b" }]
  ] as const)("%s", ([, row, problem]) =>
    Effect.map(load([row]), ({ name, problems }) => {
      assert.strictEqual(name, "capitals")
      assert.deepStrictEqual(problems, [problem] as never)
    })
  )

  it.effect.each([
    ["neither", { answer: "b" }, 'neither "prompt" nor "messages"'],
    ["both", { prompt: "a", messages: chat, answer: "b" }, 'both "prompt" and "messages"'],
    ["no answer", { prompt: "a" }, 'no "answer" to compare with'],
    ["no text", { prompt: 3, answer: "b" }, /Expected string.*\["prompt"\]/],
    ["no such role", { messages: [{ role: "robot", content: "a" }], answer: "b" }, /\["messages"\]\[0\]\["role"\]/],
    ["no message", { messages: [], answer: "b" }, /\["messages"\]/],
    ["an id twice", { id: "first", prompt: "a", answer: "b" }, "the same id as line 1"]
  ] as const)("or is refused: %s", ([, row, said]) =>
    refuses(
      load([{ id: "first", prompt: "a", answer: "b" }, row]),
      "Malformed",
      /capitals\.v2\.jsonl: Line 2 /,
      said,
      'Each row has "prompt"'
    )
  )
})

describe("a draft is graded", () => {
  const rows = [{ prompt: "France:", answer: "Paris" }]
  const graded = (text: string, options?: Partial<Problems.Options>) =>
    Effect.gen(function* () {
      const task = yield* load(rows, options)
      return [task.answerOf(text), yield* Task.gradeOf(task, task.problems[0]!, text)]
    })

  it.effect.each([
    ["Paris", ["Paris", 1]],
    [" Paris\n", ["Paris", 1]],
    ["paris", ["paris", 0]],
    ["Paris.", ["Paris.", 0]],
    [" \n", [undefined, 0]]
  ] as const)("letter for letter: %j", ([text, expected]) =>
    Effect.map(graded(text), (got) => assert.deepStrictEqual(got, expected as never))
  )

  it.effect("by an answer of your own", () =>
    Effect.gen(function* () {
      const answerOf = (text: string) => /is (\w+)/.exec(text)?.[1]
      assert.deepStrictEqual(yield* graded("It is Paris.", { answerOf }), ["Paris", 1])
      assert.deepStrictEqual(yield* graded("Paris", { answerOf }), [undefined, 0])
    })
  )

  it.effect("by a grade of your own, which needs no answer", () =>
    Effect.gen(function* () {
      const task = yield* load([{ prompt: "Write five words." }], {
        name: "words",
        grade: (_, text) => Math.min(1, text.split(" ").length / 5)
      })
      assert.strictEqual(task.name, "words")
      assert.isUndefined(task.problems[0]!.reference)
      assert.strictEqual(yield* Task.gradeOf(task, task.problems[0]!, "one two three"), 0.6)
    })
  )
})
