/**
 * A small language model that needs no weights: the next token's distribution is a function of all characters before it, so
 * its numbers are known, and one wrong token of a prompt changes everything after it. Tokens are the first
 * pocket model's.
 */
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import type { Prompt } from "@mulligan/core"
import * as Tokenizer from "@mulligan/tokenizer/Tokenizer"

const json = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../tokenizer/test/fixtures/pocket-1/${name}`, import.meta.url), "utf8"))

/** What a user gives as `tokenizer`. */
export const files = { tokenizer: json("tokenizer.json"), config: json("tokenizer_config.json") }

export const tokenizer = Effect.runSync(Tokenizer.make(files, { backend: "test", name: "pocket" }))

export const END = 3
const CONTROLS = ["<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"]

const vocab = (files.tokenizer as { model: { vocab: Record<string, number> } }).model.vocab
export const VOCABULARY = 1 + Math.max(...Object.values(vocab))

/** The characters that byte-level vocabularies write bytes as (GPT-2). */
const alphabet = (): ReadonlyMap<string, number> => {
  const isPlain = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255)
  let next = 256
  const bytes = Array.from({ length: 256 }, (_, b) => b)
  return new Map(bytes.map((b) => [String.fromCodePoint(isPlain(b) ? b : next++), b] as const))
}
const byteOf = alphabet()

/** Bytes of each token as one character each; control tokens are characters beyond, which no text can spell. */
const pieces: ReadonlyArray<string> = (() => {
  const out = Array.from({ length: VOCABULARY }, () => "")
  for (const [piece, id] of Object.entries(vocab)) {
    out[id] = Array.from(piece, (c) => String.fromCodePoint(byteOf.get(c) ?? 0)).join("")
  }
  CONTROLS.forEach((_, id) => (out[id] = String.fromCodePoint(0x100 + id)))
  return out
})()

export const bytesOf = (id: number): Uint8Array =>
  id < CONTROLS.length ? new Uint8Array() : Uint8Array.from(pieces[id] ?? "", (c) => c.codePointAt(0)!)

/** As a token is shown by servers that name tokens by text. */
export const nameOf = (id: number): string => CONTROLS[id] ?? new TextDecoder().decode(bytesOf(id))

/** Tokens to text as they come; "" within a character. */
export const writer = () => {
  const decoder = new TextDecoder()
  return (id: number): string => decoder.decode(bytesOf(id), { stream: true })
}

export const textOf = (ids: ReadonlyArray<number>): string => ids.map(writer()).join("")

export const encode = (text: string): ReadonlyArray<number> => tokenizer.encodeTemplate(text)

export type Messages = ReadonlyArray<{ readonly role: string; readonly content: string }>

/** As the pocket model's template writes them; `continues`: an answer at the end stays open. */
export const chat = (messages: Messages, continues: boolean): string => {
  const isOpen = continues && messages.at(-1)?.role === "assistant"
  const turns = messages.map(({ content, role }) => `<|${role}|>${content}<|end|>`).join("")
  return isOpen ? turns.slice(0, -"<|end|>".length) : `${turns}<|assistant|>`
}

const asId = (piece: string): number => pieces.indexOf(piece)

/** Words and figures of an answer. */
const ordinary = [..."0123456789+*=-/ [],.", "\n", "24", "84", "93", " [", "]\n", "Make", " from", " and"]
  .map(asId)
  .filter((id) => id >= 0)
/** What a question is answered with; `Not` is a longer word than `No`. */
const replies = ["No", " No", "Yes", " Yes", "Not"].map(asId)

/** Characters of several bytes, of which the vocabulary has no token. */
const CHARACTERS = ["猫", "狐", "🦊", "🦉", "é"].map((c) =>
  Array.from(new TextEncoder().encode(c), (byte) => String.fromCodePoint(byte)).join("")
)

const hash = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}

/** A number from 0 to 1 that depends on both (the finaliser of MurmurHash3). */
const noise = (seed: number, id: number): number => {
  let h = Math.imul(seed ^ Math.imul(id + 1, 0x9e3779b1), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32
}

const ASSISTANT = "\u0102"
/** A question is the last thing that was said. */
const asked = /\?(?:\u0103\u0102(?:<think>\s*<\/think>\s*)?|\n)$/
const LEAST = -25
const SHORTEST = 40

/** What of a character is written already. */
const begun = (context: string): string => {
  const tails = [3, 2, 1].map((n) => context.slice(-n))
  return tails.find((tail) => CHARACTERS.some((c) => c.length > tail.length && c.startsWith(tail))) ?? ""
}

export interface Options {
  /** It writes characters that are several tokens. */
  readonly unicode?: boolean | undefined
}

/** Logits of the next token. */
export const logits = (ids: ReadonlyArray<number>, { unicode = false }: Options = {}): Float64Array => {
  const context = ids.map((id) => pieces[id] ?? "").join("")
  const seed = hash(context)
  const out = new Float64Array(VOCABULARY).fill(LEAST)
  const open = unicode ? begun(context) : ""
  if (open !== "") {
    for (const c of CHARACTERS.filter((c) => c.startsWith(open))) out[asId(c[open.length]!)] = 4 * noise(seed, c.length)
    return out
  }
  const isAsked = asked.test(context)
  for (const id of ordinary) out[id] = 3 * noise(seed, id) - (isAsked ? 3 : 0)
  if (isAsked) for (const id of replies) out[id] = 1 + 3 * noise(seed, id)
  if (unicode) for (const c of CHARACTERS) out[asId(c[0]!)] = 1 + 3 * noise(seed, c.length + c.charCodeAt(1))
  const written = context.length - 1 - context.lastIndexOf(ASSISTANT)
  if (!isAsked && written >= SHORTEST) out[END] = (written - SHORTEST) / 10 + 3 * noise(seed, END)
  return out
}

export const logSoftmax = (values: Float64Array): Float64Array => {
  const most = Math.max(...values)
  const total = Math.log(values.reduce((sum, x) => sum + Math.exp(x - most), 0)) + most
  return values.map((x) => x - total)
}

export const best = (values: Float64Array): number => values.indexOf(Math.max(...values))

/** The greedy answer of this many tokens at most. */
export const greedy = (prompt: ReadonlyArray<number>, count: number, options?: Options): ReadonlyArray<number> => {
  const ids = [...prompt]
  while (ids.length < prompt.length + count && ids.at(-1) !== END) ids.push(best(logits(ids, options)))
  return ids.slice(prompt.length)
}

/** Probability that the next token is one of these. */
export const probability = (ids: ReadonlyArray<number>, of: ReadonlyArray<number>): number => {
  const logProbs = logSoftmax(logits(ids))
  return of.reduce((sum, id) => sum + Math.exp(logProbs[id]!), 0)
}

/** Ids of a prompt as the backend renders it. */
export const rendered = (prompt: Prompt.Prompt): ReadonlyArray<number> =>
  encode(typeof prompt === "string" ? prompt : chat(prompt, false))
