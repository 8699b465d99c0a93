import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend } from "../../Backend.ts"
import type { BackendError } from "../../BackendError.ts"
import * as Budget from "../../Budget.ts"
import * as Usage from "../../Usage.ts"
import type { Law } from "../Law.ts"
import type { Subject } from "../Subject.ts"
import { ask, type Draft, drafts, draw, ifJudging, moment, passed, unless, vary } from "./trial.ts"

/** What a call gave and what its backend charged for it. */
const cost = <A>(self: Effect.Effect<A, BackendError, Backend>) =>
  Effect.flatMap(Usage.measure(self), ([usage, exit]) => Effect.map(exit, (value) => ({ usage, value })))

const taken = (request: Draft, count: number) =>
  Effect.flatMap(Backend, (backend) => Stream.runCount(Stream.take(backend.generate(request), count)))

/** Whoever takes a token charges it: a backend that does so as well counts it twice. What nobody took, it charges. */
const drawing = (request: Draft, { ahead = 0, drawnTokens }: Subject) =>
  Effect.gen(function* () {
    const before = yield* drawnTokens ?? Effect.succeed(0)
    const { usage, value } = yield* cost(draw(request))
    yield* unless(usage.drawnTokens === 0, `${usage.drawnTokens} tokens were charged, and all had been taken.`)
    yield* unless(usage.promptTokens > 0, "a new prompt was read and not charged.")
    yield* unless(usage.readTokens === 0, "drawing was charged as reading to judge.")
    const whole = (yield* drawnTokens ?? Effect.succeed(value.length)) - (drawnTokens === undefined ? 0 : before)
    yield* unless(whole === value.length, `${whole} tokens were drawn for a whole draft of ${value.length}.`)
    const cut = yield* cost(taken(request, 2))
    if (drawnTokens === undefined) return 0
    if (ahead > 0) yield* moment(50) // a server may notice only now that nobody takes its tokens
    const accounted = value.length + cut.value + cut.usage.drawnTokens
    const drawn = (yield* drawnTokens) - before
    yield* unless(Math.abs(drawn - accounted) <= ahead, `${drawn} tokens were drawn, ${accounted} accounted for.`)
    return Math.abs(drawn - accounted)
  })

/** The budget around the caller pays too. */
const judging = (request: Draft, subject: Subject) =>
  Effect.gen(function* () {
    const account = new Budget.Account({ readTokens: 1 })
    const asked = Effect.provideService(ask(subject, request.prompt, []), Budget.CurrentAccount, account)
    const { usage } = yield* cost(asked)
    yield* unless(usage.readTokens > 0, "a question was read and not charged.")
    yield* unless(usage.drawnTokens + usage.promptTokens === 0, "a question was charged as drawing.")
    yield* unless(account.isSpent, "a question was not charged to the budget around its caller.")
  })

const judges = (subject: Subject) =>
  ask(subject, subject.prompt, []).pipe(
    Effect.as(true),
    Effect.catchReason("BackendError", "Unsupported", () => Effect.succeed(false))
  )

/** Everyone is charged for their own, and the sum arrives above. */
const sideBySide = (requests: ReadonlyArray<Draft>, subject: Subject) =>
  Effect.gen(function* () {
    const canJudge = yield* judges(subject)
    const calls = requests.flatMap((request) => [
      Effect.asVoid(draw(request)),
      ...(canJudge ? [Effect.asVoid(ask(subject, request.prompt, []))] : [])
    ])
    const { usage: whole, value: parts } = yield* cost(Effect.all(calls.map(cost), { concurrency: "unbounded" }))
    for (const what of ["drawnTokens", "promptTokens", "readTokens"] as const) {
      const sum = parts.reduce((total, { usage }) => total + usage[what], 0)
      yield* unless(sum === whole[what], `side by side ${what} are ${sum}, and ${whole[what]} together.`)
    }
    const free = parts.filter(({ usage }) => usage.promptTokens + usage.readTokens === 0).length
    yield* unless(free === 0, `${free} of ${parts.length} calls side by side were charged nothing for what is new.`)
  })

const check = (subject: Subject) =>
  Effect.gen(function* () {
    // New prompts: what a cache knows is not read.
    const fresh = (round: number) =>
      drafts(subject).map((request, i) => ({ ...request, prompt: vary(request.prompt, `${round}${i}`) }))
    let missed = 0
    for (const request of fresh(1)) {
      missed += yield* drawing(request, subject)
      yield* ifJudging(judging(request, subject))
    }
    yield* sideBySide(fresh(2), subject)
    const watched = subject.drawnTokens === undefined ? "as charged" : "as charged and as drawn"
    if (!(yield* judges(subject)))
      return { outcome: "bounded", detail: `What is drawn is ${watched}; this backend cannot judge.` } as const
    const detail = `${fresh(1).length} new prompts drawn from and judged, one by one and side by side, ${watched}`
    if (missed === 0) return passed(`${detail}.`)
    return { outcome: "bounded", detail: `${detail} but for ${missed} tokens under way when they were cut.` } as const
  })

export const accounting: Law = {
  number: 8,
  name: "accounting",
  promise: "Usage equals what was really drawn and read, cancelled work included.",
  check
}
