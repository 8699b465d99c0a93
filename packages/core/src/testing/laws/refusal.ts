import * as Effect from "effect/Effect"
import type { GenerateRequest } from "../../Backend.ts"
import type { BackendError } from "../../BackendError.ts"
import * as Usage from "../../Usage.ts"
import type { Subject } from "../Subject.ts"
import { ask, draw, type Law, request, verdict } from "./law.ts"

const bad = (subject: Subject): Record<string, Partial<GenerateRequest>> => ({
  "temperature -1": { temperature: -1 },
  "temperature NaN": { temperature: NaN },
  "maxTokens -1": { maxTokens: -1 },
  "a prefix that has ended": {
    prefix: [{ id: 0, text: "", logProb: 0, end: "stop" }],
    maxTokens: subject.maxTokens ?? 1
  }
})

/** Undefined: refused as it should be. */
const problem = <A, R>(
  name: string,
  effect: Effect.Effect<A, BackendError, R>
): Effect.Effect<string | undefined, never, R> =>
  Effect.gen(function* () {
    const [usage, exit] = yield* Usage.measure(Effect.result(effect))
    const result = exit._tag === "Success" ? exit.value : undefined
    if (result?._tag !== "Failure") return `${name} was not refused with a BackendError`
    const { _tag, advice } = result.failure.reason
    if (_tag !== "InvalidRequest" && _tag !== "Unsupported") return `${name} was called ${_tag}`
    if (advice === "") return `${name} was refused without advice`
    return usage.promptTokens + usage.readTokens + usage.drawnTokens > 0
      ? `${name} cost tokens before it was refused`
      : undefined
  })

export const refusal: Law = {
  name: "refusal",
  promise: "Bad input and missing capabilities fail before anything is spent, with a reason the user can act on.",
  check: (subject) =>
    Effect.gen(function* () {
      const requests = bad(subject)
      const problems = yield* Effect.forEach(Object.entries(requests), ([name, rest]) =>
        problem(name, draw(request(subject, rest)))
      )
      const noLabels = yield* problem("an empty list of labels", ask({ ...subject, labels: [] }, []))
      const failures = [...problems, noLabels].filter((p) => p !== undefined)
      return verdict(failures, `refused ${Object.keys(requests).join(", ")} and no labels`)
    })
}
