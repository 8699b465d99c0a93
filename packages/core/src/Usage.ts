/**
 * What a run cost, waste included.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaVersion from "./SchemaVersion.ts"

/** Counts. `drawnTokens` = kept + pruned + lost + cancelled. */
export const Usage = Schema.Struct({
  /** Candidates begun. */
  samples: Schema.Int,
  drawnTokens: Schema.Int,
  /** Of candidates that reached the choice. */
  keptTokens: Schema.Int,
  prunedTokens: Schema.Int,
  /** Of candidates that failed. */
  lostTokens: Schema.Int,
  /** All other drawn tokens: siblings interrupted, steps thrown away. A difference, so nothing can escape it. */
  cancelledTokens: Schema.Int,
  /** Tokens the model read to judge. */
  readTokens: Schema.Int,
  /** Tokens of prompts and prefixes that the model read before it could draw. */
  promptTokens: Schema.Int,
  /** Calls of the backend. */
  calls: Schema.Int,
  failures: Schema.Int
})
export interface Usage extends Schema.Schema.Type<typeof Usage> {}

export type Counter = Exclude<keyof Usage, "cancelledTokens">

/** Counts for one run and for all it is part of. */
export class Meter {
  readonly parent: Meter | undefined
  readonly #counts: Record<Counter, number> = {
    samples: 0,
    drawnTokens: 0,
    keptTokens: 0,
    prunedTokens: 0,
    lostTokens: 0,
    readTokens: 0,
    promptTokens: 0,
    calls: 0,
    failures: 0
  }
  constructor(parent?: Meter) {
    this.parent = parent
  }
  add(counter: Counter, count: number): void {
    this.#counts[counter] += count
    this.parent?.add(counter, count)
  }
  get usage(): Usage {
    const c = this.#counts
    return { ...c, cancelledTokens: c.drawnTokens - c.keptTokens - c.prunedTokens - c.lostTokens }
  }
}

/** Where stages and backends charge. It asks nothing of a program's requirements. */
export const CurrentMeter = Context.Reference<Meter>("@mulligan/core/Usage/CurrentMeter", {
  defaultValue: () => new Meter()
})

/** Runs an effect and tells what it cost, also when it fails. Nested measurements add up. */
export const measure = <A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<readonly [Usage, Exit.Exit<A, E>], never, R> =>
  Effect.gen(function* () {
    const meter = new Meter(yield* CurrentMeter)
    const exit = yield* Effect.exit(Effect.provideService(self, CurrentMeter, meter))
    return [meter.usage, exit] as const
  })

export const UsageJson = SchemaVersion.versioned("Usage", Usage)
