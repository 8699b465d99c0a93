import * as Effect from "effect/Effect"
import type { Token } from "../../Token.ts"
import type { Law } from "../Law.ts"
import type { Subject } from "../Subject.ts"
import { type Draft, draft, drafts, draw, same, unless, violated, within } from "./trial.ts"

/** The draft in pieces of this many tokens. */
const inPieces = (request: Draft, size: number) =>
  Effect.gen(function* () {
    let tokens: ReadonlyArray<Token> = []
    while (tokens.length < request.maxTokens && tokens.at(-1)?.end === undefined) {
      const maxTokens = Math.min(size, request.maxTokens - tokens.length)
      const piece = yield* draw({ ...request, prefix: tokens, maxTokens })
      if (piece.length === 0) return yield* violated(`nothing was drawn after ${tokens.length} tokens without an end.`)
      yield* unless(piece.length <= maxTokens, `${piece.length} tokens where maxTokens was ${maxTokens}.`)
      tokens = [...tokens, ...piece]
    }
    return tokens
  })

/** `maxTokens` 0 draws nothing, and only the last token ends. */
const isSound = (request: Draft, whole: ReadonlyArray<Token>) =>
  Effect.gen(function* () {
    yield* unless((yield* draw({ ...request, maxTokens: 0 })).length === 0, "a token was drawn where maxTokens was 0.")
    yield* unless(
      whole.slice(0, -1).every(({ end }) => end === undefined),
      "a token came after the end."
    )
  })

const check = (subject: Subject) =>
  Effect.gen(function* () {
    const { maxTokens } = draft(subject)
    const sizes = [...new Set([maxTokens, 1, 3, Math.ceil(maxTokens / 2), maxTokens - 1])]
    const moves: Array<number> = []
    for (const request of drafts(subject)) {
      const whole = yield* draw(request)
      yield* isSound(request, whole)
      for (const size of sizes) {
        const what = `temperature ${request.temperature} in pieces of ${size}`
        // Where a request begins its random numbers anew, a sampled draft is the same only if it is cut alike.
        const isCutAlike = subject.seeds === "request" && request.temperature > 0
        const expected = isCutAlike ? yield* inPieces(request, size) : whole
        moves.push(yield* same(what, expected, yield* inPieces(request, size), subject))
      }
    }
    const detail = `${drafts(subject).length} drafts, each in pieces of ${sizes.join(", ")} tokens.`
    if (subject.seeds !== "request") return within(moves, detail, subject)
    return {
      outcome: "bounded",
      detail: `${within(moves, detail, subject).detail} Sampled drafts are the same where they are cut alike.`
    } as const
  })

export const continuation: Law = {
  number: 1,
  name: "continuation",
  promise: "Generating k tokens and then the rest equals generating all at once, for the same seed.",
  check
}
