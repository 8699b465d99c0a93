import { assert, describe, it } from "@effect/vitest"
import { type Candidate, Scorer, type Token } from "@mulligan/core"
import { Scorers } from "@mulligan/strategies"
import * as Effect from "effect/Effect"

const candidate = (...tokens: ReadonlyArray<Token.Token>): Candidate.Candidate => ({
  index: 0,
  prompt: "",
  tokens,
  seed: 0,
  temperature: 1
})
const t = (logProb: number): Token.Token => ({ text: "x", logProb })
const fixed =
  (score: Scorer.Score): Scorer.Scorer =>
  () =>
    Effect.succeed(score)

describe("meanLogProb", () => {
  it.effect.each([
    [[t(-1)], -1],
    [[t(-1), t(-3)], -2],
    [[t(0), t(0)], 0],
    [[t(-1), t(-Infinity)], -Infinity],
    [[], -Infinity]
  ] as const)("of %j is %d", ([tokens, expected]) =>
    Effect.map(Scorers.meanLogProb(candidate(...tokens)), (score) =>
      assert.deepStrictEqual(score, Scorer.exact(expected))
    )
  )

  it.effect.each([
    ["absent", { text: "x" }, /gave no log-probabilities/],
    ["not the model's own", { text: "x", logProb: -1, processed: true }, /after temperature/]
  ] as const)("refuses log-probabilities that are %s", ([, token, message]) =>
    Effect.map(Effect.flip(Scorers.meanLogProb(candidate(t(-1), token))), (error) => {
      assert.strictEqual(error.reason._tag, "Unsupported")
      assert.match(error.message, message)
    })
  )
})

describe("meanConfidence and selfCertainty", () => {
  const of = { confidence: Scorers.meanConfidence, certainty: Scorers.selfCertainty }

  it.effect.each(["confidence", "certainty"] as const)("are means over the tokens: %s", (name) =>
    Effect.gen(function* () {
      const tokens = [0.5, 2.5].map((value) => ({ text: "x", [name]: value }))
      assert.deepStrictEqual(yield* of[name](candidate(...tokens)), Scorer.exact(1.5))
      assert.deepStrictEqual(yield* of[name](candidate()), Scorer.exact(-Infinity))
    })
  )

  it.effect.each(["confidence", "certainty"] as const)(
    "refuse tokens without, or of another distribution: %s",
    (name) =>
      Effect.gen(function* () {
        const bare = yield* Effect.flip(of[name](candidate({ text: "x", [name]: 1 }, t(-1))))
        assert.match(bare.message, new RegExp(`no ${name}. Draw with generate\\(\\{ ${name}: `))
        assert.strictEqual(bare.reason._tag === "Unsupported" && bare.reason.capability, name)
        const processed = yield* Effect.flip(of[name](candidate({ text: "x", [name]: 1, processed: true })))
        assert.match(processed.message, /after temperature/)
      })
  )
})

describe("verifier", () => {
  const checks: ReadonlyArray<readonly [string, () => boolean | number | Effect.Effect<boolean | number>, number]> = [
    ["true", () => true, 1],
    ["false", () => false, 0],
    ["a number", () => 0.3, 0.3],
    ["an effect of true", () => Effect.succeed(true), 1],
    ["an effect of a number", () => Effect.succeed(7), 7]
  ]
  it.effect.each(checks)("takes %s", ([, check, expected]) =>
    Effect.map(Scorers.verifier(check)(candidate()), (score) => assert.strictEqual(score.value, expected))
  )

  it.effect("keeps the user's failure", () =>
    Effect.map(Effect.flip(Scorers.verifier(() => Effect.fail("mine"))(candidate())), (error) =>
      assert.strictEqual(error, "mine")
    )
  )
})

describe("weightedSum", () => {
  const bounded = { value: 0.5, lower: 0.4, upper: 0.8, mass: 0.9 }
  it.effect.each([
    [
      "adds values and intervals",
      [
        [bounded, 2],
        [Scorer.exact(1), 1]
      ],
      { value: 2, lower: 1.8, upper: 2.6, mass: 0.9 }
    ],
    [
      "turns an interval round for a negative weight",
      [[bounded, -1]],
      { value: -0.5, lower: -0.8, upper: -0.4, mass: 0.9 }
    ],
    [
      "a weight of 0 is off, also for infinity",
      [
        [Scorer.exact(-Infinity), 0],
        [Scorer.exact(1), 1]
      ],
      { value: 1, lower: 1, upper: 1 }
    ],
    ["of nothing is 0", [], { value: 0, lower: 0, upper: 0 }],
    [
      "reports the least mass",
      [
        [bounded, 1],
        [{ ...bounded, mass: 0.2 }, 0]
      ],
      { ...bounded, mass: 0.2 }
    ]
  ] as const)("%s", ([, parts, expected]) => {
    const scorer = Scorers.weightedSum(parts.map(([score, weight]) => ({ scorer: fixed(score), weight })))
    return Effect.map(scorer(candidate()), (score) => assert.deepStrictEqual<unknown>(score, expected))
  })
})
