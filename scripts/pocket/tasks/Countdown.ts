/**
 * The Countdown numbers game: reach a target from three to six numbers with + - * /, every number used once. An answer has
 * steps `a op b = c [ what is left ]`: larger operand first, results 1 to 99, the rest ascending.
 */
import { BadQuestion, type Task } from "./Task.ts"

export const example = "Make 17 from 9 2 11 6"

const LARGEST_RESULT = 99
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
    isRight: (answer) => isRight(numbers, target, answer)
  }
}

const check = (numbers: ReadonlyArray<number>, target: number): void => {
  if (numbers.length < 3 || numbers.length > 6)
    throw new BadQuestion(`The pocket model plays with three to six numbers; here are ${numbers.length}.`)
  if (numbers.some((n) => n < 1 || n > 20)) throw new BadQuestion("The pocket model knows numbers from 1 to 20 only.")
  if (target < 10 || target > LARGEST_RESULT)
    throw new BadQuestion("The pocket model knows targets from 10 to 99 only.")
  if (!canReach(numbers, target))
    throw new BadQuestion(`${target} cannot be made from ${numbers.join(", ")}: no draft could be right.`)
}

interface Step {
  readonly text: string
  readonly left: ReadonlyArray<number>
}

/** What an operation gives; undefined where the rules forbid it. */
const apply = (a: number, op: string, b: number): number | undefined => {
  const result = op === "+" ? a + b : op === "-" ? a - b : op === "*" ? a * b : a % b === 0 ? a / b : 0
  return result >= 1 && result <= LARGEST_RESULT ? result : undefined
}

const ascending = (a: number, b: number) => a - b

/** All legal steps, as they are written, and what each leaves. */
const steps = (numbers: ReadonlyArray<number>): ReadonlyArray<Step> =>
  numbers.flatMap((a, i) =>
    numbers.flatMap((b, j) => {
      if (i === j || a < b) return []
      const rest = numbers.filter((_, k) => k !== i && k !== j)
      return ["+", "-", "*", "/"].flatMap((op) => {
        const result = apply(a, op, b)
        if (result === undefined) return []
        const left = [...rest, result].toSorted(ascending)
        return [{ text: `${a} ${op} ${b} = ${result} [ ${left.join(" ")} ]`, left }]
      })
    })
  )

/** Whether the target can be made from exactly these numbers. Six of them have millions of orders, but few states. */
export const canReach = (numbers: ReadonlyArray<number>, target: number): boolean => {
  const seen = new Set<string>()
  const reaches = (state: ReadonlyArray<number>): boolean => {
    if (state.length === 1) return state[0] === target
    const key = state.join(" ")
    if (seen.has(key)) return false
    seen.add(key)
    return steps(state).some((step) => reaches(step.left))
  }
  return reaches(numbers.toSorted(ascending))
}

/** Every step legal, every result and list of what is left true, the target at the end. */
const isRight = (numbers: ReadonlyArray<number>, target: number, answer: string): boolean => {
  let left = numbers
  let unread = answer.trim()
  while (left.length > 1) {
    const step = steps(left).find(({ text }) => unread === text || unread.startsWith(`${text} `))
    if (step === undefined) return false
    left = step.left
    unread = unread.slice(step.text.length + 1)
  }
  return unread === "" && left[0] === target
}
