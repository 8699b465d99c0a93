import type { Token } from "@mulligan/core/Token"

/** The end of text is no part of what a model is asked about: a prefix with it is the prefix without. */
export const saidLength = (tokens: ReadonlyArray<Token>, length: number = tokens.length): number => {
  const last = tokens[length - 1]
  return last?.end !== undefined && last.text === "" ? length - 1 : length
}

/** Whether these are a draft's first tokens. */
export const begins = (draft: ReadonlyArray<Token>, prefix: ReadonlyArray<Token>, length: number = prefix.length) => {
  if (length > draft.length) return false
  for (let i = 0; i < length; i++)
    if (draft[i]?.text !== prefix[i]?.text || draft[i]?.id !== prefix[i]?.id) return false
  return true
}

const mixed = (hash: number, part: number): number => {
  const h = Math.imul(hash ^ part, 0x85ebca6b)
  return h ^ (h >>> 13)
}

const hashOf = ({ id, text }: Token): number => {
  if (id !== undefined) return id
  let h = 0
  for (let i = 0; i < text.length; i++) h = (Math.imul(h, 31) + text.charCodeAt(i)) | 0
  return h
}

/** One number for each prefix, that of no token first; different prefixes may share one. */
export const hashes = (tokens: ReadonlyArray<Token>): Int32Array => {
  const all = new Int32Array(tokens.length + 1)
  tokens.forEach((token, i) => (all[i + 1] = mixed(all[i] ?? 0, hashOf(token))))
  return all
}
