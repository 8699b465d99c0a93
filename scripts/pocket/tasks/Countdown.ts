/**
 * The Countdown numbers game, as a person may ask for it: a target from three to six numbers. The lab knows its rules.
 */
import { canReach, isRight, LARGEST_RESULT } from "@mulligan/lab/tasks/Countdown"
import { BadQuestion, type Task } from "./Task.ts"

export const example = "Make 17 from 9 2 11 6"

const ask = `Ask like this: "${example}".`

/** Undefined where the question is of another family; throws `BadQuestion` where nobody can answer it. */
export const parse = (text: string): Task | undefined => {
  if (!/^\s*make\b/i.test(text)) return undefined
  const match = /^\s*make\s+(\S+)\s+(?:from|with|using)\s+(.+?)[\s.!?]*$/i.exec(text)
  if (match === null) throw new BadQuestion(`A question names a target and the numbers to make it from. ${ask}`)
  const parts = (match[2] ?? "").split(/[\s,]+(?:and[\s,]+)?/i)
  if ([match[1] ?? "", ...parts].some((part) => !/^\d+$/.test(part)))
    throw new BadQuestion(`The target and the numbers must be whole numbers. ${ask}`)
  const target = Number(match[1])
  const numbers = parts.map(Number)
  check(numbers, target)
  return {
    family: "countdown",
    prompt: `Make ${target} from ${numbers.join(" ")}`,
    isRight: (answer) => isRight({ numbers, target }, answer)
  }
}

const check = (numbers: ReadonlyArray<number>, target: number): void => {
  if (numbers.length < 3 || numbers.length > 6)
    throw new BadQuestion(`The pocket model plays with three to six numbers; here are ${numbers.length}.`)
  if (numbers.some((n) => n < 1 || n > 20)) throw new BadQuestion("The pocket model knows numbers from 1 to 20 only.")
  if (target < 10 || target > LARGEST_RESULT)
    throw new BadQuestion("The pocket model knows targets from 10 to 99 only.")
  if (!canReach({ numbers, target }))
    throw new BadQuestion(`${target} cannot be made from ${numbers.join(", ")}: no draft could be right.`)
}
