/**
 * Single problems to look at, chosen by rule and never by hand: where choosing gains most, where it loses most, and some at
 * random.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Backend from "@mulligan/core/Backend"
import type { Candidate } from "@mulligan/core/Candidate"
import * as Depth from "../Depth.ts"
import * as Evaluate from "../Evaluate.ts"
import * as Offline from "../Offline.ts"
import type { Judge, Policy } from "../Policy.ts"
import * as Replay from "../Replay.ts"
import type { Graded } from "../Signal.ts"
import type * as Task from "../tasks/Task.ts"

/** The score of a draft's first `after` tokens. */
export interface Reading {
  readonly after: number
  readonly score: number
}

/** `dropped`: after so many tokens. `undrawn`: the policy had stopped before. */
export type End = "chosen" | "passed over" | "undrawn" | { readonly dropped: number }

export interface Draft {
  readonly candidate: Candidate
  readonly grade: number
  /** From the start to the end, at the depths of the evaluation, as far as they were recorded. */
  readonly readings: ReadonlyArray<Reading>
  readonly end: End
}

/** `gain`: the policy is right where fewest drafts are. `miss`: it is wrong where most are right. */
export type Why = "gain" | "miss" | "random"

export interface Example {
  readonly why: Why
  readonly problem: Task.Problem
  /** Of the draft that was chosen; 0 of none. */
  readonly grade: number
  /** Mean grade of all drafts. */
  readonly mean: number
  /** In the order of the index. */
  readonly drafts: ReadonlyArray<Draft>
}

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

interface Chosen {
  readonly why: Why
  readonly problem: number
}

/** A problem's number and how much better the choice is than a draft at random. */
interface Gain {
  readonly problem: number
  readonly gain: number
}

/** The earliest of equals; none twice. */
const choose = (gains: ReadonlyArray<Gain>, each: number, seed: number): Effect.Effect<ReadonlyArray<Chosen>> =>
  Effect.gen(function* () {
    const sorted = gains.toSorted((a, b) => b.gain - a.gain)
    const best = sorted.filter(({ gain }) => gain > 0).slice(0, each)
    const worst = sorted
      .filter(({ gain }) => gain < 0)
      .toReversed()
      .slice(0, each)
    const taken = new Set([...best, ...worst])
    const mixed = yield* Random.shuffle(gains.filter((one) => !taken.has(one))).pipe(Random.withSeed(seed))
    const named = (why: Why, all: ReadonlyArray<Gain>) => all.map(({ problem }): Chosen => ({ why, problem }))
    return [...named("gain", best), ...named("miss", worst), ...named("random", mixed.slice(0, each))]
  })

/** What was not recorded there is left out; depths at which a draft is the same are one. */
const readingsOf = (candidate: Candidate, scorer: Judge, depths: ReadonlyArray<Depth.Depth>) =>
  Effect.gen(function* () {
    const cut = new Map(depths.map((depth) => Depth.cutAt(candidate, depth)).map((c) => [c.tokens.length, c]))
    const scores = yield* Effect.forEach(cut.values(), (c) => Effect.option(scorer(c)))
    return [...cut.keys()]
      .flatMap((after, i): ReadonlyArray<Reading> => {
        const score = Option.getOrUndefined(scores[i]!)
        return score === undefined ? [] : [{ after, score: score.value }]
      })
      .toSorted((a, b) => a.after - b.after)
  })

/** Where the policy dropped each draft of a problem, by index. */
const droppedAt = (policy: Policy, droppings: ReadonlyArray<Offline.Dropping>, problem: number) =>
  new Map(
    droppings
      .filter((one) => one.problem === problem)
      .flatMap(({ came, cut, kept }) => {
        const stays = new Set(kept)
        const after = policy.cuts![cut]!.after
        return came.filter((place) => !stays.has(place)).map((place) => [place, after] as const)
      })
  )

const endOf = (index: number, chosen: number | undefined, samples: number, dropped: number | undefined): End => {
  if (index === chosen) return "chosen"
  if (index >= samples) return "undrawn"
  return dropped === undefined ? "passed over" : { dropped }
}

export interface Options {
  readonly policy: Policy
  readonly depths: ReadonlyArray<Depth.Depth>
  /** Of each kind. */
  readonly each: number
  readonly seed: number
}

/** Of every kind as many as there are, at most `each`, with the drafts that the policy chooses from. */
export const examples = <E, R>(bench: Evaluate.Bench<E, R>, { depths, each, policy, seed }: Options) =>
  Effect.gen(function* () {
    const { grades, offline, recording, scorer } = bench
    const drafts = yield* Evaluate.drafts(offline, grades, policy)
    const { chosen, samples } = yield* Offline.decide(offline, policy)
    const droppings = yield* Offline.droppings(offline, policy)
    const gradeOf = (i: number) => drafts[i]!.find(({ candidate }) => candidate.index === chosen[i]?.index)?.grade ?? 0
    const meanOf = (i: number) => mean(drafts[i]!.map(({ grade }) => grade))
    const gains = drafts.map((_, problem) => ({ problem, gain: gradeOf(problem) - meanOf(problem) }))
    const found = yield* choose(gains, each, seed)
    return yield* Effect.forEach(found, ({ problem, why }) => {
      const dropped = droppedAt(policy, droppings, problem)
      const shown = ({ candidate, grade }: Graded) =>
        Effect.map(readingsOf(candidate, scorer, depths), (readings): Draft => {
          const { index } = candidate
          const end = endOf(index, chosen[problem]?.index, samples[problem]!, dropped.get(index))
          return { candidate, grade, readings, end }
        })
      return Effect.map(Effect.forEach(drafts[problem]!, shown), (all): Example => ({
        why,
        problem: grades.problems[problem]!,
        grade: gradeOf(problem),
        mean: meanOf(problem),
        drafts: all
      }))
    }).pipe(Effect.provideService(Backend.Backend, Replay.make(recording)))
  })
