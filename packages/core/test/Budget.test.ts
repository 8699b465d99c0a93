import { assert, describe, it } from "@effect/vitest"
import { Budget, Usage } from "@mulligan/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

describe("Budget", () => {
  it("is spent by tokens drawn, tokens read and money, each by itself", () => {
    const cases: ReadonlyArray<readonly [Budget.Budget, Budget.Charge, number]> = [
      [{ drawnTokens: 10 }, "drawnTokens", 10],
      [{ readTokens: 5 }, "readTokens", 5],
      [{ money: 0.002, prices: { drawn: 1000 } }, "drawnTokens", 2],
      [{ money: 0.002, prices: { read: 1000 } }, "readTokens", 2],
      [{ money: 0.002, prices: { prompt: 1000 } }, "promptTokens", 2]
    ]
    for (const [limits, what, count] of cases) {
      const account = new Budget.Account(limits)
      account.charge(what, count - 1)
      assert.isFalse(account.isSpent, what)
      account.charge(what, 1)
      assert.isTrue(account.isSpent, what)
    }
  })

  it("without limits is never spent", () => {
    const account = new Budget.Account({})
    account.charge("drawnTokens", 1e12)
    assert.isFalse(account.isSpent)
    assert.isTrue(account.start())
  })

  it("starts as many samples as allowed, and may still draw for those", () => {
    const account = new Budget.Account({ samples: 2 })
    assert.deepStrictEqual([account.start(), account.start(), account.start()], [true, true, false])
    assert.isFalse(account.isSpent)
  })

  it("is chained: an inner budget can only be tighter, and what it spends is spent outside", () => {
    const outer = new Budget.Account({ drawnTokens: 3, samples: 1 })
    const inner = new Budget.Account({ drawnTokens: 100 }, outer)
    assert.isTrue(inner.start())
    assert.isFalse(new Budget.Account({}, outer).start())
    inner.charge("drawnTokens", 3)
    assert.isTrue(inner.isSpent)
    assert.isTrue(outer.isSpent)
  })

  it("never lets two rows that start side by side share the last sample", () => {
    const outer = new Budget.Account({ samples: 3 })
    const inner = [new Budget.Account({ samples: 2 }, outer), new Budget.Account({}, outer)]
    const started = Array.from({ length: 8 }, (_, i) => inner[i % 2]!.start())
    assert.strictEqual(started.filter(Boolean).length, 3)
  })

  it("adds up money over what was drawn, read and prompted, at prices for a million", () => {
    const account = new Budget.Account({ money: 6, prices: { drawn: 1_000_000, read: 2_000_000, prompt: 3_000_000 } })
    for (const what of ["drawnTokens", "readTokens"] as const) account.charge(what, 1)
    assert.isFalse(account.isSpent)
    account.charge("promptTokens", 1)
    assert.isTrue(account.isSpent)
  })

  it.effect("closes for who waits, also from outside", () =>
    Effect.gen(function* () {
      const outer = new Budget.Account({})
      const inner = new Budget.Account({}, outer)
      const waiting = yield* Effect.forkChild(inner.awaitClosed)
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* outer.close
      yield* Fiber.join(waiting)
      assert.isTrue(inner.isSpent)
    })
  )

  it.effect("charging reaches the usage and the budget around the caller", () =>
    Effect.gen(function* () {
      const account = new Budget.Account({ readTokens: 4 })
      const [usage] = yield* Usage.measure(Effect.map(Budget.charging, (charge) => charge("readTokens", 4))).pipe(
        Effect.provideService(Budget.CurrentAccount, account)
      )
      assert.strictEqual(usage.readTokens, 4)
      assert.isTrue(account.isSpent)
    })
  )
})
