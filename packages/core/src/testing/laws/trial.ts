/**
 * What the laws' checks share: drawing, asking and comparing.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend, type GenerateRequest } from "../../Backend.ts"
import { BackendError } from "../../BackendError.ts"
import type { Prompt } from "../../Prompt.ts"
import type { Token } from "../../Token.ts"
import { type Verdict, Violation } from "../Law.ts"
import type { Subject } from "../Subject.ts"

/** A request whose length is known. */
export type Draft = GenerateRequest & { readonly maxTokens: number }

const SETTINGS = [
  { seed: 1, temperature: 0 },
  { seed: 1, temperature: 1 },
  { seed: 7, temperature: 1 },
  { seed: 3, temperature: 1.5 }
]

export const draft = ({ maxTokens = 12, prompt }: Subject, rest: Partial<Draft> = {}): Draft => ({
  prompt,
  prefix: [],
  temperature: 1,
  seed: 1,
  maxTokens,
  ...rest
})

/** Greedy, the model's own distribution by two seeds, and a hotter one; greedy alone where no seed is repeated. */
export const drafts = (subject: Subject): ReadonlyArray<Draft> =>
  SETTINGS.filter(({ temperature }) => subject.seeds !== "none" || temperature === 0).map((setting) =>
    draft(subject, setting)
  )

/** A prompt like this one that no cache knows yet. */
export const vary = (prompt: Prompt, mark: string): Prompt =>
  typeof prompt === "string"
    ? `${mark} ${prompt}`
    : prompt.map((m, i) => (i === prompt.length - 1 ? { ...m, content: `${mark} ${m.content}` } : m))

export const draw = (request: GenerateRequest): Effect.Effect<ReadonlyArray<Token>, BackendError, Backend> =>
  Effect.flatMap(Backend, (backend) => Stream.runCollect(backend.generate(request)))

export const ask = ({ labels, question }: Subject, prompt: Prompt, prefix: ReadonlyArray<Token>) =>
  Effect.flatMap(Backend, (backend) => backend.logProbs({ prompt, prefix, question, labels }))

export const violated = (detail: string): Effect.Effect<never, Violation> => Effect.fail(new Violation({ detail }))

export const unless = (isKept: boolean, detail: string): Effect.Effect<void, Violation> =>
  isKept ? Effect.void : violated(detail)

const show = (tokens: ReadonlyArray<Token>): string => JSON.stringify(tokens.map(({ text }) => text).join(""))

const isSame = (a: Token | undefined, b: Token | undefined): boolean =>
  a?.id === b?.id &&
  a?.text === b?.text &&
  a?.end === b?.end &&
  (a?.logProb === undefined) === (b?.logProb === undefined)

/** Where two drafts part; undefined: they are the same tokens. */
export const parting = (a: ReadonlyArray<Token>, b: ReadonlyArray<Token>): number | undefined =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) => i).find((i) => !isSame(a[i], b[i]))

export const distance = (a: number | undefined, b: number | undefined): number =>
  Object.is(a, b) || a === undefined || b === undefined ? 0 : Math.abs(a - b)

/** How far the log-probabilities of the same tokens are apart; fails beyond the subject's bound. */
export const apart = (what: string, a: ReadonlyArray<Token>, b: ReadonlyArray<Token>, { bound = 1e-3 }: Subject) => {
  const most = Math.max(0, ...a.map((token, i) => distance(token.logProb, b[i]?.logProb)))
  return most <= bound ? Effect.succeed(most) : violated(`${what}: a log-probability moved by ${most}.`)
}

/** Fails unless these are the same tokens; gives how far their log-probabilities are apart. */
export const same = (what: string, expected: ReadonlyArray<Token>, got: ReadonlyArray<Token>, subject: Subject) => {
  const at = parting(expected, got)
  return at === undefined
    ? apart(what, expected, got, subject)
    : violated(`${what}: ${show(got)} instead of ${show(expected)}, from token ${at} on.`)
}

export const passed = (detail: string): Verdict => ({ outcome: "passed", detail })

/** `passed` for the same bits, else `bounded`, with how far they moved and what was not tried. */
export const within = (moves: ReadonlyArray<number>, detail: string, { seeds }: Subject): Verdict => {
  const most = Math.max(0, ...moves)
  const bounds = [
    ...(most === 0 ? [] : [`Log-probabilities moved by up to ${most.toExponential(1)}.`]),
    ...(seeds === "none" ? ["Greedy drafts alone: no seed is repeated here."] : [])
  ]
  return bounds.length === 0 ? passed(detail) : { outcome: "bounded", detail: [detail, ...bounds].join(" ") }
}

/** Where a backend cannot judge, what is left of a law is still checked. */
export const ifJudging = <A, E, R>(self: Effect.Effect<A, E | BackendError, R>) =>
  Effect.catchIf(
    Effect.asVoid(self),
    (error): error is Extract<typeof error, BackendError> =>
      error instanceof BackendError && error.reason._tag === "Unsupported",
    () => Effect.void
  )

/** Real time, also under a test clock: what must not happen afterwards gets a moment to happen. */
export const moment = (milliseconds: number): Effect.Effect<void> =>
  Effect.promise(() => new Promise((resolve) => setTimeout(resolve, milliseconds)))
