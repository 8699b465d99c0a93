/**
 * The pocket model's tasks, apart from the model: what a question is, whether it has an answer, and whether an answer is
 * right. A family a file; a question is told by how it begins.
 */
import { BadQuestion, type Task } from "./Task.ts"
import * as Arithmetic from "./Arithmetic.ts"
import * as Countdown from "./Countdown.ts"
import * as Maze from "./Maze.ts"

export { BadQuestion, type Task } from "./Task.ts"

const families = [Countdown, Maze, Arithmetic]

/** One question of each family. */
export const examples: ReadonlyArray<string> = families.map((family) => family.example)

/** Reads a question; throws `BadQuestion` with what is wrong, also when no answer can be right. */
export const parse = (text: string): Task => {
  for (const family of families) {
    const task = family.parse(text)
    if (task !== undefined) return task
  }
  throw new BadQuestion(
    `The pocket model knows three kinds of questions: ${examples.map((text) => `"${text}"`).join(", ")}.`
  )
}
