import * as Effect from "effect/Effect"
import { BackendError } from "../../BackendError.ts"
import type { Token } from "../../Token.ts"
import type { Law } from "../Law.ts"
import type { Subject } from "../Subject.ts"
import { distance, type Draft, draft, draw, passed, same, unless, violated } from "./trial.ts"

type Of = "confidence" | "certainty"

const valuesOf = (of: Of, tokens: ReadonlyArray<Token>) =>
  Effect.forEach(tokens, (token, i) => {
    const value = token[of]
    if (value === undefined && token.logProb === undefined) return Effect.succeed(undefined)
    return value !== undefined && value >= 0 ? Effect.succeed(value) : violated(`the ${of} of token ${i} is ${value}.`)
  })

/** The likeliest token's own is minus its log-probability, and more tokens can only be less likely. */
const confidences = (plain: Draft, tokens: ReadonlyArray<Token>, subject: Subject) =>
  Effect.gen(function* () {
    const { bound = 1e-3 } = subject
    const one = yield* draw({ ...plain, confidence: 1 })
    const more = yield* draw({ ...plain, confidence: 3 })
    yield* same("asked for its confidence", tokens, one, subject)
    yield* same("asked for its confidence over more", tokens, more, subject)
    const [least, most] = [yield* valuesOf("confidence", one), yield* valuesOf("confidence", more)]
    const fallen = least.findIndex((value, i) => (value ?? 0) > (most[i] ?? Infinity) + bound)
    yield* unless(fallen === -1, `the confidence of token ${fallen} falls with the number of tokens that it is over.`)
    const told = most.filter((value) => value !== undefined).length
    if (plain.temperature > 0) return told
    const at = one.findIndex(
      ({ logProb }, i) => distance(logProb === undefined ? undefined : -logProb, least[i]) > bound
    )
    yield* unless(at === -1, `the confidence of greedy token ${at} over itself is not minus its log-probability.`)
    return told
  })

const certainties = (plain: Draft, tokens: ReadonlyArray<Token>, subject: Subject) =>
  Effect.gen(function* () {
    const told = yield* draw({ ...plain, certainty: true })
    yield* same("asked for its certainty", tokens, told, subject)
    yield* valuesOf("certainty", told)
    return true
  }).pipe(
    Effect.catchIf(
      (error): error is BackendError => error instanceof BackendError && error.reason._tag === "Unsupported",
      () => Effect.succeed(false)
    )
  )

const check = (subject: Subject) =>
  Effect.gen(function* () {
    const plains = [0, ...(subject.seeds === "none" ? [] : [1])].map((temperature) => draft(subject, { temperature }))
    let [told, isCertain] = [0, true]
    for (const plain of plains) {
      const tokens = yield* draw(plain)
      told += yield* confidences(plain, tokens, subject)
      isCertain = (yield* certainties(plain, tokens, subject)) && isCertain
    }
    if (told === 0) return { outcome: "unsupported", detail: "No token has a confidence." } as const
    return passed(`${told} tokens, over 1, 3${isCertain ? " and the vocabulary" : "; certainty is refused"}.`)
  })

export const confidence: Law = {
  number: 9,
  name: "confidence",
  promise: "What is told of a token's distribution changes no token, and agrees with its log-probability.",
  check
}
