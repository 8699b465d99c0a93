/**
 * What a law is, and what it is tried on.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend, type GenerateRequest, type LogProbsRequest, type Sampling } from "../Backend.ts"
import type { BackendError } from "../BackendError.ts"
import type { Prompt } from "../Prompt.ts"
import type { Token } from "../Token.ts"

/** What the model's own reference implementation says. */
export interface Reference {
  readonly prompt: Prompt
  /** Its greedy tokens from the start, with the ids where the backend gives them. */
  readonly greedy: ReadonlyArray<Token>
  readonly probabilities: ReadonlyArray<{
    /** After so many of the greedy tokens. */
    readonly position: number
    /** Left out: at the position's own next token. */
    readonly question?: string | undefined
    /** Probability that the next token begins this label, 0 to 1. */
    readonly labels: Readonly<Record<string, number>>
  }>
}

/** What a backend can tell about itself, so that a law sees more than what comes out of it. */
export interface Probe {
  /** Answers being drawn now. */
  readonly openRows?: Effect.Effect<number> | undefined
  /** Tokens drawn since the backend was made, also those that nobody took. */
  readonly drawnTokens?: Effect.Effect<number> | undefined
}

/** A request that the backend must refuse, with a name for the report. */
export type Refusal =
  | { readonly name: string; readonly generate: Partial<GenerateRequest> }
  | { readonly name: string; readonly logProbs: Partial<LogProbsRequest> }

/** What a backend's laws are tried on. */
export interface Subject {
  /** At least one; several make the neighbours of law 3 differ. Best such that answers are longer than `maxTokens`. */
  readonly prompts: readonly [Prompt, ...ReadonlyArray<Prompt>]
  readonly question: string
  /** At least one. */
  readonly labels: ReadonlyArray<string>
  /** Length of the drafts to draw, from 4. Default 12. */
  readonly maxTokens?: number | undefined
  /** Seed and temperature of the drafts to draw; by default two seeds, greedy, model's own and hotter. */
  readonly draws?: ReadonlyArray<Pick<GenerateRequest, "seed" | "temperature"> & Sampling> | undefined
  readonly references?: ReadonlyArray<Reference> | undefined
  /** How far a probability may be from the reference's. Default 1e-4. */
  readonly tolerance?: number | undefined
  /**
   * How far a log-probability may move where floating point depends on what else is computed; the tokens must be the same
   * all the same. Within it a law is `bounded`, not `passed`. Default 1e-3; 0 asks for the same bits.
   */
  readonly bound?: number | undefined
  readonly probe?: Probe | undefined
  /** Beside the ones that every backend must refuse. */
  readonly refusals?: ReadonlyArray<Refusal> | undefined
}

/** `unsupported`: the backend cannot do what the law is about, or nothing was given to hold it against. */
export type Outcome = "passed" | "bounded" | "unsupported" | "failed"

export interface Verdict {
  readonly outcome: Outcome
  /** One sentence: what was tried, or what went wrong. */
  readonly detail: string
}

/** The law does not hold; `detail` says where. */
export class Violation extends Data.TaggedError("Violation")<{ readonly detail: string }> {}

export interface Law {
  readonly number: number
  readonly name: string
  readonly promise: string
  readonly check: (subject: Subject) => Effect.Effect<Verdict, BackendError | Violation, Backend>
}

const DRAWS = [
  { seed: 1, temperature: 0 },
  { seed: 1, temperature: 1 },
  { seed: 7, temperature: 1 },
  { seed: 7, temperature: 1.5 }
]

/** Every draft to draw. */
export const requests = ({ draws = DRAWS, maxTokens = 12, prompts }: Subject): ReadonlyArray<GenerateRequest> =>
  prompts.flatMap((prompt) => draws.map((draw) => ({ prompt, prefix: [], maxTokens, ...draw })))

/** A prompt like this one that was not asked yet, so that no cache knows it. */
export const vary = (prompt: Prompt, mark: string): Prompt =>
  typeof prompt === "string"
    ? `${mark} ${prompt}`
    : prompt.map((m, i) => (i === prompt.length - 1 ? { ...m, content: `${mark} ${m.content}` } : m))

export const draw = (request: GenerateRequest): Effect.Effect<ReadonlyArray<Token>, BackendError, Backend> =>
  Effect.flatMap(Backend, (backend) => Stream.runCollect(backend.generate(request)))

export const ask = (request: LogProbsRequest) => Effect.flatMap(Backend, (backend) => backend.logProbs(request))

export const violated = (detail: string): Effect.Effect<never, Violation> => Effect.fail(new Violation({ detail }))

const show = (tokens: ReadonlyArray<Token>): string => JSON.stringify(tokens.map(({ text }) => text).join(""))

const isSame = (a: Token | undefined, b: Token | undefined): boolean =>
  a?.id === b?.id &&
  a?.text === b?.text &&
  a?.end === b?.end &&
  (a?.logProb === undefined) === (b?.logProb === undefined)

const distance = (a: number | undefined, b: number | undefined): number =>
  a === b || a === undefined || b === undefined ? 0 : Math.abs(a - b)

/**
 * Fails unless these are the same tokens; gives how far their log-probabilities are apart, which must be within the
 * subject's bound.
 */
export const same = (
  what: string,
  expected: ReadonlyArray<Token>,
  got: ReadonlyArray<Token>,
  { bound = 1e-3 }: Subject
): Effect.Effect<number, Violation> => {
  const length = Math.max(expected.length, got.length)
  const at = Array.from({ length }, (_, i) => i).find((i) => !isSame(expected[i], got[i]))
  if (at !== undefined) return violated(`${what}: ${show(got)} instead of ${show(expected)}, from token ${at} on.`)
  const apart = Math.max(0, ...expected.map((token, i) => distance(token.logProb, got[i]?.logProb)))
  return apart <= bound ? Effect.succeed(apart) : violated(`${what}: a log-probability moved by ${apart}.`)
}

/** `passed` for the same bits, else `bounded` with how far they moved. */
export const within = (apart: ReadonlyArray<number>, detail: string): Verdict => {
  const most = Math.max(0, ...apart)
  return most === 0
    ? { outcome: "passed", detail }
    : {
        outcome: "bounded",
        detail: `${detail} Same tokens; log-probabilities moved by up to ${most.toExponential(1)}.`
      }
}

/** Real time, also under a test clock: what must not happen afterwards gets a moment to happen. */
export const moment = (milliseconds: number): Effect.Effect<void> =>
  Effect.promise(() => new Promise((resolve) => setTimeout(resolve, milliseconds)))
