/**
 * What a run may cost. A budget gates drawing, never judging: nothing already drawn is lost when it is spent.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaVersion from "./SchemaVersion.ts"
import { CurrentMeter } from "./Usage.ts"

/** Money for a million tokens, in any one currency; a price left out is 0. */
export const Prices = Schema.Struct({
  drawn: Schema.optionalKey(Schema.Finite),
  /** Read to judge. */
  read: Schema.optionalKey(Schema.Finite),
  /** Prompts and prefixes read before drawing. */
  prompt: Schema.optionalKey(Schema.Finite)
})
export interface Prices extends Schema.Schema.Type<typeof Prices> {}

/** Each limit left out is off. */
export const Budget = Schema.Struct({
  samples: Schema.optionalKey(Schema.Number),
  drawnTokens: Schema.optionalKey(Schema.Number),
  /** Gates drawing only, so it is overshot by the questions that were under way. */
  readTokens: Schema.optionalKey(Schema.Number),
  /** Wall time. */
  time: Schema.optionalKey(Schema.Duration),
  /** In the currency of `prices`. */
  money: Schema.optionalKey(Schema.Finite),
  prices: Schema.optionalKey(Prices)
})
export interface Budget extends Schema.Schema.Type<typeof Budget> {}

/** What is charged to a budget. */
export type Charge = "samples" | "drawnTokens" | "readTokens" | "promptTokens"

/** A budget in use, chained to the one around it: an inner one can only be tighter. */
export class Account {
  readonly budget: Budget
  readonly parent: Account | undefined
  readonly #over = Deferred.makeUnsafe<void>()
  readonly #spent: Record<Charge, number> = { samples: 0, drawnTokens: 0, readTokens: 0, promptTokens: 0 }
  constructor(budget: Budget, parent?: Account) {
    this.budget = budget
    this.parent = parent
  }
  /** No row may draw another token. */
  get isSpent(): boolean {
    const { budget } = this
    return (
      Deferred.isDoneUnsafe(this.#over) ||
      this.#spent.drawnTokens >= (budget.drawnTokens ?? Infinity) ||
      this.#spent.readTokens >= (budget.readTokens ?? Infinity) ||
      this.#money >= (budget.money ?? Infinity) ||
      (this.parent?.isSpent ?? false)
    )
  }
  /** Another candidate may begin. */
  get mayStart(): boolean {
    return !this.isSpent && this.#spent.samples < (this.budget.samples ?? Infinity) && (this.parent?.mayStart ?? true)
  }
  /** Asks and takes in one step, so that rows that start side by side cannot overspend together. */
  start(): boolean {
    if (!this.mayStart) return false
    this.charge("samples", 1)
    return true
  }
  charge(what: Charge, count: number): void {
    this.#spent[what] += count
    this.parent?.charge(what, count)
  }
  /** Ends the budget now; `time` does so when it is up. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => Effect.asVoid(Deferred.succeed(this.#over, undefined)))
  /** Waits until this budget, or one around it, was closed. */
  get awaitClosed(): Effect.Effect<void> {
    const own = Deferred.await(this.#over)
    return this.parent === undefined ? own : Effect.race(own, this.parent.awaitClosed)
  }
  get #money(): number {
    const { drawn = 0, read = 0, prompt = 0 } = this.budget.prices ?? {}
    const { drawnTokens, readTokens, promptTokens } = this.#spent
    return (drawnTokens * drawn + readTokens * read + promptTokens * prompt) / 1_000_000
  }
}

/** The budget around the current fiber; undefined: none. */
export const CurrentAccount = Context.Reference<Account | undefined>("@mulligan/core/Budget/CurrentAccount", {
  defaultValue: () => undefined
})

/**
 * Where a backend charges what it did for its caller: run it in the caller's fiber, call the function whenever work is
 * done. It charges the usage and the budget around that fiber.
 */
export const charging: Effect.Effect<(what: Charge, count: number) => void> = Effect.gen(function* () {
  const meter = yield* CurrentMeter
  const account = yield* CurrentAccount
  return (what, count) => {
    meter.add(what, count)
    account?.charge(what, count)
  }
})

export const BudgetJson = SchemaVersion.versioned("Budget", Budget)
