import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { Backend } from "../../Backend.ts"
import * as Budget from "../../Budget.ts"
import * as Usage from "../../Usage.ts"
import type { Law } from "../Law.ts"
import type { BadRequest, Subject } from "../Subject.ts"
import { draft, passed, unless, violated } from "./trial.ts"

const always: ReadonlyArray<BadRequest> = [
  { name: "temperature -1", generate: { temperature: -1 } },
  { name: "temperature NaN", generate: { temperature: NaN } },
  { name: "temperature Infinity", generate: { temperature: Infinity } },
  { name: "maxTokens -1", generate: { maxTokens: -1 } },
  { name: "maxTokens 1.5", generate: { maxTokens: 1.5 } },
  { name: "seed NaN", generate: { seed: NaN } },
  { name: "confidence 0", generate: { confidence: 0 } },
  { name: "a prefix that has ended", generate: { prefix: [{ id: 0, text: "", logProb: 0, end: "stop" }] } },
  { name: "no labels", logProbs: { labels: [] } },
  { name: "an empty label", logProbs: { labels: [""] } }
]

/** The bad request in place of a good one. */
const attempt = (bad: BadRequest, subject: Subject) =>
  Effect.flatMap(Backend, (backend) => {
    const { labels, prompt, question } = subject
    return "logProbs" in bad
      ? Effect.asVoid(backend.logProbs({ prompt, prefix: [], question, labels, ...bad.logProbs }))
      : Stream.runDrain(backend.generate({ ...draft(subject), ...bad.generate }))
  })

/** What was charged anywhere; a charge of nothing is none. */
const spent = (meter: Usage.Meter, account: Budget.Account): boolean =>
  account.isSpent || Object.values<number>(meter.usage).some((count) => count !== 0)

const refused = (bad: BadRequest, subject: Subject) =>
  Effect.gen(function* () {
    const drawnTokens = subject.drawnTokens ?? Effect.succeed(0)
    const before = yield* drawnTokens
    const meter = new Usage.Meter()
    const account = new Budget.Account({ drawnTokens: 1, readTokens: 1 })
    const result = yield* attempt(bad, subject).pipe(
      Effect.provideService(Budget.CurrentAccount, account),
      Effect.provideService(Usage.CurrentMeter, meter),
      Effect.result
    )
    if (Result.isSuccess(result)) return yield* violated(`${bad.name} was not refused.`)
    const { _tag, advice, problem } = result.failure.reason
    const isPermanent = _tag === "InvalidRequest" || _tag === "Unsupported"
    yield* unless(isPermanent, `${bad.name} was called ${_tag}, as if it could work another time.`)
    yield* unless(problem.trim() !== "" && advice.trim() !== "", `${bad.name} was refused without saying what to do.`)
    yield* unless(!spent(meter, account), `${bad.name} was refused only after something was charged.`)
    yield* unless((yield* drawnTokens) === before, `${bad.name} was refused only after a token was drawn.`)
  })

const check = (subject: Subject) =>
  Effect.gen(function* () {
    const all = [...always, ...(subject.refusals ?? [])]
    yield* Effect.forEach(all, (bad) => refused(bad, subject))
    return passed(`Refused ${all.map(({ name }) => name).join(", ")}.`)
  })

export const refusal: Law = {
  number: 7,
  name: "refusal",
  promise: "Bad input and missing capabilities fail before anything is spent, with a reason the user can act on.",
  check
}
