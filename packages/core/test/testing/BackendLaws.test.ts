import { assert, describe, it } from "@effect/vitest"
import { Backend, BackendError, Budget, type Token, Usage } from "@mulligan/core"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

type Service = Backend.Backend["Service"]
type Tokens = Stream.Stream<Token.Token, BackendError.BackendError>
type Log = ScriptedBackend.Log
type Change = (service: Service, log: Log) => Service

const PROMPT = "a prompt"
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

const outcomes = (change: Change, subject: Partial<BackendLaws.Subject> = {}) =>
  Effect.map(results(change, subject), (all) => Object.fromEntries(all.map(({ law, outcome }) => [law, outcome])))

const passed: Record<string, BackendLaws.Outcome> = Object.fromEntries(
  BackendLaws.laws.map(({ name }) => [name, "passed"])
)

const tokens =
  (change: (tokens: Tokens, request: Backend.GenerateRequest, log: Log) => Tokens): Change =>
  (self, log) => ({ ...self, generate: (request) => change(self.generate(request), request, log) })

const rewritten = (tokens: Tokens, isWrong: () => boolean): Tokens =>
  Stream.map(tokens, (token) => (isWrong() ? { ...token, text: `${token.text}!` } : token))

const judged =
  (change: (answer: Backend.LogProbs) => Backend.LogProbs): Change =>
  (self) => ({ ...self, logProbs: (request) => Effect.map(self.logProbs(request), change) })

const shifted = (by: number) => (b: Backend.Bounds) => ({ lower: b.lower + by, upper: b.upper + by })

/** Does something wherever a draft is left before its end. */
const onCut = (change: (log: Log, request: Backend.GenerateRequest) => Effect.Effect<void>): Change =>
  tokens((self, request, log) =>
    Stream.suspend(() => {
      let isUnderWay = false
      let left = request.maxTokens ?? Infinity
      const watched = Stream.map(self, (token) => {
        isUnderWay = token.end === undefined && --left > 0
        return token
      })
      return Stream.ensuring(
        watched,
        Effect.suspend(() => (isUnderWay ? change(log, request) : Effect.void))
      )
    })
  )

/** Only the accounting law asks new prompts. */
const isKnown = (request: Backend.GenerateRequest) => request.prompt === PROMPT
const later = (effect: Effect.Effect<unknown>) =>
  Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.sleep(10), effect)))

const continuation: Record<string, Change> = {
  "randomness that starts again after a cut": tokens((self, r) => rewritten(self, () => r.prefix.length > 0)),
  "a token too many": (self) => ({
    ...self,
    generate: ({ maxTokens = 1, ...r }) => self.generate({ ...r, maxTokens: maxTokens === 3 ? 4 : maxTokens })
  }),
  "a pause taken for the end": tokens((self, r) => (r.prefix.length === 6 ? Stream.empty : self)),
  "an end in the middle": tokens((self) => Stream.map(self, (token) => ({ ...token, end: "stop" })))
}

const askedBefore = (since: number): Change => {
  let asked = 0
  return (self) => ({
    generate: (r) =>
      Stream.suspend(() => {
        const before = since === 0 ? 0 : asked
        return rewritten(self.generate(r), () => asked - before > since && (since > 0 || r.prefix.length > 0))
      }),
    logProbs: (r) => Effect.tap(self.logProbs(r), () => Effect.sync(() => asked++))
  })
}

const nonDisturbance: Record<string, Change> = {
  "a question that moves what follows a pause": askedBefore(0),
  "questions that move a draft under way": askedBefore(3)
}

/** What becomes of a token that is drawn beside three others or more. */
const inCompany = (change: (token: Token.Token) => Token.Token): Change => {
  let open = 0
  return tokens((self) =>
    Stream.suspend(() => {
      open++
      const yielding = Stream.mapEffect(self, (token) =>
        Effect.map(Effect.yieldNow, () => (open > 3 ? change(token) : token))
      )
      return Stream.ensuring(
        yielding,
        Effect.sync(() => open--)
      )
    })
  )
}
const moved = (by: number) => inCompany((token) => ({ ...token, logProb: (token.logProb ?? 0) - by }))

const judgedInCompany: Change = (self) => {
  let open = 0
  const counted = (tokens: Tokens) =>
    Stream.suspend(() => {
      open++
      return Stream.ensuring(
        tokens,
        Effect.sync(() => open--)
      )
    })
  return {
    generate: (r) => counted(Stream.mapEffect(self.generate(r), (token) => Effect.as(Effect.yieldNow, token))),
    logProbs: (r) =>
      Effect.andThen(Effect.yieldNow, self.logProbs(r)).pipe(
        Effect.map((answer) => (open > 3 ? { ...answer, labels: answer.labels.map(shifted(-1)) } : answer))
      )
  }
}

const independence: Record<string, Change> = {
  "drafts that depend on their company": inCompany((token) => ({ ...token, text: "x" })),
  "judgements that depend on their company": judgedInCompany
}

