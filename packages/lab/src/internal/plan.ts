import type { Token } from "@mulligan/core/Token"
import type { Asked, Options } from "../Record.ts"
import type { Measures, Question, Sampling } from "../Line.ts"
import { measuresOf, normal } from "./sampling.ts"

interface Reading {
  readonly question: Question
  readonly tokens: ReadonlyArray<number>
  readonly shares: ReadonlyArray<number>
}

export interface Plan {
  readonly sampling: Sampling
  readonly measures: Measures
  readonly maxTokens: number
  readonly retries: number | undefined
  readonly readings: ReadonlyArray<Reading>
}

const check = (isFine: boolean, problem: string): void => {
  if (!isFine) throw new RangeError(problem)
}

const isCount = (value: number) => Number.isInteger(value) && value > 0

const readingOf = ({ labels, question, shares = [1], tokens = [] }: Asked): Reading => {
  check(labels.length > 0 && !labels.includes(""), "A reading needs labels, none of them empty.")
  check(
    shares.every((share) => share >= 0 && share <= 1),
    `A reading's shares are from 0 to 1, not ${shares.join(", ")}.`
  )
  check(
    tokens.every((count) => count === 0 || isCount(count)),
    `A reading's tokens are whole numbers, not ${tokens.join(", ")}.`
  )
  return { question: question === undefined ? { labels } : { question, labels }, shares, tokens }
}

/** Throws a `RangeError` for what cannot be meant. */
export const planOf = (options: Options, readings: ReadonlyArray<Asked>, count: number): Plan => {
  const { concurrency = 1, confidence = 1, maxTokens = Infinity, retries, seed = 0 } = options
  check(isCount(count), `count is a whole number above 0, not ${count}.`)
  check(isCount(confidence), `confidence is a whole number above 0, not ${confidence}.`)
  check(isCount(concurrency), `concurrency is a whole number above 0, not ${concurrency}.`)
  check(typeof seed !== "number" || Number.isInteger(seed), `seed is a whole number, not ${String(seed)}.`)
  check(maxTokens === Infinity || isCount(maxTokens), `maxTokens is a whole number above 0, not ${maxTokens}.`)
  const [sampling, measures] = [normal(options), measuresOf(options)]
  return { sampling, measures, maxTokens, retries, readings: readings.map(readingOf) }
}

/** Nothing more is drawn of it. */
export const isWhole = (tokens: ReadonlyArray<Token>, maxTokens: number): boolean =>
  tokens.at(-1)?.end !== undefined || tokens.length >= maxTokens

/** An end of text that was drawn as a token is none of the draft's own length. */
const lengthOf = (tokens: ReadonlyArray<Token>): number => {
  const last = tokens.at(-1)
  return last?.end !== undefined && last.text === "" ? tokens.length - 1 : tokens.length
}

/** After how many tokens a whole draft is asked. */
export const depthsOf = (tokens: ReadonlyArray<Token>, reading: Reading): ReadonlyArray<number> => {
  const shares = reading.shares.map((share) => (share === 1 ? tokens.length : Math.floor(share * lengthOf(tokens))))
  return [...new Set([...shares, ...reading.tokens.map((count) => Math.min(count, tokens.length))])]
}
