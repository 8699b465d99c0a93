import { assert, describe, it } from "@effect/vitest"
import { Backend, BackendError } from "@mulligan/core"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { broken, type Change, independence, judged, moved, PROMPT, sentences, type Service, shifted } from "./broken.ts"

/** Asking the unbroken backend is what makes these known; the laws are then held against a broken one. */
const script: ScriptedBackend.Script = { length: () => 20, probability: () => 0.25 }
const greedyIds = (backend: Service) =>
  Effect.map(
    Stream.runCollect(backend.generate({ prompt: PROMPT, prefix: [], temperature: 0, seed: 5, maxTokens: 8 })),
    (tokens) => tokens.map(({ id }) => id ?? -1)
  )

const results = (change: Change, subject: Partial<BackendLaws.Subject> = {}) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Backend.Backend | ScriptedBackend.ScriptedLog>()
    const log = Context.get(context, ScriptedBackend.ScriptedLog)
    const backend = Context.get(context, Backend.Backend)
    const greedy = yield* greedyIds(backend)
    return yield* BackendLaws.run({
      prompt: PROMPT,
      others: ["another one"],
      question: "Would you?",
      labels: ["No", "Yes"],
      maxTokens: 8,
      bound: 0,
      reference: { greedy, labels: [{ after: 2, probabilities: [0.25, 0.75] }] },
      openRows: Effect.sync(() => log.openRows),
      drawnTokens: Effect.sync(() => log.drawnTokens),
      ...subject
    }).pipe(Effect.provideService(Backend.Backend, change(backend, log)))
  }).pipe(Effect.provide(ScriptedBackend.layer(script)))

const outcomesOf = (all: ReadonlyArray<BackendLaws.Result>): Record<string, BackendLaws.Outcome> =>
  Object.fromEntries(all.map(({ law, outcome }) => [law, outcome]))

const outcomes = (change: Change, subject: Partial<BackendLaws.Subject> = {}) =>
  Effect.map(results(change, subject), outcomesOf)

const passed: Record<string, BackendLaws.Outcome> = Object.fromEntries(
  BackendLaws.laws.map(({ name }) => [name, "passed"])
)

describe("BackendLaws", () => {
  it("are nine, numbered as in the blueprint, each with a name and a promise", () => {
    assert.deepStrictEqual(
      BackendLaws.laws.map((law) => law.number),
      [1, 2, 3, 4, 5, 6, 7, 8, 9]
    )
    assert.deepStrictEqual(
      BackendLaws.laws.map((law) => law.name),
      Object.keys(broken)
    )
    assert.isTrue(BackendLaws.laws.every((law) => law.promise.endsWith(".")))
  })

  it.live("are all kept by the scripted backend, to the last bit", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* outcomes((self) => self), passed)
    })
  )

  it.effect("need no real clock", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* outcomes((self) => self), passed)
    })
  )

  describe.each(Object.entries(broken))("%s", (law, changes) => {
    it.live.each(Object.entries(changes))("notices %s, and no other law does", ([name, change]) =>
      Effect.gen(function* () {
        const all = yield* results(change)
        assert.deepStrictEqual(outcomesOf(all), { ...passed, [law]: "failed" })
        assert.match(all.find((result) => result.law === law)?.detail ?? "", sentences[name]!)
      })
    )
  })

  it.live("are bounded where log-probabilities move a little in company, and say how far", () =>
    Effect.gen(function* () {
      const all = yield* results(moved(1e-5), { bound: 1e-4 })
      const found = all.find(({ law }) => law === "independence")
      assert.strictEqual(found?.outcome, "bounded")
      assert.match(found?.detail ?? "", /moved by up to 1\.0e-5/)
      assert.strictEqual((yield* outcomes(moved(1e-3), { bound: 1e-4 }))["independence"], "failed")
    })
  )

  it.live("are bounded where a share of tokens differs in company, up to the share that is allowed", () =>
    Effect.gen(function* () {
      const few = independence["drafts that depend on their company"]!
      assert.strictEqual((yield* outcomes(few, { independenceBound: 0.99 }))["independence"], "bounded")
      assert.strictEqual((yield* outcomes(few, { independenceBound: 0.01 }))["independence"], "failed")
    })
  )

  it.live("say `unsupported` of what a backend cannot do, and still check the rest", () =>
    Effect.gen(function* () {
      const reason = new BackendError.Unsupported({
        capability: "logProbs",
        problem: "It cannot.",
        advice: "Use another."
      })
      const all = yield* outcomes((self) => ({
        ...self,
        logProbs: (r) =>
          r.labels.includes("No")
            ? Effect.fail(new BackendError.BackendError({ backend: "b", reason }))
            : self.logProbs(r)
      }))
      const cannot: Record<string, BackendLaws.Outcome> = {
        "non-disturbance": "unsupported",
        probability: "unsupported",
        accounting: "bounded"
      }
      assert.deepStrictEqual(all, { ...passed, ...cannot })
    })
  )

  it.live("say `unsupported` where there is no reference", () =>
    Effect.gen(function* () {
      const all = yield* outcomes((self) => self, { reference: undefined })
      assert.deepStrictEqual(all, { ...passed, greedy: "unsupported", probability: "unsupported" })
    })
  )

  it.live("hold a ratio of labels against the reference's ratio", () =>
    Effect.gen(function* () {
      const ratio = judged((a) => ({ labels: a.labels.map(shifted(-1)), over: "labels" }))
      assert.deepStrictEqual(yield* outcomes(ratio), passed)
    })
  )

  it.live("refuse what the subject says is bad", () =>
    Effect.gen(function* () {
      const refusals = [{ name: "a foreign token", generate: { prefix: [{ text: "x" }] } }]
      assert.deepStrictEqual(yield* outcomes((self) => self, { refusals }), { ...passed, refusal: "failed" })
    })
  )

  it.live("call a backend that interrupts itself broken, and are interrupted with their caller", () =>
    Effect.gen(function* () {
      const stopping: Change = (self) => ({ ...self, logProbs: () => Effect.interrupt })
      assert.strictEqual((yield* outcomes(stopping))["probability"], "failed")
      const hanging: Change = (self) => ({ ...self, generate: () => Stream.never })
      const fiber = yield* Effect.forkChild(outcomes(hanging, { reference: undefined }))
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })
  )
})
