/**
 * Chained arithmetic in words, everything modulo 100. An answer repeats each step and says what it gives.
 */
import { BadQuestion, type Task } from "./Task.ts"

export const example = "Start 7 plus 5 times 3 minus 8"

const ask = `Ask like this: "${example}".`
const FEWEST = 2
const MOST = 8
const LOWEST = 2
const HIGHEST = 99

const OPERATIONS: ReadonlyMap<string, (value: number, number: number) => number> = new Map([
  ["plus", (value, number) => value + number],
  ["minus", (value, number) => value - number],
  ["times", (value, number) => value * number]
])

interface Step {
  readonly word: string
  readonly number: number
}

/** Undefined where the question is of another family; throws `BadQuestion` where nobody can answer it. */
export const parse = (text: string): Task | undefined => {
  if (!/^\s*start\b/i.test(text)) return undefined
  const words = text
    .replace(/[\s.!?]+$/, "")
    .replaceAll(/[\s,]+(?:and\b[\s,]*)?/gi, " ")
    .trim()
    .toLowerCase()
  const match = /^start (\d+)((?: [a-z]+ \d+)+)$/.exec(words)
  const chain = [...(match?.[2] ?? "").matchAll(/([a-z]+) (\d+)/g)].map(([, word = "", n]) => ({
    word,
    number: Number(n)
  }))
  if (match === null || chain.some(({ word }) => !OPERATIONS.has(word)))
    throw new BadQuestion(`A question is a number and steps of plus, minus or times with a whole number. ${ask}`)
  const start = Number(match[1])
  check(start, chain)
  const right = solution(start, chain)
  const prompt = ["Start", start, ...chain.flatMap(({ number, word }) => [word, number])].join(" ")
  return { family: "arithmetic", prompt, isRight: (answer) => answer.trim() === right }
}

const check = (start: number, chain: ReadonlyArray<Step>): void => {
  if (chain.length < FEWEST || chain.length > MOST)
    throw new BadQuestion(`The pocket model knows chains of ${FEWEST} to ${MOST} steps; here are ${chain.length}.`)
  if ([start, ...chain.map((step) => step.number)].some((n) => n < LOWEST || n > HIGHEST))
    throw new BadQuestion(`The pocket model knows numbers from ${LOWEST} to ${HIGHEST} only.`)
}

/** The one right answer: nothing in it is free. */
const solution = (start: number, chain: ReadonlyArray<Step>): string => {
  let value = start
  return chain
    .map(({ number, word }) => {
      value = (((OPERATIONS.get(word)?.(value, number) ?? 0) % 100) + 100) % 100
      return `${word} ${number} is ${value}`
    })
    .join(" ")
}
