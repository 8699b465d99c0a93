/**
 * The Countdown numbers game: reach a target from four numbers with + - * /, every number used once. Here are its rules,
 * apart from the model: what a question is, whether it can be solved, and whether an answer is right.
 */

export interface Problem {
  /** 10 to 99. */
  readonly target: number
  /** Four numbers from 1 to 20, in any order. */
  readonly numbers: ReadonlyArray<number>
}

/** A question that cannot be answered; the message is a sentence for the person who asked. */
export class BadQuestion extends Error {}

const LARGEST_RESULT = 99

/** The question as the pocket model was trained on it. */
export const question = ({ numbers, target }: Problem): string =>
  `Make ${target} from ${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}.`

const example = 'Ask like this: "Make 24 from 3, 5, 7 and 11."'

/** Reads a question; throws `BadQuestion` with what is wrong, also when it has no solution. */
export const parse = (text: string): Problem => {
  const match = /^\s*make\s+(-?\d+)\s+(?:from|with|using)\s+(.+?)\s*[.!?]?\s*$/i.exec(text)
  if (match === null) throw new BadQuestion(`This is not a Countdown question. ${example}`)
  const parts = (match[2] ?? "").split(/\s*,\s*(?:and\s+)?|\s+and\s+|\s+/)
  if (parts.some((part) => !/^\d+$/.test(part))) throw new BadQuestion(`The numbers must be whole numbers. ${example}`)
  return checked({ target: Number(match[1]), numbers: parts.map(Number) })
}

const checked = (problem: Problem): Problem => {
  const { numbers, target } = problem
  if (numbers.length !== 4)
    throw new BadQuestion(`The pocket model plays with four numbers; here are ${numbers.length}.`)
  if (numbers.some((n) => n < 1 || n > 20)) throw new BadQuestion("The pocket model knows numbers from 1 to 20 only.")
  if (target < 10 || target > LARGEST_RESULT)
    throw new BadQuestion("The pocket model knows targets from 10 to 99 only.")
  if (!canReach(numbers, target))
    throw new BadQuestion(`${target} cannot be made from ${numbers.join(", ")}: no draft could be right.`)
  return problem
}

interface Step {
  readonly a: number
  readonly op: string
  readonly b: number
  readonly result: number
  readonly left: ReadonlyArray<number>
}

/** What an operation gives; undefined where the rules forbid it: larger operand first, 1 to 99, exact division. */
const apply = (a: number, op: string, b: number): number | undefined => {
  if (a < b) return undefined
  const result = op === "+" ? a + b : op === "-" ? a - b : op === "*" ? a * b : op === "/" && a % b === 0 ? a / b : 0
  return result >= 1 && result <= LARGEST_RESULT ? result : undefined
}

const ascending = (a: number, b: number) => a - b

const steps = (numbers: ReadonlyArray<number>): ReadonlyArray<Step> =>
  numbers.flatMap((a, i) =>
    numbers.flatMap((b, j) => {
      if (i === j) return []
      const rest = numbers.filter((_, k) => k !== i && k !== j)
      return ["+", "-", "*", "/"].flatMap((op) => {
        const result = apply(a, op, b)
        return result === undefined ? [] : [{ a, op, b, result, left: [...rest, result].toSorted(ascending) }]
      })
    })
  )

/** Whether the target can be made from exactly these numbers. */
export const canReach = (numbers: ReadonlyArray<number>, target: number): boolean =>
  numbers.length === 1 ? numbers[0] === target : steps(numbers).some((step) => canReach(step.left, target))

const line = /^(\d+)([-+*/])(\d+)=(\d+) \[([\d ]+)\]$/

/** Whether an answer is right: every step legal, every result and list of remaining numbers true, the target at the end. */
export const isRight = (problem: Problem, answer: string): boolean => {
  let numbers: ReadonlyArray<number> = problem.numbers
  for (const written of answer.split("\n")) {
    const [, a, op = "", b, result, left = ""] = line.exec(written) ?? []
    const step = steps(numbers).find((s) => s.a === Number(a) && s.op === op && s.b === Number(b))
    if (step === undefined || step.result !== Number(result) || step.left.join(" ") !== left) return false
    numbers = step.left
  }
  return numbers.length === 1 && numbers[0] === problem.target
}
