import { assert, describe, it } from "@effect/vitest"
import {
  BackendError,
  Budget,
  Candidate,
  Fact,
  Prompt,
  RunError,
  type SchemaVersion,
  Scorer,
  Token,
  Usage
} from "@mulligan/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const json: Record<string, readonly [Schema.Codec<never, SchemaVersion.Envelope>, ReadonlyArray<unknown>]> = {}
const add = <T>(name: string, codec: Schema.Codec<T, SchemaVersion.Envelope>, values: ReadonlyArray<T>) => {
  json[name] = [codec as unknown as Schema.Codec<never, SchemaVersion.Envelope>, values]
}

const token: Token.Token = { id: 3, text: "é😀", logProb: -Infinity, end: "stop" }
const candidate: Candidate.Candidate = {
  index: 1,
  prompt: Prompt.user("Make 24"),
  tokens: [token, { text: "" }],
  seed: 7,
  temperature: 0.5
}
const told = { problem: "It broke.", advice: "Mend it." }
add("Prompt", Prompt.PromptJson, ["text", [{ role: "system", content: "" }]])
add("Token", Token.TokenJson, [token, { text: "x", logProb: -1.5, processed: true }])
add("Candidate", Candidate.CandidateJson, [candidate])
add("Score", Scorer.ScoreJson, [Scorer.exact(-Infinity), { value: 0.5, lower: 0.4, upper: 0.6, mass: 0.9 }])
add("Scored", Scorer.ScoredJson, [{ ...candidate, score: Scorer.exact(1) }])
add("Usage", Usage.UsageJson, [new Usage.Meter().usage])
add("Budget", Budget.BudgetJson, [
  {},
  { samples: 3, drawnTokens: Infinity, time: Duration.seconds(2), money: 0.1, prices: { drawn: 10 } }
])
add("Fact", Fact.FactJson, [
  { _tag: "Drawn", index: 0, token },
  { _tag: "Scored", index: 0, score: Scorer.exact(1) },
  { _tag: "Stopped", index: 2, order: "arrival" },
  { _tag: "Failed", index: 2, problem: "no" },
  { _tag: "Pruned", index: 1 },
  { _tag: "Cancelled", index: 1 },
  { _tag: "Chosen", index: 1 }
])
add("BackendError", BackendError.BackendErrorJson, [
  new BackendError.BackendError({
    backend: "b",
    reason: new BackendError.RateLimited({ ...told, retryAfter: Duration.seconds(3) })
  }),
  new BackendError.BackendError({
    backend: "b",
    reason: new BackendError.Unavailable({ ...told, retryAfter: Duration.minutes(1) })
  }),
  new BackendError.BackendError({ backend: "b", reason: new BackendError.Unavailable(told) }),
  new BackendError.BackendError({
    backend: "b",
    reason: new BackendError.Unsupported({ ...told, capability: "logProbs" })
  })
])
add("RunError", RunError.RunErrorJson, [
  new RunError.RunError({ reason: new RunError.NothingDrawn(told) }),
  new RunError.RunError({ reason: new RunError.InvalidScore({ ...told, index: 1, value: NaN }) })
])

const roundTrip = (codec: Schema.Codec<never, SchemaVersion.Envelope>, value: unknown) =>
  Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeUnknownSync(codec)(value))))

/** As it is, but for -0, which JSON does not have. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value === 0 ? 0 : value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

describe("SchemaVersion", () => {
  it.each(Object.entries(json))("%s survives JSON", (_, [codec, values]) => {
    for (const value of values) assert.deepStrictEqual<unknown>(roundTrip(codec, value), value)
  })

  it.effect.prop(
    "any value survives JSON",
    [Prompt.Prompt, Token.Token, Candidate.Candidate, Scorer.Score, Scorer.Scored, Usage.Usage, Fact.Fact],
    (values) =>
      Effect.sync(() => {
        const names = ["Prompt", "Token", "Candidate", "Score", "Scored", "Usage", "Fact"]
        names.forEach((name, i) =>
          assert.deepStrictEqual<unknown>(roundTrip(json[name]![0], values[i]), plain(values[i]), name)
        )
      })
  )

  it.effect.prop("any budget survives JSON", [Budget.Budget], ([value]) =>
    Effect.sync(() => {
      const { time: read, ...rest } = roundTrip(json["Budget"]![0], value) as Budget.Budget
      const { time, ...others } = value
      assert.deepStrictEqual<unknown>(rest, plain(others))
      assert.strictEqual(read === undefined, time === undefined)
      if (read !== undefined && time !== undefined) assert.isTrue(Duration.Equivalence(read, time))
    })
  )

  it("every value says its type and version", () => {
    for (const [name, [codec, values]] of Object.entries(json)) {
      const written = Schema.encodeUnknownSync(codec)(values[0])
      assert.strictEqual(written.type, name)
      assert.strictEqual(written.version, 1)
    }
  })

  it("refuses another version and another type with what to do", () => {
    const read = Schema.decodeUnknownSync(Token.TokenJson)
    assert.throws(
      () => read({ type: "Token", version: 2, value: { text: "" } }),
      /version 2.*use the release that wrote it/s
    )
    assert.throws(() => read({ type: "Usage", version: 1, value: {} }), /this is a Usage, not a Token/)
  })
})
