import { assert, describe, it } from "@effect/vitest"
import { Backend, BackendError, type Candidate, type Scorer } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Calibration, SelfEvaluator } from "@mulligan/self-evaluator"
import * as Effect from "effect/Effect"

const candidate: Candidate.Candidate = {
  index: 0,
  prompt: [{ role: "user", content: "Make 24." }],
  tokens: [
    { id: 1, text: "4" },
    { id: 3, text: "", end: "stop" }
  ],
  seed: 1,
  temperature: 1
}
const labels = { keep: "<|no|>", restart: "<|yes|>" }

/** Scores against a backend that gives these bounds; `asked` is told the request. */
const scoreOf = (
  bounds: ReadonlyArray<Backend.Bounds>,
  options: Partial<SelfEvaluator.ReservedOptions> = {},
  asked: (request: Backend.LogProbsRequest) => void = () => {}
): Scorer.Score =>
  Effect.runSync(
    Effect.provideService(SelfEvaluator.reserved({ ...labels, ...options })(candidate), Backend.Backend, {
      generate: () => assert.fail("a scorer draws nothing"),
      logProbs: (request) => Effect.sync(() => (asked(request), { labels: bounds, over: "vocabulary" as const }))
    })
  )
const exact = (...logProbs: ReadonlyArray<number>) => logProbs.map((value) => ({ lower: value, upper: value }))

describe("SelfEvaluator.reserved", () => {
  it("reads the labels at the answer's own position: it asks nothing, keep first", () => {
    const requests: Array<Backend.LogProbsRequest> = []
    scoreOf(exact(-1, -1), {}, (request) => requests.push(request))
    assert.deepStrictEqual(requests, [
      { prompt: candidate.prompt, prefix: candidate.tokens, labels: ["<|no|>", "<|yes|>"] }
    ])
  })

  it("is the share of keep, however rare both are, and has no mass", () => {
    const score = scoreOf(exact(-40 + Math.log(0.6), -40 + Math.log(0.2)))
    assert.isBelow(Math.abs(score.value - 0.75), 1e-12)
    assert.deepStrictEqual(Object.keys(score).toSorted(), ["lower", "upper", "value"])
  })

  it("is an interval where the backend can only bound the two", () => {
    const { lower, upper, value } = scoreOf([{ lower: Math.log(0.4), upper: Math.log(0.6) }, ...exact(Math.log(0.2))])
    assert.isTrue(lower < value && value < upper)
  })

  it("is calibrated, interval and all", () => {
    const calibration: Calibration.Calibration = { _tag: "Platt", slope: -3, intercept: 1 }
    const bounds = [{ lower: -2, upper: -1 }, ...exact(-1)]
    assert.deepStrictEqual(scoreOf(bounds, { calibration }), Calibration.calibrate(calibration, scoreOf(bounds)))
  })

  it.effect("fails as its backend fails", () => {
    const error = BackendError.invalid("scripted", "It cannot.", "Use another.")
    return Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(SelfEvaluator.reserved(labels)(candidate)), error)
    }).pipe(Effect.provide(ScriptedBackend.layer({ judgeFault: () => error })))
  })
})
