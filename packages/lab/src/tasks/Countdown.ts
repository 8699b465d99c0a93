/**
 * The Countdown numbers game as the pocket model plays it: reach a target from a few numbers with + - * /, every number used
 * once. An answer has steps `a op b = c [ what is left ]`: larger operand first, results 1 to 99, the rest ascending.
 */
import type { Problem, Task } from "./Task.ts"

export interface Game {
  readonly target: number
  readonly numbers: ReadonlyArray<number>
}

/** The largest result that a step may have. */
export const LARGEST_RESULT = 99

/** The game of a prompt such as `Make 17 from 9 2 11 6`; undefined for any other text. */
export const parse = (prompt: string): Game | undefined => {
  const [, target, numbers] = /^Make (\d+) from (\d+(?: \d+)*)$/.exec(prompt) ?? []
  return numbers === undefined ? undefined : { target: Number(target), numbers: numbers.split(" ").map(Number) }
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
export const canReach = ({ numbers, target }: Game): boolean => {
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
export const isRight = ({ numbers, target }: Game, answer: string): boolean => {
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

/** Of text, or of the last message. */
const read = ({ prompt }: Problem): Game | undefined =>
  parse(typeof prompt === "string" ? prompt : (prompt.at(-1)?.content ?? ""))

export const isGame = (problem: Problem): boolean => read(problem) !== undefined

const gameOf = (problem: Problem): Game => {
  const game = read(problem)
  if (game === undefined) throw new TypeError(`Problem ${problem.id} is no game: write it as "Make 17 from 9 2 11 6".`)
  return game
}

/**
 * A task of these games; throws a `TypeError` for a prompt that is none. A draft that is right in every step is graded 1,
 * any other 0; an answer is the whole text, spaces around it left out.
 */
export const task = (problems: ReadonlyArray<Problem>): Task => {
  problems.forEach(gameOf)
  return {
    name: "countdown",
    problems,
    answerOf: (text) => text.trim() || undefined,
    grade: (problem, text) => Number(isRight(gameOf(problem), text))
  }
}
