/**
 * What the model drew and what it said of it, kept so that every strategy can be decided afterwards by arithmetic. Draft i
 * of a problem depends only on its seed, so strategies that cut, stop or prune share the drafts of those that do not.
 */

/** How the model is asked about a draft; `forms.ts` says what each means. */
export type Form = "full" | "short" | "token" | "reserved"
export const forms = ["full", "short", "token", "reserved"] as const satisfies ReadonlyArray<Form>

/** Where a form is read: after so many tokens, and after such a share of the draft's own length (1 is the end). */
export interface Reading {
  readonly tokens: ReadonlyArray<number>
  readonly shares: ReadonlyArray<number>
}

export type Readings = Partial<Record<Form, Reading>>

/** Sixteen drafts of a problem. */
export interface DrawJob {
  readonly kind: "draw"
  readonly prompt: string
  /** `annealed`: greedy first, hotter with every restart. */
  readonly temperature: number | "annealed"
  readonly readings: Readings
}

/** Drafts of another model, judged by this one. */
export interface JudgeJob {
  readonly kind: "judge"
  readonly prompt: string
  readonly drafts: ReadonlyArray<ReadonlyArray<number>>
  readonly shares: ReadonlyArray<number>
}

export type Job = DrawJob | JudgeJob

export interface Draft {
  /** With the end of text. */
  readonly ids: ReadonlyArray<number>
  /** Without the end of text. */
  readonly length: number
  readonly right: number
  readonly meanLogProb: number
  /** By form, then by depth in tokens; a draft that ended earlier has its last score at its length. */
  readonly scores: Partial<Record<Form, Readonly<Record<number, number>>>>
}

export const DRAFTS = 16

export const HALF = 0.5
export const QUARTER = 0.25

/** What a share of a length is in tokens. */
export const tokensOf = (share: number, length: number): number => Math.floor(share * length)

/** The score after so many tokens, or at the end if that comes first. */
export const scoreAfter = (draft: Draft, tokens: number, form: Form = "full"): number => {
  const score = draft.scores[form]?.[Math.min(tokens, draft.length)]
  if (score === undefined) throw new Error(`No score by "${form}" was recorded after ${tokens} tokens.`)
  return score
}

/** The score after a share of the draft's own length. */
export const scoreAt = (draft: Draft, share: number, form?: Form): number =>
  scoreAfter(draft, tokensOf(share, draft.length), form)

export const endScore = (draft: Draft, form?: Form): number => scoreAfter(draft, draft.length, form)

/** A seed of its own for every problem: one for all would give all of them the same luck. 31 bits, by FNV-1a. */
export const seedOf = (prompt: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < prompt.length; i++) h = Math.imul(h ^ prompt.charCodeAt(i), 0x01000193)
  return h >>> 1
}
