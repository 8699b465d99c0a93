/**
 * Where drafts are cut, so that a model learns to judge what it has not finished.
 */
import type { Token } from "@mulligan/core/Token"
import { uniform } from "./internal/uniform.ts"

/** Tokens of what was said: an end of text that was drawn as a token is none of them. */
export const saidLength = (tokens: ReadonlyArray<Token>): number => {
  const last = tokens.at(-1)
  return last?.end !== undefined && last.text === "" ? tokens.length - 1 : tokens.length
}

/**
 * `count` different lengths to cut a draft of `length` tokens to, ascending: uniform over 1 to `length` - 1, by what `key`
 * names. All of them where there are no more; none for a draft of fewer than two tokens.
 */
export const cuts = (length: number, count: number, ...key: ReadonlyArray<string | number>): ReadonlyArray<number> => {
  const free = Math.max(0, length - 1)
  const chosen = new Set<number>()
  // Floyd's sampling without replacement (Bentley and Floyd, CACM 30(9), 1987): every subset is as likely.
  for (let last = Math.max(0, free - count); last < free; last++) {
    const at = Math.floor(uniform(...key, last) * (last + 1))
    chosen.add(chosen.has(at) ? last : at)
  }
  return [...chosen].map((at) => at + 1).toSorted((a, b) => a - b)
}
