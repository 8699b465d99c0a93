/**
 * One question: its drafts side by side, pruned at a quarter and at half, the best finished.
 */
import * as Effect from "effect/Effect"
import { Fact, Prompt, type Scorer } from "@mulligan/core"
import { type Annealing, Candidates, Stopping } from "@mulligan/strategies"
import type { Cuts } from "../pocket/levels.ts"
import { isRight, N, selfEvaluator } from "../pocket/policies.ts"
import { LONGEST } from "../pocket/problems.ts"
import type { Task } from "../pocket/tasks/index.ts"
import * as Lane from "./Lane.ts"
import type { Screen } from "./Screen.ts"

export interface Options {
  readonly cuts: Cuts
  readonly seed: number
  /** How many drafts start at once; the next group only if no score has reached the threshold. */
  readonly groups: ReadonlyArray<number>
  readonly threshold: number
  readonly annealing: Annealing.Annealing
}

const strategy = (task: Task, { annealing, cuts, groups, seed, threshold }: Options) =>
  Candidates.fromPrompt(Prompt.user(task.prompt), { count: N, seed }).pipe(
    Candidates.anneal(annealing),
    Candidates.rounds(groups, (round) =>
      round.pipe(
        Candidates.generate({ maxTokens: cuts.quarter }),
        Candidates.score(selfEvaluator),
        Candidates.prune({ keep: 0.5, distinct: true }),
        Candidates.generate({ maxTokens: cuts.half - cuts.quarter }),
        Candidates.score(selfEvaluator),
        Candidates.prune({ keep: 0.5, distinct: true }),
        Candidates.generate({ maxTokens: LONGEST - cuts.half }),
        Candidates.score(selfEvaluator)
      )
    ),
    Candidates.takeUntil(Stopping.threshold(threshold)),
    Candidates.runBest
  )

export interface Race {
  readonly task: Task
  readonly facts: ReadonlyArray<Fact.Fact>
  /** The first draft as it was judged when it was whole. */
  readonly first: number
  readonly drafts: number
  readonly winner: Scorer.Scored
  readonly isRight: boolean
  readonly seconds: number
}

/** Runs it at full speed; it is shown afterwards. */
export const run = (task: Task, options: Options) =>
  Effect.gen(function* () {
    const facts: Array<Fact.Fact> = []
    const start = performance.now()
    const winner = yield* strategy(task, options).pipe(
      Effect.provideService(Fact.Listener, (fact) => void facts.push(fact))
    )
    const seconds = (performance.now() - start) / 1000
    const first = facts.findLast((fact) => fact._tag === "Scored" && fact.index === 0)
    return {
      task,
      facts,
      first: first?._tag === "Scored" ? first.score.value : Number.NaN,
      drafts: new Set(facts.flatMap((fact) => (fact._tag === "Drawn" ? [fact.index] : []))).size,
      winner,
      isRight: isRight(task, winner),
      seconds
    } satisfies Race
  })

export const verdict = (race: Race): string => (race.isRight ? "right" : "wrong")

/** Milliseconds that each token is shown for, and a look at the scores; the model itself is much faster than an eye. */
const TOKEN = 45
const LOOK = 450

/** How long the picture stands after a fact: 0 is not at all. A token is one of many that all drafts get at once. */
const pause = (fact: Fact.Fact, next: Fact.Fact | undefined): number => {
  if (next === undefined) return LOOK
  if (fact._tag !== "Drawn") return next._tag === fact._tag ? 0 : LOOK
  return next._tag === "Drawn" && next.index > fact.index ? 0 : TOKEN
}

/** The lanes that anything was drawn in. */
const picture = (lanes: ReadonlyArray<Lane.Lane>, width?: number) =>
  lanes.flatMap((lane, i) => (lane.state === "waiting" ? [] : [Lane.line(lane, i, width)])).join("\n")

/** What is going on, in words. */
const status = (fact: Fact.Fact, next: Fact.Fact | undefined): string => {
  if (fact._tag === "Drawn") return "drafting ..."
  if (fact._tag === "Pruned") return "the worse half is dropped"
  if (fact._tag === "Scored" && next?._tag === "Drawn" && next.index > fact.index)
    return `score ${Lane.brief(fact.score.value)}: starting over would do better`
  return "would you do better if you started over?"
}

/** Shows the facts of the run one after the other, at a pace that an eye can follow, and leaves the last picture. */
export const show = (screen: Screen, { facts }: Race) =>
  Effect.gen(function* () {
    const lanes: Array<Lane.Lane> = Array.from({ length: N }, () => Lane.empty)
    for (const [i, fact] of facts.entries()) {
      if ("index" in fact) lanes[fact.index] = Lane.follow(lanes[fact.index] ?? Lane.empty, fact)
      const milliseconds = pause(fact, facts[i + 1])
      if (!screen.isLive || milliseconds === 0) continue
      screen.show(`${picture(lanes, screen.width)}\n  ${status(fact, facts[i + 1])}`)
      yield* Effect.sleep(milliseconds)
    }
    if (!screen.isLive) return console.log(picture(lanes))
    screen.show(picture(lanes, screen.width))
    screen.done()
  })
