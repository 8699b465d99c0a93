import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend, type GenerateRequest } from "../../Backend.ts"
import type { BackendError } from "../../BackendError.ts"
import type { Token } from "../../Token.ts"
import type { Subject } from "../Subject.ts"

export interface Verdict {
  readonly outcome: "passed" | "bounded" | "unsupported" | "failed"
  /** What was seen, in a sentence. */
  readonly detail: string
}

export interface Law {
  readonly name: string
  /** The promise. */
  readonly promise: string
  readonly check: (subject: Subject) => Effect.Effect<Verdict, BackendError, Backend>
}

export const passed = (detail: string): Verdict => ({ outcome: "passed", detail })
export const failed = (detail: string): Verdict => ({ outcome: "failed", detail })

/** The first failure, or the sentence. */
export const verdict = (failures: ReadonlyArray<string>, detail: string): Verdict =>
  failures[0] === undefined ? passed(detail) : failed(failures[0])

export const MAX_TOKENS = 12

/** A request about the subject's prompt. */
export const request = (subject: Subject, rest: Partial<GenerateRequest> = {}): GenerateRequest => ({
  prompt: subject.prompt,
  prefix: [],
  temperature: 1,
  seed: 1,
  maxTokens: subject.maxTokens ?? MAX_TOKENS,
  ...rest
})

export const draw = (r: GenerateRequest): Effect.Effect<ReadonlyArray<Token>, BackendError, Backend> =>
  Effect.flatMap(Backend, (backend) => Stream.runCollect(backend.generate(r)))

export const ask = (subject: Subject, prefix: ReadonlyArray<Token>) =>
  Effect.flatMap(Backend, (backend) =>
    backend.logProbs({ prompt: subject.prompt, prefix, question: subject.question, labels: subject.labels })
  )

/** Tokens without what floating point may move. */
export const written = (tokens: ReadonlyArray<Token>): string =>
  JSON.stringify(tokens.map(({ end, id, text }) => [id ?? null, text, end ?? null]))

/** A draft drawn in two calls. */
export const drawInTwo = (subject: Subject, cut: number, rest: Partial<GenerateRequest>) =>
  Effect.gen(function* () {
    const all = subject.maxTokens ?? MAX_TOKENS
    const head = yield* draw(request(subject, { ...rest, maxTokens: cut }))
    if (head.at(-1)?.end !== undefined) return { head, whole: head }
    const tail = yield* draw(request(subject, { ...rest, prefix: head, maxTokens: all - head.length }))
    return { head, whole: [...head, ...tail] }
  })
