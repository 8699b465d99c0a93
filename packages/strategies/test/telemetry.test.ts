import { assert, describe, it } from "@effect/vitest"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import { byDigits, draws, scripted } from "./harness.ts"

const traced = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const spans: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        spans.push(options.name)
        return new Tracer.NativeSpan(options)
      }
    })
    yield* Effect.withTracer(effect, tracer)
    return spans
  })

describe("telemetry", () => {
  it.effect("opens one span for each candidate and stage, and none for tokens", () =>
    Effect.gen(function* () {
      const [spans] = yield* scripted(traced(draws(3).pipe(Candidates.score(byDigits), Candidates.runBest)))
      assert.deepStrictEqual(spans.toSorted(), [
        ...Array.from({ length: 3 }, () => "mulligan.generate"),
        ...Array.from({ length: 3 }, () => "mulligan.score")
      ])
    })
  )

  it.effect("counts candidates and drawn tokens", () =>
    Effect.gen(function* () {
      const value = (name: string) =>
        Effect.map(Metric.snapshot, (all) => {
          const found = all.find((metric) => metric.id === name)
          return found?.type === "Counter" ? Number(found.state.count) : 0
        })
      const before = [yield* value("mulligan_candidates"), yield* value("mulligan_drawn_tokens")] as const
      yield* scripted(draws(3).pipe(Candidates.score(byDigits), Candidates.runBest))
      assert.strictEqual((yield* value("mulligan_candidates")) - before[0], 3)
      assert.strictEqual((yield* value("mulligan_drawn_tokens")) - before[1], 24)
    })
  )
})
