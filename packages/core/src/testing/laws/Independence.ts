import * as Effect from "effect/Effect"
import type { Token } from "../../Token.ts"
import type { Law } from "../Law.ts"
import type { Subject } from "../Subject.ts"
import { apart, ask, distance, type Draft, drafts, draw, parting, unless, within } from "./trial.ts"

const BESIDE = [1, 3, 8]

/** Of other seeds, prompts and lengths, so that rows join and leave. */
const neighbours = (request: Draft, count: number, { others = [], prompt }: Subject) =>
  Array.from({ length: count }, (_, i) =>
    draw({
      ...request,
      prompt: [prompt, ...others][i % (others.length + 1)] ?? prompt,
      seed: request.seed + 101 + i,
      temperature: 1,
      maxTokens: 1 + ((i * 5) % request.maxTokens)
    })
  )

const beside = <A, E, R>(self: Effect.Effect<A, E, R>, request: Draft, count: number, subject: Subject) => {
  const all = { concurrency: "unbounded" } as const
  return Effect.map(Effect.all([self, Effect.all(neighbours(request, count, subject), all)], all), ([own]) => own)
}

/** A judgement does not depend on the neighbours either; a backend that cannot judge can still draw. */
const judged = (request: Draft, prefix: ReadonlyArray<Token>, count: number, subject: Subject) =>
  Effect.gen(function* () {
    const { bound = 1e-3 } = subject
    const asked = ask(subject, request.prompt, prefix)
    const alone = yield* asked
    const accompanied = yield* beside(asked, request, count, subject)
    const moved = alone.labels.map((label, i) => distance(label.lower, accompanied.labels[i]?.lower))
    yield* unless(
      Math.max(...moved) <= bound,
      `a label's log-probability moved by ${Math.max(...moved)} beside ${count}.`
    )
    return Math.max(...moved)
  }).pipe(Effect.catchReason("BackendError", "Unsupported", () => Effect.succeed(0)))

/** How many tokens were drawn, and how many of them others than alone: everything from where a draft took another turn. */
const compared = (alone: ReadonlyArray<Token>, accompanied: ReadonlyArray<Token>) => {
  const at = parting(alone, accompanied)
  return { all: alone.length, other: at === undefined ? 0 : Math.max(alone.length, accompanied.length) - at, at }
}

const check = (subject: Subject) =>
  Effect.gen(function* () {
    let [all, other] = [0, 0]
    const moves: Array<number> = []
    for (const request of drafts(subject)) {
      const alone = yield* draw(request)
      for (const count of BESIDE) {
        const accompanied = yield* beside(draw(request), request, count, subject)
        const found = compared(alone, accompanied)
        all += found.all
        other += found.other
        moves.push(yield* apart(`beside ${count}`, alone.slice(0, found.at), accompanied, subject))
        moves.push(yield* judged(request, alone.slice(0, 3), count, subject))
      }
    }
    const { independenceBound = 0 } = subject
    const detail = `${other} of ${all} tokens differ beside ${BESIDE.join(", ")} others; the bound is ${independenceBound * 100}%.`
    yield* unless(other <= independenceBound * all, detail)
    return other === 0 ? within(moves, detail, subject) : ({ outcome: "bounded", detail } as const)
  })

export const independence: Law = {
  number: 3,
  name: "independence",
  promise: "A candidate's tokens do not depend on how many others run beside it.",
  check
}
