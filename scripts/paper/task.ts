/**
 * The pocket model's traffic: held-out problems mixed as prompts are, most trivial, some in between, some hopeless.
 */
import { Prompt } from "@mulligan/core"
import type { Task } from "@mulligan/lab"
import { type Part, problems } from "../pocket/problems.ts"
import { parse } from "../pocket/tasks/index.ts"

const prompts = (part: Part) => part.mix.map(({ level, prompt }) => ({ level, task: parse(prompt) }))

/** Its problems in an order that mixes the levels, at most `count` of them. */
export const traffic = (part: "test" | "validation", count: number): Task.Task => {
  const all = prompts(problems[part]).slice(0, count)
  const byPrompt = new Map(all.map(({ task }) => [task.prompt, task]))
  return {
    name: `pocket traffic (${part})`,
    problems: all.map(({ level, task }, i) => ({
      id: `${part}/${i + 1}`,
      prompt: Prompt.user(task.prompt),
      about: { level, question: task.prompt }
    })),
    answerOf: (text) => (text === "" ? undefined : text),
    grade: ({ about }, text) => (byPrompt.get(about?.["question"] ?? "")?.isRight(text) === true ? 1 : 0)
  }
}
