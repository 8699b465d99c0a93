import { assert, describe, it } from "@effect/vitest"
import { BackendError } from "@mulligan/core"
import * as Effect from "effect/Effect"

const told = { problem: "Too many requests.", advice: "Wait a little." }
const of = (reason: BackendError.Reason) => new BackendError.BackendError({ backend: "tgi", reason })

describe("BackendError", () => {
  it.each([
    ["RateLimited", new BackendError.RateLimited(told), true],
    ["Unavailable", new BackendError.Unavailable(told), true],
    ["InvalidRequest", new BackendError.InvalidRequest(told), false],
    ["Unsupported", new BackendError.Unsupported({ ...told, capability: "chat" }), false],
    ["OutOfMemory", new BackendError.OutOfMemory(told), false]
  ] as const)("%s says whether it may pass", (_, reason, isTransient) => {
    assert.strictEqual(of(reason).isTransient, isTransient)
  })

  it("reads as what happened and what to do", () => {
    assert.strictEqual(of(new BackendError.RateLimited(told)).message, "tgi: Too many requests. Wait a little.")
  })

  it("is made of a backend, what happened and what to do", () => {
    const { backend, message, reason } = BackendError.invalid("b", "Bad.", "Mend it.")
    assert.deepStrictEqual([backend, message, reason._tag], ["b", "b: Bad. Mend it.", "InvalidRequest"])
    const lacking = BackendError.unsupported("b", "chat", "None.", "Give text.")
    assert.isTrue(lacking.reason._tag === "Unsupported" && lacking.reason.capability === "chat")
    assert.strictEqual(lacking.message, "b: None. Give text.")
  })

  it.effect("is caught by reason", () =>
    Effect.gen(function* () {
      const caught = yield* Effect.fail(of(new BackendError.RateLimited(told))).pipe(
        Effect.catchReason("BackendError", "RateLimited", (reason) => Effect.succeed(reason.advice))
      )
      assert.strictEqual(caught, told.advice)
    })
  )
})
