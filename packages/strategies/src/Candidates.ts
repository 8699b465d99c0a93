/**
 * Strategies are functions from streams of candidates to streams of candidates; these are the pieces. All take the stream
 * first or last.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Budget from "@mulligan/core/Budget"
import type * as Candidate from "@mulligan/core/Candidate"
import * as Fact from "@mulligan/core/Fact"
import type * as Prompt from "@mulligan/core/Prompt"
import type { Annealing } from "./Annealing.ts"
import * as History from "./internal/history.ts"

export { generate, type GenerateOptions, type StageOptions } from "./Generate.ts"
export { prune, pruneBelow, type PruneOptions } from "./Prune.ts"
export { type Round, rounds } from "./Rounds.ts"
export { type Answer, runBest, runMajority, runStream, runWeightedMajority, type VoteOptions } from "./Run.ts"
export { score, type ScoreOptions } from "./Score.ts"
export { takeUntil } from "./TakeUntil.ts"

export interface FromPromptOptions {
  /** How many candidates at most. Default: endless, so something downstream must stop. */
  readonly count?: number | undefined
  /** The same seed draws the same candidates. Default 0. */
  readonly seed?: number | undefined
  /** 0 is greedy. Default 1: the model's own distribution. */
  readonly temperature?: number | undefined
}

/** Mixes the run's seed and the index into 31 bits (the finaliser of MurmurHash3), so that neighbours share nothing. */
const seedOf = (seed: number, index: number): number => {
  let h = (Math.imul(seed, 0x9e3779b1) + index) | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 1
}

/** Emits empty candidates, one at a time: free, and lazy. */
export const fromPrompt = (
  prompt: Prompt.Prompt,
  options: FromPromptOptions = {}
): Stream.Stream<Candidate.Candidate> => {
  const { count = Infinity, seed = 0, temperature = 1 } = options
  return Stream.unfold(0, (index) =>
    Effect.succeed(
      index < count
        ? ([{ index, prompt, tokens: [], seed: seedOf(seed, index), temperature }, index + 1] as const)
        : undefined
    )
  )
}

/**
 * Sets each candidate's temperature by its index and the scored candidates so far: those that reached the nearest
 * `takeUntil` or `run…` downstream. Before `rounds` these are exactly the earlier rounds. Works before the first `generate`.
 */
export const anneal: {
  (rule: Annealing): <A extends Candidate.Candidate, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
  <A extends Candidate.Candidate, E, R>(self: Stream.Stream<A, E, R>, rule: Annealing): Stream.Stream<A, E, R>
} = dual(
  2,
  <A extends Candidate.Candidate, E, R>(self: Stream.Stream<A, E, R>, rule: Annealing): Stream.Stream<A, E, R> =>
    Stream.mapEffect(self, (c) =>
      Effect.map(History.Current, (history) => ({ ...c, temperature: rule(c.index, history?.scored ?? []) }))
    )
)

export type Limits = Omit<Budget.Budget, "time"> & { readonly time?: Duration.Input | undefined }

/**
 * Limits what everything upstream may cost; chained to the budget around it. It gates drawing, never judging: when it is
 * spent no row draws another token, what is drawn passes on, and the stream ends with the best so far.
 */
export const withBudget: {
  (limits: Limits): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
  <A, E, R>(self: Stream.Stream<A, E, R>, limits: Limits): Stream.Stream<A, E, R>
} = dual(2, <A, E, R>(self: Stream.Stream<A, E, R>, limits: Limits): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { time, ...counted } = limits
      const account = new Budget.Account(counted, yield* Budget.CurrentAccount)
      if (time !== undefined) yield* Effect.forkScoped(Effect.andThen(Effect.sleep(time), account.close))
      return Stream.provideService(self, Budget.CurrentAccount, account)
    })
  )
)

/** The facts of a run as a stream, for progress and logs; interrupting it interrupts the run. */
export const facts = <A, E, R>(run: Effect.Effect<A, E, R>): Stream.Stream<Fact.Fact, E, R> =>
  Stream.callback<Fact.Fact, E, R>((queue) =>
    run.pipe(
      Effect.provideService(Fact.Listener, (fact) => void Queue.offerUnsafe(queue, fact)),
      Effect.matchCauseEffect({
        onFailure: (cause) => Queue.failCause(queue, cause),
        onSuccess: () => Queue.end(queue)
      })
    )
  )
