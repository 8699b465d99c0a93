/**
 * What a list of the likeliest tokens tells, where an engine tells no more.
 */
import type { Bounds } from "@mulligan/core/Backend"

/** One entry of the list: a token by id or by text, and the natural logarithm of its probability. */
export interface Listed<Key> {
  readonly key: Key
  readonly logProb: number
}

/** Servers count in float32; what they list may add up to a little more or less than it should. */
const ROUNDING = 1e-6

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

/**
 * The list is of a whole distribution: it may not add up to more than 1. One that does was cut or scaled, and says
 * nothing of the model's own probabilities.
 */
export const isNormalised = (listed: ReadonlyArray<Listed<unknown>>): boolean =>
  sum(listed.map(({ logProb }) => Math.exp(logProb))) <= 1 + 1e-3

/**
 * Minus the mean log-probability of the `count` likeliest (`Token.confidence`); of all, where fewer are the whole
 * distribution. Undefined where some are missing.
 */
export const confidence = (logProbs: ReadonlyArray<number>, count: number): number | undefined => {
  const likeliest = logProbs.toSorted((a, b) => b - a).slice(0, count)
  const isWhole = likeliest.length === count || sum(likeliest.map(Math.exp)) >= 1 - 1e-3
  return isWhole && likeliest.length > 0 ? Math.max(0, -sum(likeliest) / likeliest.length) : undefined
}

/**
 * For each label the log-probability that the next token is one of its spellings. What is listed counts for certain; what
 * is not listed can be no likelier than the least that is, and all of it together no more than what the list leaves. The
 * interval always contains the truth. `spellings` may be left open (Infinity) where texts stand for unknown many ids.
 */
export const bounds = <Key>(
  listed: ReadonlyArray<Listed<Key>>,
  labels: ReadonlyArray<{ readonly is: (key: Key) => boolean; readonly spellings: number }>
): ReadonlyArray<Bounds> => {
  const rest = Math.max(0, 1 - sum(listed.map(({ logProb }) => Math.exp(logProb)))) + ROUNDING
  const least = Math.min(1, ...listed.map(({ logProb }) => Math.exp(logProb)))
  return labels.map(({ is, spellings }) => {
    const own = listed.filter(({ key }) => is(key))
    const known = sum(own.map(({ logProb }) => Math.exp(logProb)))
    const missing = spellings - own.length
    const unknown = missing <= 0 ? 0 : missing === Infinity ? rest : Math.min(rest, missing * least)
    return { lower: Math.min(0, Math.log(known)), upper: Math.min(0, Math.log(known + unknown)) }
  })
}
