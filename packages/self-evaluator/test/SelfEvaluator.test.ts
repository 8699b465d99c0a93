import { assert, describe, it } from "@effect/vitest"
import { Backend, BackendError, type Candidate, type Scorer } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Calibration, SelfEvaluator } from "@mulligan/self-evaluator"
import * as Effect from "effect/Effect"
import * as FastCheck from "fast-check"

const candidate: Candidate.Candidate = {
  index: 0,
  prompt: [{ role: "user", content: "Make 24." }],
  tokens: [
    { id: 1, text: "4" },
    { id: 2, text: "*" }
  ],
  seed: 1,
  temperature: 1
}

/** Scores against a backend that gives these bounds; `asked` is told the request. */
const scoreOf = (
  labels: ReadonlyArray<Backend.Bounds>,
  options: SelfEvaluator.Options & { readonly over?: Backend.LogProbs["over"] } = {},
  asked: (request: Backend.LogProbsRequest) => void = () => {}
): Scorer.Score => {
  const scripted = { labels, over: options.over ?? "vocabulary" } as const
  return Effect.runSync(
    Effect.provideService(SelfEvaluator.make(options)(candidate), Backend.Backend, {
      generate: () => assert.fail("a scorer draws nothing"),
      logProbs: (request) => Effect.sync(() => (asked(request), scripted))
    })
  )
}

const exact = (...logProbs: ReadonlyArray<number>) => logProbs.map((value) => ({ lower: value, upper: value }))
const near = (a: number | undefined, b: number) => assert.isBelow(Math.abs((a ?? NaN) - b), 1e-12, `${a} is not ${b}`)

const logProb = FastCheck.oneof(
  FastCheck.double({ min: -3000, max: 0, noNaN: true }),
  FastCheck.constantFrom(0, -Infinity)
)
const bounds = FastCheck.tuple(logProb, logProb).map(([a, b]) => ({ lower: Math.min(a, b), upper: Math.max(a, b) }))

describe("SelfEvaluator", () => {
  it("is P(No) / (P(No) + P(Yes)), with the mass of both", () => {
    const { lower, mass, upper, value } = scoreOf(exact(Math.log(0.6), Math.log(0.2)))
    near(value, 0.75)
    near(mass, 0.8)
    assert.deepStrictEqual([lower, upper], [value, value])
  })

  it("asks the paper's question after the candidate's own tokens, No first", () => {
    const requests: Array<Backend.LogProbsRequest> = []
    scoreOf(exact(-1, -1), {}, (request) => requests.push(request))
    assert.deepStrictEqual(requests, [
      {
        prompt: candidate.prompt,
        prefix: candidate.tokens,
        question: 'Would you do better if you started over? ("Yes." or "No.")',
        labels: ["No", "Yes"]
      }
    ])
  })

  it("asks another question with other labels", () => {
    const requests: Array<Backend.LogProbsRequest> = []
    const options = { question: "Is it right?", labels: { keep: "Yes", restart: "No" } }
    near(scoreOf(exact(Math.log(0.9), Math.log(0.1)), options, (request) => requests.push(request)).value, 0.9)
    assert.deepStrictEqual([requests[0]?.question, requests[0]?.labels], ["Is it right?", ["Yes", "No"]])
  })

  it.each([
    ["both beyond what exp can hold", -2000, -2001, 1 / (1 + Math.exp(-1))],
    ["the same far below", -2000, -2000, 0.5],
    ["No impossible", -Infinity, -1, 0],
    ["Yes impossible", -3000, -Infinity, 1],
    ["a thousand apart", -1000, 0, 0]
  ])("%s", (_, no, yes, value) => near(scoreOf(exact(no, yes)).value, value))

  it("of two impossible labels nothing is known", () => {
    assert.deepStrictEqual(scoreOf(exact(-Infinity, -Infinity)), { value: 0.5, lower: 0, upper: 1, mass: 0 })
  })

  it("is an interval where the backend can only bound the two, its value in the middle", () => {
    const { lower, mass, upper, value } = scoreOf([
      { lower: Math.log(0.4), upper: Math.log(0.6) },
      { lower: Math.log(0.1), upper: Math.log(0.2) }
    ])
    near(lower, 0.4 / 0.6)
    near(upper, 0.6 / 0.7)
    near(value, (lower + upper) / 2)
    near(mass, 0.65)
  })

  it("has no mass where only the ratio is known", () => {
    const score = scoreOf(exact(Math.log(0.75), Math.log(0.25)), { over: "labels" })
    near(score.value, 0.75)
    assert.notProperty(score, "mass")
  })

  it("lies in [0, 1], inside its interval, which holds the truth of whatever lies inside the bounds", () => {
    const within = FastCheck.property(
      bounds,
      bounds,
      FastCheck.double({ min: 0, max: 1, noNaN: true }),
      (no, yes, at) => {
        const score = scoreOf([no, yes])
        assert.isTrue(0 <= score.lower && score.lower <= score.value && score.value <= score.upper && score.upper <= 1)
        assert.isTrue((score.mass ?? NaN) >= 0 && (score.mass ?? NaN) <= 1)
        const inside = ({ lower, upper }: Backend.Bounds) =>
          lower === -Infinity ? upper : lower + at * (upper - lower)
        const truth = scoreOf(exact(inside(no), inside(yes)))
        assert.isTrue(score.lower <= truth.value + 1e-12 && truth.value <= score.upper + 1e-12)
      }
    )
    FastCheck.assert(within)
  })

  it("is calibrated, interval and all, and says the mass of the raw score", () => {
    const calibration: Calibration.Calibration = { _tag: "Isotonic", x: [0, 0.5, 1], y: [0.1, 0.2, 0.9] }
    const wide = [{ lower: Math.log(0.2), upper: Math.log(0.4) }, ...exact(Math.log(0.2))]
    const raw = scoreOf(wide)
    const score = scoreOf(wide, { calibration })
    assert.deepStrictEqual(score, Calibration.calibrate(calibration, raw))
    near(score.lower, 0.2)
    assert.isAbove(score.upper, 0.2)
    assert.strictEqual(score.mass, raw.mass)
  })

  it("gives no number where the backend gives none", () => {
    assert.isNaN(scoreOf([]).value)
    assert.isNaN(scoreOf(exact(NaN, -1)).value)
  })

  it.effect("fails as its backend fails, and is charged as its backend charges", () => {
    const reason = new BackendError.Unsupported({
      capability: "logProbs",
      problem: "It cannot.",
      advice: "Use another."
    })
    const error = new BackendError.BackendError({ backend: "scripted", reason })
    return Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(SelfEvaluator.make()(candidate)), error)
      near((yield* SelfEvaluator.make()(candidate)).value, 0.3)
    }).pipe(
      Effect.provide(
        ScriptedBackend.layer({ judgeFault: (_, call) => (call === 1 ? error : undefined), probability: () => 0.3 })
      )
    )
  })
})
