/**
 * The stage that stops.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Scorer from "@mulligan/core/Scorer"
import { ambient } from "./internal/ambient.ts"
import * as History from "./internal/history.ts"
import type { Stopping } from "./Stopping.ts"

/**
 * Passes candidates on until the rule is satisfied by what has passed, the last one included; nothing is drawn after
 * that. Whatever upstream is still under way is interrupted *before* the last candidate is passed on, so no sibling goes
 * on drawing while somebody looks at the winner (`Stream.takeUntil` does not promise that). It is also where `anneal`
 * upstream finds its history.
 */
export const takeUntil: {
  (rule: Stopping): <E, R>(self: Stream.Stream<Scorer.Scored, E, R>) => Stream.Stream<Scorer.Scored, E, R>
  <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, rule: Stopping): Stream.Stream<Scorer.Scored, E, R>
} = dual(2, <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, rule: Stopping): Stream.Stream<Scorer.Scored, E, R> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const history = History.empty()
      const { listen } = yield* ambient
      const scope = yield* Scope.fork(yield* Effect.scope)
      const upstream = Stream.rechunk(Stream.provideService(self, History.Current, history), 1)
      const pull = yield* Scope.provide(Stream.toPull(upstream), scope)
      let stopped = false
      const seen = (c: Scorer.Scored) => {
        history.scored.push(c)
        stopped = rule(history.scored)
        if (!stopped) return Effect.void
        listen?.({ _tag: "Stopped", index: c.index, order: history.arrival ? "arrival" : "index" })
        return Scope.close(scope, Exit.void)
      }
      return Stream.fromPull(
        Effect.succeed(Effect.suspend(() => (stopped ? Cause.done() : Effect.tap(pull, ([c]) => seen(c)))))
      )
    })
  )
)
