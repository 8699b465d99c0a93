import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { JudgedTask, Problem, Task } from "@mulligan/lab/tasks/Task"
import { gradeOf } from "@mulligan/lab/tasks/Task"
import { refuses } from "./files.ts"

const problem: Problem = { id: "p", prompt: "How many?", reference: "3" }
const by = (grade: number): Task => ({ name: "t", problems: [problem], answerOf: () => undefined, grade: () => grade })

describe("gradeOf", () => {
  it.effect.each([0, 0.25, 1])("a rule's grade: %s", (grade) =>
    Effect.map(gradeOf(by(grade), problem, "text"), (graded) => assert.strictEqual(graded, grade))
  )

  it.effect("a judge's grade, and the judge's failure", () =>
    Effect.gen(function* () {
      const judged = (judge: JudgedTask<"no">["judge"]) => ({
        name: "t",
        problems: [problem],
        answerOf: () => "",
        judge
      })
      const heard: Array<unknown> = []
      const fair = judged((...said) => Effect.sync(() => (heard.push(said), 0.75)))
      assert.strictEqual(yield* gradeOf(fair, problem, "text"), 0.75)
      assert.deepStrictEqual(heard, [[problem, "text"]])
      const mute = judged(() => Effect.fail("no" as const))
      assert.strictEqual(yield* Effect.flip(gradeOf(mute, problem, "text")), "no")
    })
  )

  it.effect.each([NaN, -0.1, 1.1, Infinity])("no grade: %s", (grade) =>
    refuses(gradeOf(by(grade), problem, "text"), "Ungraded", `t: Problem p got the grade ${grade}.`, "from 0 to 1")
  )

  it.effect("a rule that throws is a defect", () =>
    Effect.gen(function* () {
      const broken = {
        ...by(0),
        grade: () => {
          throw new Error("broken")
        }
      }
      const exit = yield* Effect.exit(gradeOf(broken, problem, "text"))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )
})
