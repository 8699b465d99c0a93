import * as Context from "effect/Context"
import type * as Scorer from "@mulligan/core/Scorer"

/** What reached the nearest `takeUntil` or `run…` downstream so far; those provide a fresh one to what is upstream. */
export interface Record {
  readonly scored: Array<Scorer.Scored>
  /** Set by a stage that emits in the order of arrival: decisions may then depend on timing. */
  arrival: boolean
}

export const empty = (): Record => ({ scored: [], arrival: false })

/** Without a recorder downstream there is no history, and nothing to remember. */
export const Current = Context.Reference<Record | undefined>("@mulligan/strategies/History", {
  defaultValue: () => undefined
})
