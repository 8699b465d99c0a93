import * as Effect from "effect/Effect"
import { ask, draw, drawInTwo, type Law, MAX_TOKENS, request, verdict, written } from "./law.ts"

const settings = [
  { seed: 1, temperature: 0 },
  { seed: 1, temperature: 1 },
  { seed: 2, temperature: 1 },
  { seed: 3, temperature: 0.7 }
]

export const continuation: Law = {
  name: "continuation",
  promise: "Generating k tokens and then the rest equals generating all at once, for the same seed.",
  check: (subject) =>
    Effect.gen(function* () {
      const failures: Array<string> = []
      const cuts = [1, Math.floor((subject.maxTokens ?? MAX_TOKENS) / 2)]
      for (const setting of settings) {
        const whole = yield* draw(request(subject, setting))
        for (const cut of cuts) {
          const parts = yield* drawInTwo(subject, cut, setting)
          if (parts.head.length > cut) failures.push(`maxTokens ${cut} gave ${parts.head.length} tokens`)
          if (written(parts.whole) !== written(whole)) {
            failures.push(
              `seed ${setting.seed}, temperature ${setting.temperature}: a cut after ${cut} changed the answer`
            )
          }
        }
      }
      return verdict(failures, `${settings.length} drafts cut at ${cuts.join(" and ")}`)
    })
}

export const nonDisturbance: Law = {
  name: "non-disturbance",
  promise: "Asking for probabilities in between changes nothing of the continuation.",
  check: (subject) =>
    Effect.gen(function* () {
      const failures: Array<string> = []
      for (const setting of settings) {
        const whole = yield* draw(request(subject, setting))
        const cut = Math.max(1, Math.floor(whole.length / 2))
        const head = whole.slice(0, cut)
        const before = yield* ask(subject, head)
        const tail = yield* draw(
          request(subject, { ...setting, prefix: head, maxTokens: Math.max(0, whole.length - cut) })
        )
        const after = yield* ask(subject, head)
        if (written([...head, ...tail]) !== written(whole))
          failures.push(`seed ${setting.seed}: a question changed what followed`)
        const moved = before.labels.some((bounds, i) => Math.abs(bounds.lower - (after.labels[i]?.lower ?? NaN)) > 1e-4)
        if (moved) failures.push(`seed ${setting.seed}: the same question was answered otherwise the second time`)
      }
      return verdict(failures, `${settings.length} drafts questioned in the middle`)
    })
}
