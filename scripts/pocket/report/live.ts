/**
 * What is decided by arithmetic on recorded drafts is worth nothing unless the real strategies decide the same. Here they
 * run, as a user would write them, on some of the problems.
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { type Backend, type BackendError, type Candidate, type RunError, type Scorer, Usage } from "@mulligan/core"
import { Candidates, Stopping } from "@mulligan/strategies"
import { scorers } from "../forms.ts"
import { empty } from "../recordJob.ts"
import { DRAFTS, type Draft, type Form } from "../Recording.ts"
import { adaptive, best, taken } from "./Choosing.ts"
import { type Chosen, cutOf, plans } from "./cuts.ts"
import { longestLevel } from "./plan.ts"
import { pruned, type Schedule } from "./Pruning.ts"
import { LONGEST } from "../problems.ts"
import { casesOf, judgedCases, type Recorded } from "./Recorded.ts"

type Failure = BackendError.BackendError | RunError.RunError
type Run = Effect.Effect<Candidate.Candidate, Failure, Backend.Backend>
type Stage<A> = (
  self: Stream.Stream<A, Failure, Backend.Backend>
) => Stream.Stream<Scorer.Scored, Failure, Backend.Backend>

const adaptiveRun = (prompt: string, threshold: number): Run =>
  empty({ prompt, temperature: "annealed" }).pipe(
    Candidates.generate({ maxTokens: LONGEST }),
    Candidates.score(scorers.full),
    Candidates.takeUntil(Stopping.threshold(threshold)),
    Candidates.runBest
  )

/** Draws up to a cut, judges and prunes, cut by cut, then draws and judges what is left. */
const cutting =
  (schedule: Schedule, form: Form): Stage<Candidate.Candidate> =>
  (round) => {
    let drafts: Stream.Stream<Candidate.Candidate, Failure, Backend.Backend> = round
    let drawn = 0
    for (const { at, keep } of schedule) {
      const maxTokens = at - drawn
      drafts = drafts.pipe(
        Candidates.generate({ maxTokens }),
        Candidates.score(scorers[form]),
        Candidates.prune({ keep, distinct: true })
      )
      drawn = at
    }
    return drafts.pipe(Candidates.generate({ maxTokens: LONGEST - drawn }), Candidates.score(scorers[form]))
  }

const pruneRun = (prompt: string, schedule: Schedule, form: Form): Run =>
  empty({ prompt, temperature: 1 }).pipe(
    Candidates.rounds([DRAFTS], (round) => cutting(schedule, form)(round)),
    Candidates.runBest
  )

interface Check {
  readonly name: string
  readonly run: Run
  readonly chosen: Draft
  readonly samples: number
  readonly drawnTokens: number
  /** If equal questions are read once, behind drafts whose last token is not known yet. */
  readonly byArithmetic: number
  /** Where an earlier run over the same prompt has read those last tokens, and if each question is read. */
  readonly readTokens: readonly [least: number, most: number]
}

const spread = <A>(all: ReadonlyArray<A>, count: number): ReadonlyArray<A> =>
  all.filter((_, i) => i % Math.max(1, Math.floor(all.length / count)) === 0).slice(0, count)

const adaptiveChecks = ({ plan, questionTokens }: Recorded, threshold: number, count: number): ReadonlyArray<Check> =>
  spread(plan.mix, count).map(({ annealed: { drafts, prompt } }) => {
    const { samples, tokens } = adaptive(drafts, threshold)
    return {
      name: `adaptive at ${threshold} on "${prompt}"`,
      run: adaptiveRun(prompt, threshold),
      chosen: best(taken(drafts, threshold)),
      samples,
      drawnTokens: tokens,
      byArithmetic: samples * questionTokens.full,
      readTokens: [samples * questionTokens.full, samples * questionTokens.full]
    }
  })

const pruneCheck = (
  recorded: Recorded,
  drafts: ReadonlyArray<Draft>,
  prompt: string,
  schedule: Schedule,
  form: Form
) => {
  const wanted = pruned(drafts, schedule, recorded.questionTokens[form], { form })
  const [own, { cutTokens, endTokens }] = [recorded.questionTokens[form], wanted]
  const questions = drafts.length + schedule.reduce((sum, { keep }) => sum + keep, 0)
  return {
    name: `pruning by "${form}" ${JSON.stringify(schedule)} on "${prompt}"`,
    run: pruneRun(prompt, schedule, form),
    chosen: wanted.chosen,
    samples: drafts.length,
    drawnTokens: wanted.drawnTokens,
    byArithmetic: cutTokens + endTokens,
    readTokens: [(cutTokens * own) / (own + 1) + endTokens, questions * (own + 1)]
  } satisfies Check
}

const pruneChecks = (recorded: Recorded, schedules: ReadonlyArray<Chosen>, count: number): ReadonlyArray<Check> => [
  ...plans.flatMap((plan) =>
    spread(judgedCases(recorded), count).map(({ drafts, level, prompt }) =>
      pruneCheck(recorded, drafts, prompt, [cutOf(recorded, level, plan)], "full")
    )
  ),
  ...schedules.flatMap(({ form, schedule }) =>
    spread(casesOf(recorded, [longestLevel(recorded.problems)]), Math.ceil(count / 2)).map(({ drafts, prompt }) =>
      pruneCheck(recorded, drafts, prompt, schedule, form)
    )
  )
]

interface Compared {
  /** What the real run did otherwise; undefined: nothing. */
  readonly difference: string | undefined
  readonly readByArithmetic: number
  readonly readInTruth: number
}

const compared = (check: Check): Effect.Effect<Compared, Failure, Backend.Backend> =>
  Effect.gen(function* () {
    const [usage, exit] = yield* Usage.measure(check.run)
    const chosen = yield* exit
    const [least, most] = check.readTokens
    const real = [chosen.tokens.map((t) => t.id).join(" "), usage.samples, usage.drawnTokens]
    const wanted = [check.chosen.ids.join(" "), check.samples, check.drawnTokens]
    const differs = real.some((value, i) => value !== wanted[i]) || usage.readTokens < least || usage.readTokens > most
    const said = `by arithmetic ${[...wanted, check.byArithmetic].join(" | ")}, in truth ${[...real, usage.readTokens].join(" | ")}`
    return {
      difference: differs ? `${check.name}: ${said}` : undefined,
      readByArithmetic: check.byArithmetic,
      readInTruth: usage.readTokens
    }
  })

/** Equal questions share their reading only if they meet in one forward pass; that they mostly do is part of the claim. */
const MOST_READ_MORE = 0.05

const readMore = (all: ReadonlyArray<Compared>): ReadonlyArray<string> => {
  const sum = (key: "readByArithmetic" | "readInTruth") => all.reduce((total, c) => total + c[key], 0)
  const more = sum("readInTruth") / sum("readByArithmetic") - 1
  return more > MOST_READ_MORE ? [`The real runs read ${(100 * more).toFixed(1)}% more tokens to judge.`] : []
}

/** Tells how many runs were compared, and what differs: a choice, its samples, its tokens. */
export const check = (
  recorded: Recorded,
  thresholds: ReadonlyArray<number>,
  schedules: ReadonlyArray<Chosen>,
  count = 12
) =>
  Effect.gen(function* () {
    const checks = [
      ...thresholds.flatMap((threshold) => adaptiveChecks(recorded, threshold, count)),
      ...pruneChecks(recorded, schedules, count)
    ]
    const all = yield* Effect.forEach(checks, compared)
    const differences = [...all.flatMap((c) => c.difference ?? []), ...readMore(all)]
    return { runs: checks.length, differences }
  })
