import * as Effect from "effect/Effect"
import type { Law } from "../Law.ts"
import type { Subject } from "../Subject.ts"
import { draft, draw, passed, same, unless } from "./trial.ts"

const check = (subject: Subject) =>
  Effect.gen(function* () {
    const reference = subject.reference?.greedy ?? []
    const maxTokens = Math.max(reference.length, draft(subject).maxTokens)
    const greedy = (seed: number) => draw(draft(subject, { temperature: 0, seed, maxTokens }))
    const tokens = yield* greedy(1)
    yield* same("greedy with another seed", tokens, yield* greedy(99), subject)
    const at = reference.findIndex((id, i) => id !== tokens[i]?.id)
    yield* unless(at === -1, `token ${at} is ${tokens[at]?.id}, the reference has ${reference[at]}.`)
    const text = subject.reference?.text
    const written = tokens.map((token) => token.text).join("")
    yield* unless(
      text === undefined || written.startsWith(text),
      `the text is ${JSON.stringify(written)}, not ${text}.`
    )
    if (text !== undefined && reference.length === 0) return passed("The text of the reference, whatever the seed.")
    if (reference.length > 0) return passed(`${reference.length} tokens as the reference, whatever the seed.`)
    return {
      outcome: "unsupported",
      detail: "The same for every seed; there is no reference to compare with."
    } as const
  })

export const greedy: Law = {
  number: 4,
  name: "greedy",
  promise: "Temperature 0 gives the reference implementation's tokens.",
  check
}
