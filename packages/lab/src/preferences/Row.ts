/**
 * A line of the training data: one question about one draft, in TRL's conversational format.
 */
import * as Schema from "effect/Schema"
import { Message } from "@mulligan/core/Prompt"
import type * as PersonalData from "./PersonalData.ts"
import * as Personal from "./PersonalData.ts"
import { winOrTie } from "./SoftTarget.ts"
import type { Judged, Prompt } from "./Store.ts"
import * as Truncation from "./Truncation.ts"

export const Row = Schema.Struct({
  /** The conversation, the draft as the assistant's turn, the question as the user's. */
  messages: Schema.Array(Message),
  /** How likely the reply that keeps the draft ("No") should be, 0 to 1: that it wins or ties against a restart. */
  target: Schema.Finite,
  /** How much it counts, above 0. */
  weight: Schema.Finite,
  /** The model had not ended the draft there: it was cut at random, or by `maxTokens`. */
  truncated: Schema.Boolean,
  /** Of the draft, an end of text not counted. */
  tokens: Schema.Int,
  /** The data set that the prompt is from. */
  source: Schema.String
})
export interface Row extends Schema.Schema.Type<typeof Row> {}

export interface Options {
  /** Rewards that are at most this far apart are a tie, from 0; 0 is off. Default 0. */
  readonly margin?: number | undefined
  /** Random lengths that each draft is cut to, besides the whole; each keeps the whole draft's target. 0 is off. Default 1. */
  readonly truncations?: number | undefined
  /** Asked as the last turn. Default: the paper's wording. */
  readonly question?: string | undefined
}

/** What is known of a row before it is written. */
export interface Sketch {
  /** Place of the draft among its siblings, and the tokens that are left of it. */
  readonly draft: number
  readonly tokens: number
  readonly text: string
  readonly target: number
  readonly truncated: boolean
}

/** The draft's rows: the whole, then its cuts, shortest first. */
const ofDraft = (draft: Judged, target: number, cuts: ReadonlyArray<number>): ReadonlyArray<Sketch> => {
  const whole = draft.texts.join("")
  const tokens = saidLength(draft)
  const first = { draft: draft.draft, tokens, text: whole, target, truncated: draft.end !== "stop" }
  const rest = cuts.map((at) => ({ ...first, tokens: at, text: draft.texts.slice(0, at).join(""), truncated: true }))
  // Tokens without text of their own (an end, a piece of a character) make no other prefix.
  return [first, ...rest.filter(({ text }) => text !== whole)]
}

const saidLength = ({ end, texts }: Judged) =>
  Truncation.saidLength(
    texts.map((text, i) => (i === texts.length - 1 && end !== undefined ? { text, end } : { text }))
  )

/**
 * The rows of a prompt, all of whose drafts are judged. `seed` and `key` (the prompt's own) decide where drafts are cut.
 * Drafts with personal data give no rows, but count as siblings: `onPersonal` is told what was found.
 */
export const ofPrompt = (
  drafts: ReadonlyArray<Judged>,
  { margin = 0, truncations = 1 }: Options,
  key: ReadonlyArray<string | number>,
  personalData: ReadonlyArray<PersonalData.Kind> | undefined,
  onPersonal: (kind: string) => void
): ReadonlyArray<Sketch> => {
  const targets = winOrTie(
    drafts.map(({ reward }) => reward ?? NaN),
    margin
  )
  return drafts.flatMap((draft, i) => {
    const found = Personal.find(draft.texts.join(""), personalData)
    if (found !== undefined) onPersonal(found)
    if (found !== undefined) return []
    const cuts = Truncation.cuts(saidLength(draft), truncations, ...key, draft.draft)
    return ofDraft(draft, targets[i] ?? NaN, cuts)
  })
}

/** The row as it is written. */
export const of = (
  { dataset, messages }: Prompt,
  { target, text, tokens, truncated }: Sketch,
  question: string,
  weight: number
): Row => ({
  messages: [...messages, { role: "assistant", content: text }, { role: "user", content: question }],
  target,
  weight,
  truncated,
  tokens,
  source: dataset
})
