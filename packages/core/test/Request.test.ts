import { assert, describe, it } from "@effect/vitest"
import { type Backend, type BackendError, Request } from "@mulligan/core"
import * as Effect from "effect/Effect"

const generate: Backend.GenerateRequest = { prompt: "p", prefix: [], temperature: 1, seed: 7 }
const judge: Backend.LogProbsRequest = { prompt: "p", prefix: [], labels: ["No"] }

const refused = (check: Effect.Effect<unknown, BackendError.BackendError>, message: RegExp) =>
  Effect.map(Effect.flip(check), (error) => {
    assert.strictEqual(error.reason._tag, "InvalidRequest")
    assert.strictEqual(error.backend, "b")
    assert.match(error.reason.problem, message)
    assert.notStrictEqual(error.reason.advice, "")
  })

describe("checkGenerate", () => {
  it.effect.each<Partial<Backend.GenerateRequest>>([
    {},
    { temperature: 0, seed: -1, maxTokens: 0, topP: 1, minP: 0, topK: 0, repetitionPenalty: 1 },
    { maxTokens: Infinity, topP: 1e-9, minP: 1, topK: 1000, repetitionPenalty: 0.1 },
    { stop: ["", "END"] },
    { prefix: [{ text: "x", end: "length" }] }
  ])("takes %j", (change) => Request.checkGenerate("b", { ...generate, ...change }))

  it.effect.each<readonly [Partial<Backend.GenerateRequest>, RegExp]>([
    [{ temperature: -1 }, /temperature is -1/],
    [{ temperature: NaN }, /temperature is NaN/],
    [{ temperature: Infinity }, /temperature is Infinity/],
    [{ seed: NaN }, /seed is NaN/],
    [{ maxTokens: -1 }, /maxTokens is -1/],
    [{ maxTokens: 1.5 }, /maxTokens is 1\.5/],
    [{ topP: 0 }, /topP is 0/],
    [{ topP: 1.1 }, /topP is 1\.1/],
    [{ minP: -0.1 }, /minP is -0\.1/],
    [{ topK: 0.5 }, /topK is 0\.5/],
    [{ repetitionPenalty: 0 }, /repetitionPenalty is 0/],
    [{ prefix: [{ text: "", end: "stop" }] }, /prefix has ended/]
  ])("refuses %j", ([change, message]) => refused(Request.checkGenerate("b", { ...generate, ...change }), message))
})

describe("checkLogProbs", () => {
  it.effect("takes labels", () => Request.checkLogProbs("b", judge))

  it.effect.each<readonly [ReadonlyArray<string>, RegExp]>([
    [[], /no labels/],
    [["No", ""], /label is empty/]
  ])("refuses the labels %j", ([labels, message]) => refused(Request.checkLogProbs("b", { ...judge, labels }), message))
})

describe("idsOf", () => {
  it.effect("gives the ids of a prefix", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* Request.idsOf("b", 4, [
          { id: 0, text: "a" },
          { id: 3, text: "" }
        ]),
        [0, 3]
      )
      assert.deepStrictEqual(yield* Request.idsOf("b", 4, []), [])
    })
  )

  it.effect.each([undefined, -1, 4, 1.5])("refuses the id %s in a vocabulary of 4", (id) =>
    refused(Request.idsOf("b", 4, [{ text: "x", ...(id === undefined ? {} : { id }) }]), /no id of this model/)
  )
})

describe("checkContext", () => {
  it.effect.each([1, 7])("takes %d tokens in a context of 8", (length) => Request.checkContext("b", 8, length))

  it.effect.each<readonly [number, RegExp]>([
    [0, /prompt is empty/],
    [8, /have 8 tokens; this model's context is 8/]
  ])("refuses %j", ([length, message]) => refused(Request.checkContext("b", 8, length), message))

  it.effect("tells a request that is too long from others", () =>
    Effect.gen(function* () {
      const isLong = (length: number) =>
        Effect.map(Effect.flip(Request.checkContext("b", 8, length)), ({ reason }) =>
          reason._tag === "InvalidRequest" ? reason.overContext : reason._tag
        )
      assert.deepStrictEqual(yield* Effect.all([isLong(8), isLong(0)]), [true, undefined])
    })
  )
})
