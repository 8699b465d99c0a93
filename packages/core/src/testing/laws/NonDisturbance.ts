import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend } from "../../Backend.ts"
import type { Token } from "../../Token.ts"
import type { Law } from "../Law.ts"
import type { Subject } from "../Subject.ts"
import { ask, type Draft, drafts, draw, same, within } from "./trial.ts"

/** Asked before the first token and after every one, while the row stays open. */
const askedWhileDrawing = (request: Draft, subject: Subject) =>
  Effect.gen(function* () {
    const backend = yield* Backend
    const tokens: Array<Token> = []
    yield* ask(subject, request.prompt, [])
    yield* Stream.runForEach(backend.generate(request), (token) => {
      tokens.push(token)
      return ask(subject, request.prompt, tokens.slice())
    })
    return tokens
  })

/** A draft that pauses, and is asked meanwhile or left alone. */
const paused = (
  request: Draft,
  meanwhile: (head: ReadonlyArray<Token>) => ReturnType<typeof ask> | typeof Effect.void
) =>
  Effect.gen(function* () {
    const head = yield* draw({ ...request, maxTokens: Math.ceil(request.maxTokens / 2) })
    yield* meanwhile(head)
    if (head.at(-1)?.end !== undefined) return head
    return [...head, ...(yield* draw({ ...request, prefix: head, maxTokens: request.maxTokens - head.length }))]
  })

const check = (subject: Subject) =>
  Effect.gen(function* () {
    const moves: Array<number> = []
    for (const request of drafts(subject)) {
      const alone = yield* draw(request)
      const left = yield* paused(request, () => Effect.void)
      const asked = yield* paused(request, (head) => ask(subject, request.prompt, head))
      moves.push(yield* same("asked while paused", left, asked, subject))
      moves.push(yield* same("asked while drawing", alone, yield* askedWhileDrawing(request, subject), subject))
      moves.push(yield* same("drawn again after questions", alone, yield* draw(request), subject))
    }
    return within(moves, `${drafts(subject).length} drafts, questioned while paused and after every token.`, subject)
  })

export const nonDisturbance: Law = {
  number: 2,
  name: "non-disturbance",
  promise: "Asking for log-probabilities in between changes nothing of the continuation.",
  check
}
