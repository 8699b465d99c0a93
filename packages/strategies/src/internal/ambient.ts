import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Budget from "@mulligan/core/Budget"
import * as Fact from "@mulligan/core/Fact"
import * as Usage from "@mulligan/core/Usage"
import * as History from "./history.ts"

/** How many candidates `generate` and `score` work on at once where they do not say: one, or inside `rounds` the group. */
export const Concurrency = Context.Reference<number | "unbounded">("@mulligan/strategies/Concurrency", {
  defaultValue: () => 1
})

export interface Ambient {
  readonly meter: Usage.Meter
  readonly account: Budget.Account | undefined
  readonly listen: ((fact: Fact.Fact) => void) | undefined
  readonly concurrency: number | "unbounded"
  readonly history: History.Record | undefined
}

/** Read once per stage: a Reference read per token would cost more than the token. */
export const ambient: Effect.Effect<Ambient> = Effect.gen(function* () {
  return {
    meter: yield* Usage.CurrentMeter,
    account: yield* Budget.CurrentAccount,
    listen: yield* Fact.Listener,
    concurrency: yield* Concurrency,
    history: yield* History.Current
  }
})

export const drawnTokens = Metric.counter("mulligan_drawn_tokens", { incremental: true })
export const candidates = Metric.counter("mulligan_candidates", { incremental: true })
