/**
 * The policies that are compared, each a strategy as a user would write it, and what it cost to run.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Backend, type BackendError, Candidate, Prompt, type RunError, type Scorer, Usage } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Annealing, Candidates, Scorers, Stopping } from "@mulligan/strategies"
import { cuts } from "./levels.ts"
import type { Thresholds } from "./model.ts"
import { LONGEST, type Problem } from "./problems.ts"
import { DRAFTS } from "./Recording.ts"
import { mean } from "./Statistics.ts"
import { parse, type Task } from "./tasks/index.ts"

export const N = DRAFTS

/** One problem answered by one policy: fractions of one, tokens and seconds. */
export interface Outcome {
  readonly accuracy: number
  readonly samples: number
  readonly drawnTokens: number
  readonly readTokens: number
  readonly seconds: number
}

type Failure = BackendError.BackendError | RunError.RunError
type Chosen = Effect.Effect<Candidate.Candidate, Failure, Backend.Backend>
type Drafts = ReadonlyArray<Candidate.Candidate>

export const titles = {
  one: "one sample",
  greedy: "greedy",
  majority16: "majority of 16",
  logProb16: "best of 16, log-prob",
  self16: "best of 16, self-eval",
  oracle16: "best possible of 16",
  adaptive74: "adaptive, 74% of gain",
  adaptive95: "adaptive, 95% of gain",
  prune75half: "prune 75% at half",
  prune50quarter: "prune 50% at quarter",
  random75half: "random 75% at half",
  random50quarter: "random 50% at quarter"
} as const

export type Id = keyof typeof titles
export const ids = Object.keys(titles) as ReadonlyArray<Id>

export const selfEvaluator = SelfEvaluator.make()

/** Right in every step, and over: an answer that was cut off is not. */
export const isRight = (task: Task, c: Candidate.Candidate): boolean =>
  Candidate.end(c) === "stop" && task.isRight(Candidate.text(c))

/** A scorer that knows nothing: a number from the seed of the draft. */
const coin = Scorers.verifier((c) => ((c.seed * 2654435761) % 4294967296) / 4294967296)

/** Sixteen whole drafts at temperature 1, drawn side by side. */
const drafts = (prompt: Prompt.Prompt, seed: number) =>
  Candidates.fromPrompt(prompt, { count: N, seed }).pipe(
    Candidates.rounds([N], (round) => round.pipe(Candidates.generate({ maxTokens: LONGEST })))
  )

/** Greedy first, hotter with every restart: 0, 0.5, 0.75 and so on towards 1. */
export const annealing = Annealing.exponential({ from: 0, to: 1 })

const adaptive = (prompt: Prompt.Prompt, seed: number, threshold: number): Chosen =>
  Candidates.fromPrompt(prompt, { count: N, seed }).pipe(
    Candidates.anneal(annealing),
    Candidates.generate({ maxTokens: LONGEST }),
    Candidates.score(selfEvaluator),
    Candidates.takeUntil(Stopping.threshold(threshold)),
    Candidates.runBest
  )

const pruned = (
  prompt: Prompt.Prompt,
  seed: number,
  cut: { readonly at: number; readonly keep: number },
  scorer: Scorer.Scorer<BackendError.BackendError, Backend.Backend>
): Chosen =>
  Candidates.fromPrompt(prompt, { count: N, seed }).pipe(
    Candidates.rounds([N], (round) =>
      round.pipe(
        Candidates.generate({ maxTokens: cut.at }),
        Candidates.score(scorer),
        // The coin stands for dropping without looking, at copies neither.
        Candidates.prune({ keep: cut.keep, distinct: scorer !== coin }),
        Candidates.generate({ maxTokens: LONGEST - cut.at }),
        Candidates.score(selfEvaluator)
      )
    ),
    Candidates.runBest
  )

/** Runs and tells what it cost; `shared` is what was spent before on drafts that several policies choose from. */
const timed = <A, R>(run: Effect.Effect<A, Failure, R>, outcome: (a: A) => number, shared?: Outcome) =>
  Effect.gen(function* () {
    const start = performance.now()
    const [usage, exit] = yield* Usage.measure(run)
    const seconds = (performance.now() - start) / 1000
    return {
      accuracy: outcome(yield* exit),
      samples: usage.samples + (shared?.samples ?? 0),
      drawnTokens: usage.drawnTokens + (shared?.drawnTokens ?? 0),
      readTokens: usage.readTokens + (shared?.readTokens ?? 0),
      seconds: seconds + (shared?.seconds ?? 0)
    } satisfies Outcome
  })

/** The four policies that choose among the same drafts: drawn once, judged each in its own way. */
const choices = (all: Drafts, cost: Outcome, right: (c: Candidate.Candidate) => number) =>
  Effect.gen(function* () {
    const given = Stream.fromIterable(all)
    const best = <E, R>(scorer: Scorer.Scorer<E, R>) =>
      given.pipe(Candidates.score(scorer, { concurrency: "unbounded" }), Candidates.runBest)
    return {
      majority16: yield* timed(Candidates.runMajority(given, Candidate.text), right, cost),
      logProb16: yield* timed(best(Scorers.meanLogProb), right, cost),
      self16: yield* timed(best(selfEvaluator), right, cost),
      oracle16: { ...cost, accuracy: Math.max(...all.map(right)) }
    }
  })

/**
 * Every policy on one problem. "One sample" takes the mean of the sixteen drafts as its accuracy (what one sample gives on
 * average, with less noise than one), and its cost from a sample of its own.
 */
export const answer = (
  problem: Problem,
  seed: number,
  thresholds: Thresholds
): Effect.Effect<Record<Id, Outcome>, Failure, Backend.Backend> =>
  Effect.gen(function* () {
    const task = parse(problem.prompt)
    const prompt = Prompt.user(task.prompt)
    const right = (c: Candidate.Candidate) => (isRight(task, c) ? 1 : 0)
    const single = (temperature: number) =>
      Candidates.fromPrompt(prompt, { count: 1, seed, temperature }).pipe(
        Candidates.generate({ maxTokens: LONGEST }),
        Candidates.runMajority(Candidate.text)
      )
    const one = yield* timed(single(1), right)
    const greedy = yield* timed(single(0), right)
    let all: Drafts = []
    const cost = yield* timed(
      Stream.runCollect(drafts(prompt, seed)).pipe(Effect.tap((drawn) => Effect.sync(() => void (all = drawn)))),
      () => 0
    )
    const at = cuts(problem.level)
    const half = { at: at.half, keep: 0.25 }
    const quarter = { at: at.quarter, keep: 0.5 }
    return {
      one: { ...one, accuracy: mean(all.map(right)) },
      greedy,
      ...(yield* choices(all, cost, right)),
      adaptive74: yield* timed(adaptive(prompt, seed, thresholds.adaptive74), right),
      adaptive95: yield* timed(adaptive(prompt, seed, thresholds.adaptive95), right),
      prune75half: yield* timed(pruned(prompt, seed, half, selfEvaluator), right),
      prune50quarter: yield* timed(pruned(prompt, seed, quarter, selfEvaluator), right),
      random75half: yield* timed(pruned(prompt, seed, half, coin), right),
      random50quarter: yield* timed(pruned(prompt, seed, quarter, coin), right)
    }
  })