const greedy: Record<string, Change> = {
  "a greedy answer that depends on the seed": tokens((self, r) =>
    r.temperature === 0 ? Stream.map(self, (token) => ({ ...token, id: r.seed })) : self
  ),
  "a greedy answer that is not the reference's": tokens((self, r) =>
    r.temperature === 0 ? Stream.map(self, (token) => ({ ...token, id: 42 })) : self
  )
}

const probability: Record<string, Change> = {
  "a probability beside the reference's": judged((a) => ({ ...a, labels: a.labels.map(shifted(-0.01)) })),
  "a logarithm above 0": judged((a) => ({ ...a, labels: a.labels.map(shifted(2)) })),
  "a bound that is no number": judged((a) => ({ ...a, labels: a.labels.map(() => ({ lower: NaN, upper: 0 })) })),
  "bounds the wrong way round": judged((a) => ({ ...a, labels: a.labels.map((b) => ({ lower: 0, upper: b.upper })) })),
  "an interval without the truth": judged((a) => ({ ...a, labels: a.labels.map(() => ({ lower: -9, upper: -5 })) })),
  "labels that hold more than everything": judged((a) => ({
    ...a,
    labels: a.labels.map(() => ({ lower: -0.1, upper: 0 }))
  })),
  "a label without an answer": judged((a) => ({ ...a, labels: a.labels.slice(1) })),
  "the labels in another order": judged((a) => ({ ...a, labels: a.labels.toReversed() })),
  "another ratio of labels": judged((a) => ({ labels: a.labels.toReversed(), over: "labels" }))
}

const interruption: Record<string, Change> = {
  "a row that stays open": onCut((log) => Effect.sync(() => void log.openRows++)),
  "drawing that goes on": onCut((log, r) => (isKnown(r) ? later(Effect.sync(() => log.drawnTokens++)) : Effect.void)),
  "charges that go on": onCut((_, r) =>
    isKnown(r)
      ? Effect.flatMap(Budget.charging, (charge) => later(Effect.sync(() => charge("drawnTokens", 1))))
      : Effect.void
  ),
  "more than a step thrown away": onCut((_, r) =>
    isKnown(r) ? Effect.map(Budget.charging, (charge) => charge("drawnTokens", 2)) : Effect.void
  )
}

const refusing = (
  change: (error: BackendError.BackendError) => Effect.Effect<never, BackendError.BackendError>
): Change =>
  tokens((self, r) => (r.temperature === -1 ? Stream.catch(self, (error) => Stream.fromEffect(change(error))) : self))
const withReason = (reason: BackendError.Reason) => () =>
  Effect.fail(new BackendError.BackendError({ backend: "b", reason }))

const refusal: Record<string, Change> = {
  "bad input that is taken": tokens((self, r) => (r.temperature === -1 ? Stream.empty : self)),
  "an empty label that is taken": (self) => ({
    ...self,
    logProbs: (r) => self.logProbs({ ...r, labels: r.labels.map((label) => label || "No") })
  }),
  "charges before the refusal": refusing((error) =>
    Effect.flatMap(Budget.charging, (charge) => (charge("promptTokens", 5), Effect.fail(error)))
  ),
  "a reason that promises that it may pass": refusing(
    withReason(new BackendError.Unavailable({ problem: "No.", advice: "Wait." }))
  ),
  "no advice": refusing(withReason(new BackendError.InvalidRequest({ problem: "No.", advice: " " }))),
  "a stack instead of a reason": refusing(() => Effect.die(new Error("undefined is not a function")))
}

const accounting: Record<string, Change> = {
  "a question that nobody pays": (self) => ({
    ...self,
    logProbs: (r) => Effect.provideService(self.logProbs(r), Usage.CurrentMeter, new Usage.Meter())
  }),
  "a question that spares the budget": (self) => ({
    ...self,
    logProbs: (r) => Effect.provideService(self.logProbs(r), Budget.CurrentAccount, undefined)
  }),
  "a prompt that nobody pays": tokens((self) => Stream.provideService(self, Usage.CurrentMeter, new Usage.Meter())),
  "tokens charged twice": tokens((self, r) =>
    isKnown(r)
      ? self
      : Stream.unwrap(
          Effect.map(Budget.charging, (charge) => Stream.tap(self, () => Effect.sync(() => charge("drawnTokens", 1))))
        )
  ),
  "tokens thrown away and not charged": onCut((log) => Effect.sync(() => void log.drawnTokens++))
}

const broken = {
  continuation,
  "non-disturbance": nonDisturbance,
  independence,
  greedy,
  probability,
  interruption,
  refusal,
  accounting
}

describe("BackendLaws", () => {
  it("are eight, numbered as in the blueprint, each with a name and a promise", () => {
    assert.deepStrictEqual(
      BackendLaws.laws.map((law) => law.number),
      [1, 2, 3, 4, 5, 6, 7, 8]
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
    it.live.each(Object.entries(changes))("notices %s, and no other law does", ([, change]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* outcomes(change), { ...passed, [law]: "failed" })
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
        accounting: "unsupported"
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
})
