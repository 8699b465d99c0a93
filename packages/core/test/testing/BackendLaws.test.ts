import { assert, describe, it } from "@effect/vitest"
import { Backend, BackendError, Budget, type Token, Usage } from "@mulligan/core"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

type Service = Backend.Backend["Service"]

const subjectOf = (log: ScriptedBackend.Log): BackendLaws.Subject => ({
  prompt: "a prompt",
  question: "Would you?",
  labels: ["No", "Yes"],
  maxTokens: 8,
  reference: { labels: [{ after: 0, probabilities: [0.5, 0.5] }] },
  openRows: Effect.sync(() => log.openRows)
})

/** The laws that a backend breaks which differs from the scripted one as told. */
const broken = (
  change: (service: Service, log: ScriptedBackend.Log) => Service,
  subject: Partial<BackendLaws.Subject> = {}
) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Backend.Backend | ScriptedBackend.ScriptedLog>()
    const log = Context.get(context, ScriptedBackend.ScriptedLog)
    const service = change(Context.get(context, Backend.Backend), log)
    const results = yield* BackendLaws.run({ ...subjectOf(log), ...subject }).pipe(
      Effect.provideService(Backend.Backend, service)
    )
    return results.filter((r) => r.outcome === "failed").map((r) => r.law)
  }).pipe(Effect.provide(Layer.fresh(ScriptedBackend.layer())))

const changeTokens =
  (
    f: (
      tokens: Stream.Stream<Token.Token, BackendError.BackendError>,
      r: Backend.GenerateRequest
    ) => Stream.Stream<Token.Token, BackendError.BackendError>
  ) =>
  (self: Service): Service => ({ ...self, generate: (r) => f(self.generate(r), r) })

const unsupported = new BackendError.BackendError({
  backend: "broken",
  reason: new BackendError.Unsupported({ capability: "logProbs", problem: "It cannot.", advice: "Use another." })
})

describe("BackendLaws", () => {
  it.live("are all kept by the scripted backend", () =>
    Effect.map(
      broken((self) => self),
      (laws) => assert.deepStrictEqual(laws, [])
    )
  )

  it("are eight, each with a name and a promise", () => {
    assert.strictEqual(BackendLaws.laws.length, 8)
    assert.strictEqual(new Set(BackendLaws.laws.map((law) => law.name)).size, 8)
    assert.isTrue(BackendLaws.laws.every((law) => law.promise.length > 20))
  })

  it.live("continuation: notices randomness that starts again after a cut", () =>
    Effect.map(
      broken(
        changeTokens((tokens, r) =>
          r.prefix.length === 0 ? tokens : Stream.map(tokens, (t) => ({ ...t, text: "again" }))
        )
      ),
      (laws) => assert.include(laws, "continuation")
    )
  )

  it.live("non-disturbance: notices a question that moves what follows", () => {
    let asked = 0
    return Effect.map(
      broken((self) => ({
        generate: (r) =>
          Stream.map(self.generate(r), (t) => (r.prefix.length > 0 && asked > 0 ? { ...t, text: `${t.text}!` } : t)),
        logProbs: (r) => Effect.tap(self.logProbs(r), () => Effect.sync(() => asked++))
      })),
      (laws) => assert.deepStrictEqual(laws, ["non-disturbance"])
    )
  })

  it.live("independence: notices drafts that depend on their company", () => {
    let open = 0
    return Effect.map(
      broken(
        changeTokens((tokens) =>
          Stream.suspend(() => {
            const company = open++
            return tokens.pipe(
              Stream.mapEffect((t) => Effect.as(Effect.yieldNow, company > 0 ? { ...t, text: "x" } : t)),
              Stream.ensuring(Effect.sync(() => open--))
            )
          })
        )
      ),
      (laws) => assert.deepStrictEqual(laws, ["independence"])
    )
  })

  it.live("greedy: notices a greedy answer that depends on the seed, or is not the reference's", () =>
    Effect.gen(function* () {
      const bySeed = changeTokens((tokens, r) =>
        r.temperature === 0 ? Stream.map(tokens, (t) => ({ ...t, id: r.seed })) : tokens
      )
      assert.deepStrictEqual(yield* broken(bySeed), ["greedy"])
      assert.deepStrictEqual(yield* broken((self) => self, { reference: { greedy: [9, 9, 9] } }), ["greedy"])
    })
  )

  it.live("probability: notices another probability, and logarithms that are none", () =>
    Effect.gen(function* () {
      const shifted =
        (by: number) =>
        (self: Service): Service => ({
          ...self,
          logProbs: (r) =>
            Effect.map(self.logProbs(r), (p) => ({
              ...p,
              labels: p.labels.map((b) => ({ lower: b.lower + by, upper: b.upper + by }))
            }))
        })
      assert.deepStrictEqual(yield* broken(shifted(-0.01)), ["probability"])
      assert.deepStrictEqual(yield* broken(shifted(2)), ["probability"])
    })
  )

  it.live("interruption: notices rows that stay open and drawing that goes on", () =>
    Effect.gen(function* () {
      const leak = (self: Service, log: ScriptedBackend.Log): Service => ({
        ...self,
        generate: (r) =>
          Stream.concat(
            Stream.drain(Stream.fromEffect(Effect.sync(() => (r.seed === 5 ? log.openRows++ : 0)))),
            self.generate(r)
          )
      })
      assert.deepStrictEqual(yield* broken(leak), ["interruption"])
      const busy = (self: Service): Service => ({
        ...self,
        generate: (r) =>
          r.seed !== 5
            ? self.generate(r)
            : Stream.unwrap(
                Effect.gen(function* () {
                  const charge = yield* Budget.charging
                  yield* Effect.forkDetach(
                    Effect.forever(
                      Effect.andThen(
                        Effect.sync(() => charge("drawnTokens", 1)),
                        Effect.sleep(1)
                      ).pipe(Effect.repeat({ times: 100 }))
                    ).pipe(Effect.timeoutOption("1 seconds"))
                  )
                  return self.generate(r)
                })
              )
      })
      assert.deepStrictEqual(yield* broken(busy), ["interruption"])
    })
  )

  it.live("refusal: notices bad input that is taken", () =>
    Effect.map(broken(changeTokens((tokens, r) => (r.temperature === -1 ? Stream.empty : tokens))), (laws) =>
      assert.deepStrictEqual(laws, ["refusal"])
    )
  )

  it.live("accounting: notices a question that nobody is charged for", () =>
    Effect.map(
      broken((self) => ({
        ...self,
        logProbs: (r) =>
          r.labels.length === 0
            ? self.logProbs(r)
            : Effect.provideService(self.logProbs(r), Usage.CurrentMeter, new Usage.Meter())
      })),
      (laws) => assert.deepStrictEqual(laws, ["accounting"])
    )
  )

  it.live("tell a missing capability from a failure", () =>
    Effect.gen(function* () {
      const backend = yield* Backend.Backend
      const results = yield* BackendLaws.run(subjectOf(new ScriptedBackend.Log())).pipe(
        Effect.provideService(Backend.Backend, { ...backend, logProbs: () => Effect.fail(unsupported) })
      )
      const outcomes = Object.fromEntries(results.map((r) => [r.law, r.outcome]))
      assert.strictEqual(outcomes["probability"], "unsupported")
      assert.strictEqual(outcomes["accounting"], "unsupported")
      assert.strictEqual(outcomes["continuation"], "passed")
    }).pipe(Effect.provide(ScriptedBackend.layer()))
  )
})
