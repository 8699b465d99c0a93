/**
 * What became of the drafts at each cut of a policy, and what those that were dropped would have been: recorded drafts are
 * whole.
 */
import * as Effect from "effect/Effect"
import type { Column, Estimate, Resamples } from "../Bootstrap.ts"
import * as Evaluate from "../Evaluate.ts"
import * as Offline from "../Offline.ts"
import type { Policy } from "../Policy.ts"

/** How often something was lost, of the times that it could be, and how often it would be by dropping as many at random. */
export interface Lost {
  readonly count: number
  readonly of: number
  readonly share: Estimate
  readonly atRandom: Estimate
}

export interface Fate {
  readonly policy: string
  /** Tokens of a draft after which the cut stands. */
  readonly after: number
  /** Drafts that came to the cut. */
  readonly came: number
  readonly cameRight: number
  readonly dropped: number
  /** Of the drafts dropped: they would have been right. */
  readonly right: Lost
  /** Of the rounds that came with right drafts: none was left. */
  readonly all: Lost
  /** Of the problems with one right draft in all that came here: it was dropped. */
  readonly only: Lost
}

/** What is counted of a round, and then of a problem. */
const none = {
  came: 0,
  cameRight: 0,
  dropped: 0,
  right: 0,
  rightAtRandom: 0,
  withRight: 0,
  all: 0,
  allAtRandom: 0,
  withOnly: 0,
  only: 0,
  onlyAtRandom: 0
}
type Counts = { readonly [K in keyof typeof none]: number }

/** The probability that all of `right` are among `dropped` of `came`, drawn without replacement. */
export const allDropped = (came: number, right: number, dropped: number): number => {
  let probability = 1
  for (let i = 0; i < right; i++) probability *= Math.max(0, dropped - i) / (came - i)
  return probability
}

const countsOf = ({ came, kept }: Offline.Dropping, isRight: ReadonlyArray<boolean>): Counts => {
  const rightOf = (places: ReadonlyArray<number>) => places.filter((place) => isRight[place] === true).length
  const [cameRight, keptRight, dropped] = [rightOf(came), rightOf(kept), came.length - kept.length]
  const hasRight = cameRight > 0
  const hasOnly = hasRight && isRight.filter(Boolean).length === 1
  const isLost = hasRight && keptRight === 0
  return {
    came: came.length,
    cameRight,
    dropped,
    right: cameRight - keptRight,
    rightAtRandom: (dropped * cameRight) / came.length,
    withRight: Number(hasRight),
    all: Number(isLost),
    allAtRandom: hasRight ? allDropped(came.length, cameRight, dropped) : 0,
    withOnly: Number(hasOnly),
    only: Number(hasOnly && isLost),
    onlyAtRandom: hasOnly ? dropped / came.length : 0
  }
}

const keys = Object.keys(none) as ReadonlyArray<keyof Counts>

const added = (a: Counts, b: Counts): Counts =>
  Object.fromEntries(keys.map((key) => [key, a[key] + b[key]])) as unknown as Counts

const lost = (
  resamples: Resamples,
  columns: Record<keyof Counts, Column>,
  names: readonly [keyof Counts, keyof Counts, keyof Counts]
): Lost => {
  const [part, random, whole] = names
  const total = (name: keyof Counts) => columns[name].reduce((sum, value) => sum + value, 0)
  const share = (name: keyof Counts) => resamples.ofSums([columns[name], columns[whole]], ([a = NaN, b = NaN]) => a / b)
  return { count: total(part), of: total(whole), share: share(part), atRandom: share(random) }
}

/** Problem by problem. */
const fateOf = (policy: string, after: number, problems: ReadonlyArray<Counts>, resamples: Resamples): Fate => {
  const columns = Object.fromEntries(
    keys.map((key) => [key, problems.map((counts) => counts[key])])
  ) as unknown as Record<keyof Counts, Column>
  const { came, cameRight, dropped } = problems.reduce(added, none)
  return {
    policy,
    after,
    came,
    cameRight,
    dropped,
    right: lost(resamples, columns, ["right", "rightAtRandom", "dropped"]),
    all: lost(resamples, columns, ["all", "allAtRandom", "withRight"]),
    only: lost(resamples, columns, ["only", "onlyAtRandom", "withOnly"])
  }
}

export interface Options {
  /** The grade from which a draft is right. Default 1. */
  readonly rightFrom?: number | undefined
  readonly resamples: Resamples
}

/** One for each cut of a policy, in order; none for a policy without. */
export const fates = <E, R>(
  { grades, offline }: Pick<Evaluate.Bench<E, R>, "grades" | "offline">,
  name: string,
  policy: Policy,
  { resamples, rightFrom = 1 }: Options
) =>
  Effect.gen(function* () {
    const { cuts = [] } = policy
    if (cuts.length === 0) return []
    const drafts = yield* Evaluate.drafts(offline, grades, policy)
    const isRight = drafts.map((all) => all.map(({ grade }) => grade >= rightFrom))
    const counts = cuts.map(() => drafts.map((): Counts => none))
    for (const dropping of yield* Offline.droppings(offline, policy)) {
      const { cut, problem } = dropping
      const problems = counts[cut]!
      problems[problem] = added(problems[problem]!, countsOf(dropping, isRight[problem]!))
    }
    return cuts.map(({ after }, i) => fateOf(name, after, counts[i]!, resamples))
  })
