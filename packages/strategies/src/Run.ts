/**
 * What runs a strategy: it pulls the stream to its end and chooses.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import * as Backend from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import * as RunError from "@mulligan/core/RunError"
import * as Scorer from "@mulligan/core/Scorer"
import type * as Token from "@mulligan/core/Token"
import { ambient } from "./internal/ambient.ts"
import { draw } from "./internal/draw.ts"
import * as History from "./internal/history.ts"

/** Runs to the end, recording what passes for `anneal` upstream, and counts what reached the choice as kept. */
const settle = <A extends Candidate.Candidate, E, R>(self: Stream.Stream<A, E, R>): Effect.Effect<Array<A>, E, R> =>
  Effect.gen(function* () {
    const { meter } = yield* ambient
    const history = History.empty()
    const all = yield* self.pipe(
      Stream.map((c) => {
        if ("score" in c) history.scored.push(c as unknown as Scorer.Scored)
        return c
      }),
      Stream.provideService(History.Current, history),
      Stream.runCollect
    )
    meter.add(
      "keptTokens",
      all.reduce((sum, c) => sum + c.tokens.length, 0)
    )
    return all
  })

const nothingDrawn = (why: string) =>
  new RunError.RunError({
    reason: new RunError.NothingDrawn({
      problem: `There is no candidate to choose from: ${why}.`,
      advice: "Draw at least one, prune less, or widen the budget."
    })
  })

const choose = <A extends Candidate.Candidate>(winner: A | undefined): Effect.Effect<A, RunError.RunError> =>
  Effect.flatMap(ambient, ({ account, listen }) => {
    if (winner === undefined) {
      return Effect.fail(
        nothingDrawn(
          account?.isSpent || account?.mayStart === false
            ? "the budget was spent before the first draw"
            : "the stream was empty"
        )
      )
    }
    listen?.({ _tag: "Chosen", index: winner.index })
    return Effect.succeed(winner)
  })

/** Best of N: the highest score, the earliest of equals. Fails with `NothingDrawn` on an empty stream. */
export const runBest = <E, R>(
  self: Stream.Stream<Scorer.Scored, E, R>
): Effect.Effect<Scorer.Scored, E | RunError.RunError, R> =>
  Effect.flatMap(settle(self), (all) => choose(all.toSorted(Scorer.better)[0]))

/** What a candidate answers, for comparison with others; undefined: nothing that could be compared, and no vote. */
export type Answer<A = Candidate.Candidate> = (candidate: A) => string | undefined

/** Sums votes by answer; the earliest voter of the heaviest answer wins, the earliest answer of equals. */
const elect = <A extends Candidate.Candidate>(
  all: ReadonlyArray<A>,
  answer: Answer<A>,
  weight: (c: A) => number
): A | undefined => {
  const tally = new Map<string, { readonly first: A; votes: number }>()
  for (const c of all.toSorted((a, b) => a.index - b.index)) {
    const said = answer(c)
    if (said === undefined) continue
    const entry = tally.get(said) ?? { first: c, votes: 0 }
    entry.votes += weight(c)
    tally.set(said, entry)
  }
  return [...tally.values()].toSorted((a, b) => b.votes - a.votes)[0]?.first
}

/** Self-consistency (Wang et al., arXiv 2203.11171): the answer given most often, by its earliest candidate. */
export const runMajority: {
  <A extends Candidate.Candidate>(
    answer: Answer<A>
  ): <E, R>(self: Stream.Stream<A, E, R>) => Effect.Effect<A, E | RunError.RunError, R>
  <A extends Candidate.Candidate, E, R>(
    self: Stream.Stream<A, E, R>,
    answer: Answer<A>
  ): Effect.Effect<A, E | RunError.RunError, R>
} = dual(2, <A extends Candidate.Candidate, E, R>(self: Stream.Stream<A, E, R>, answer: Answer<A>) =>
  Effect.flatMap(settle(self), (all) => choose(elect(all, answer, () => 1)))
)

/** The answer with the highest sum of scores, by its earliest candidate. Scores should not be negative. */
export const runWeightedMajority: {
  (
    answer: Answer<Scorer.Scored>
  ): <E, R>(self: Stream.Stream<Scorer.Scored, E, R>) => Effect.Effect<Scorer.Scored, E | RunError.RunError, R>
  <E, R>(
    self: Stream.Stream<Scorer.Scored, E, R>,
    answer: Answer<Scorer.Scored>
  ): Effect.Effect<Scorer.Scored, E | RunError.RunError, R>
} = dual(2, <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, answer: Answer<Scorer.Scored>) =>
  Effect.flatMap(settle(self), (all) => choose(elect(all, answer, (c) => c.score.value)))
)

/** Chooses as `runBest` does, then gives the winner's tokens: those it has at once, the rest as they are drawn. */
export const runStream = <E, R>(
  self: Stream.Stream<Scorer.Scored, E, R>
): Stream.Stream<Token.Token, E | BackendError.BackendError | RunError.RunError, R | Backend.Backend> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const winner = yield* runBest(self)
      const a = yield* ambient
      const rest = draw(a, yield* Backend.Backend, winner, {}).pipe(
        Stream.map((token) => {
          a.meter.add("keptTokens", 1)
          return token
        })
      )
      return Stream.concat(Stream.fromArray(winner.tokens), Candidate.end(winner) === undefined ? rest : Stream.empty)
    })
  )
