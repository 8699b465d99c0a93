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
import { byIndex, tally, type VoteOptions, weighted, winner } from "./internal/votes.ts"

export type { VoteOptions } from "./internal/votes.ts"

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

/** `among`: how many there were, of which none may be eligible. */
const choose = <A extends Candidate.Candidate>(winner: A | undefined, among = 0): Effect.Effect<A, RunError.RunError> =>
  Effect.flatMap(ambient, ({ account, listen }) => {
    if (winner === undefined) {
      return Effect.fail(
        nothingDrawn(
          account?.isSpent || account?.mayStart === false
            ? "the budget was spent before the first draw"
            : among === 0
              ? "the stream was empty"
              : `none of the ${among} answers anything, or none reaches the bar`
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
  Effect.flatMap(settle(self), (all) => choose(winner(tally(byIndex(all), answer)), all.length))
)

/**
 * The answer with the highest sum of weights, by its earliest candidate; the earliest answer of equals. By default a
 * candidate weighs its score, which should then not be negative, and all vote.
 */
export const runWeightedMajority: {
  (
    answer: Answer<Scorer.Scored>,
    options?: VoteOptions
  ): <E, R>(self: Stream.Stream<Scorer.Scored, E, R>) => Effect.Effect<Scorer.Scored, E | RunError.RunError, R>
  <E, R>(
    self: Stream.Stream<Scorer.Scored, E, R>,
    answer: Answer<Scorer.Scored>,
    options?: VoteOptions
  ): Effect.Effect<Scorer.Scored, E | RunError.RunError, R>
} = dual(
  (args) => Stream.isStream(args[0]),
  <E, R>(self: Stream.Stream<Scorer.Scored, E, R>, answer: Answer<Scorer.Scored>, options?: VoteOptions) =>
    Effect.flatMap(settle(self), (all) => choose(winner(weighted(all, answer, options)), all.length))
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
