/**
 * What the compiler must reject: pruning or choosing what was never scored, or by a score that later tokens made stale.
 * Checked by the type-check, not by running; `@ts-expect-error` fails there if the line compiles.
 */
import { assert, it } from "@effect/vitest"
import type { Backend, BackendError, Candidate, RunError, Scorer } from "@mulligan/core"
import { Annealing, Candidates, Stopping } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { flow } from "effect/Function"
import * as Stream from "effect/Stream"

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <T extends true>(..._: ReadonlyArray<T>) => {}

const asking: Scorer.Scorer<BackendError.BackendError, Backend.Backend> = () => Effect.die("never run")
type Failure = BackendError.BackendError | RunError.RunError

const plain = Candidates.fromPrompt("x")
const drawn = plain.pipe(Candidates.generate())
const scored = drawn.pipe(Candidates.score(asking))

const types = () => {
  is<Equals<typeof plain, Stream.Stream<Candidate.Candidate>>>()
  is<Equals<typeof drawn, Stream.Stream<Candidate.Candidate, Failure, Backend.Backend>>>()
  is<Equals<typeof scored, Stream.Stream<Scorer.Scored, Failure, Backend.Backend>>>()

  // @ts-expect-error never scored
  plain.pipe(Candidates.prune({ keep: 1 }))
  // @ts-expect-error never scored
  plain.pipe(Candidates.pruneBelow(0.5))
  // @ts-expect-error never scored
  plain.pipe(Candidates.runBest)
  // @ts-expect-error never scored, data first
  Candidates.prune(drawn, { keep: 1 })
  // @ts-expect-error never scored
  drawn.pipe(Candidates.takeUntil(Stopping.count(1)))
  // @ts-expect-error never scored
  drawn.pipe(Candidates.runStream)
  // @ts-expect-error never scored
  drawn.pipe(Candidates.runWeightedMajority(() => "a"))
  // @ts-expect-error made stale by generate
  scored.pipe(Candidates.generate(), Candidates.prune({ keep: 1 }))
  // @ts-expect-error made stale by generate
  scored.pipe(Candidates.generate(), Candidates.runBest)
  // @ts-expect-error made stale by generate, data first
  Candidates.runBest(Candidates.generate(scored))
  const inRound = plain.pipe(Candidates.rounds([1], (r) => r.pipe(Candidates.generate())))
  // @ts-expect-error the round gives back unscored candidates
  Candidates.runBest(inRound)

  // A score survives what changes no token, and a user's own operators.
  scored.pipe(
    Candidates.anneal(Annealing.constant(0)),
    Stream.filter((c) => c.score.value > 0),
    Stream.take(2),
    Candidates.runBest
  )
  // A majority needs no score, in both call forms.
  is<Equals<Effect.Success<ReturnType<typeof majority>>, Candidate.Candidate>>()

  // A strategy is a flow, generic in the errors of what it is given.
  const race = flow(Candidates.generate({ maxTokens: 4 }), Candidates.score(asking), Candidates.prune({ keep: 1 }))
  const failing = Stream.concat(plain, Stream.fail("own" as const))
  const raced = failing.pipe(race)
  is<Equals<Stream.Error<typeof raced>, "own" | Failure>>()
  const inRounds = failing.pipe(Candidates.rounds([1, 2], race))
  is<Equals<Stream.Error<typeof inRounds>, "own" | Failure>>()
  is<Equals<Stream.Services<typeof inRounds>, Backend.Backend>>()
  return raced
}
const majority = () => Candidates.runMajority(plain, () => "a")

it("the compiler holds these; here they need only exist", () => {
  assert.isFunction(types)
})
