import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Backend } from "../../Backend.ts"
import * as Usage from "../../Usage.ts"
import type { Law } from "../Law.ts"
import type { Subject } from "../Subject.ts"
import { ask, type Draft, drafts, draw, ifJudging, moment, same, unless, violated, within } from "./trial.ts"

const TAKEN = 2

/** Interrupts a draft after two tokens: while whoever took them keeps its row, or some time into what follows. */
const interrupted = (request: Draft, then: "holding" | Effect.Effect<void>) =>
  Effect.gen(function* () {
    const backend = yield* Backend
    const begun = yield* Deferred.make<void>()
    let seen = 0
    const taking = Stream.runForEach(backend.generate(request), () => {
      if (++seen < TAKEN) return Effect.void
      return Effect.andThen(Deferred.succeed(begun, undefined), then === "holding" ? Effect.never : Effect.yieldNow)
    })
    const fiber = yield* Effect.forkChild(taking)
    yield* Effect.raceFirst(Deferred.await(begun), Fiber.join(fiber))
    if (then !== "holding") yield* then
    yield* Fiber.interrupt(fiber)
  })

const interruptedQuestion = (request: Draft, subject: Subject) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(ifJudging(ask(subject, request.prompt, [])))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
  })

/** Every way to leave a row: interrupted between steps, before one, during one, and no longer pulled. */
const cutShort = (request: Draft, subject: Subject) =>
  Effect.gen(function* () {
    const backend = yield* Backend
    yield* interrupted(request, "holding")
    yield* interrupted(request, Effect.yieldNow)
    yield* interrupted(request, moment(1))
    yield* Stream.runDrain(Stream.take(backend.generate(request), TAKEN))
    yield* interruptedQuestion(request, subject)
  })

const ROWS = 4

const freed = (before: number, openRows: Effect.Effect<number>) =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 100; tries++) {
      if ((yield* openRows) <= before) return
      // The step under way may end first.
      yield* moment(5)
    }
    return yield* violated(`${(yield* openRows) - before} rows stay open after the interruption.`)
  })

/** Nothing is drawn any more; what is thrown away is at most the step under way of each row, and what was drawn ahead. */
const quiet = (meter: Usage.Meter, drawnTokens: Effect.Effect<number>, ahead: number) =>
  Effect.gen(function* () {
    const drawn = yield* drawnTokens
    const thrown = meter.usage.drawnTokens
    yield* unless(thrown <= ROWS * (1 + ahead), `${thrown} tokens were thrown away for ${ROWS} interrupted rows.`)
    yield* moment(30)
    yield* unless((yield* drawnTokens) === drawn, "tokens were drawn after the interruption.")
    yield* unless(meter.usage.drawnTokens === thrown, "tokens were charged after the interruption.")
  })

/** Beside a draft that must go on undisturbed. */
const trial = (request: Draft, subject: Subject) =>
  Effect.gen(function* () {
    const { ahead = 0, drawnTokens = Effect.succeed(0), openRows = Effect.succeed(0) } = subject
    const sibling = draw({ ...request, seed: request.seed + 1 })
    const alone = yield* sibling
    const before = yield* openRows
    const meter = new Usage.Meter()
    const going = yield* Effect.forkChild(sibling)
    yield* Effect.provideService(cutShort(request, subject), Usage.CurrentMeter, meter)
    const went = yield* Fiber.join(going)
    yield* freed(before, openRows)
    yield* quiet(meter, drawnTokens, ahead)
    return { moved: yield* same("beside an interrupted row", alone, went, subject), thrown: meter.usage.drawnTokens }
  })

const check = (subject: Subject) =>
  Effect.gen(function* () {
    const trials = yield* Effect.forEach(drafts(subject), (request) => trial(request, subject))
    const thrown = trials.reduce((sum, { thrown }) => sum + thrown, 0)
    const detail = `${trials.length * ROWS} drafts cut short, ${thrown} tokens thrown away.`
    const verdict = within(
      trials.map(({ moved }) => moved),
      detail,
      subject
    )
    // Within what a backend may draw ahead, but more than the step under way.
    return thrown > trials.length * ROWS ? { ...verdict, outcome: "bounded" as const } : verdict
  })

export const interruption: Law = {
  number: 6,
  name: "interruption",
  promise: "Interrupting frees the row no later than the end of the step under way; nothing is drawn afterwards.",
  check
}
