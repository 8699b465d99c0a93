/**
 * What the charts show, as rows of plain data.
 */
import { DRAFTS, endScore, scoreAfter, scoreAt } from "../Recording.ts"
import { mean } from "../Statistics.ts"
import { adaptive, best, type Both, type Drafts, outcome, type Outcome, thresholds } from "./Choosing.ts"
import { type Chosen, cutOf, plans } from "./cuts.ts"
import type { Figure } from "./Figure.ts"
import { depths, families } from "./judged.ts"
import { binned, bins, observations } from "./Judging.ts"
import { drawn } from "./PerfectJudge.ts"
import { type Case, longestLevel } from "./plan.ts"
import { beginning, kept, type Schedule } from "./Pruning.ts"
import { casesOf, judgedCases, type Recorded } from "./Recorded.ts"
import { bothOf } from "./sampled.ts"

const DEPTH_TITLES = { End: "at the end", Half: "at a half", Quarter: "at a quarter" } as const

export const reliability = ({ plan }: Recorded) =>
  depths.flatMap(({ name, share }) =>
    bins(plan.mix.map(({ asked }) => binned(observations(asked.drafts, (d) => scoreAt(d, share))))).map((bin) => ({
      read: DEPTH_TITLES[name],
      ...bin
    }))
  )

/** One row for each family and level at each depth. */
export const aurocByDepth = (figures: ReadonlyArray<Figure>, levels: ReadonlyArray<Pick<Case, "level" | "family">>) => {
  const parts = [
    ...families.map((family) => ({ name: family, family, isFamily: true })),
    ...levels.map(({ family, level }) => ({ name: level, family, isFamily: false }))
  ]
  return parts.flatMap((part) =>
    depths.flatMap(({ name, share }) => {
      const found = figures.find((f) => f.figure === `auroc${name}_${part.name}`)
      if (found?.value === undefined || found.value === null) return []
      return [{ ...part, depth: 100 * share, auroc: found.value, low: found.low, high: found.high }]
    })
  )
}

export interface CurvePoint {
  readonly policy: string
  readonly samples: number
  readonly tokens: number
  readonly accuracy: number
}

const point = (policy: string, outcomes: ReadonlyArray<Outcome>, readPerSample: number): CurvePoint => {
  const samples = mean(outcomes.map((o) => o.samples))
  const tokens = mean(outcomes.map((o) => o.tokens)) + readPerSample * samples
  return { policy, samples, tokens, accuracy: mean(outcomes.map((o) => o.right)) }
}

const fixed = (problems: ReadonlyArray<Both>, policy: string, score: (d: Drafts[number]) => number, read: number) =>
  [1, 2, 3, 4, 6, 8, 12, DRAFTS].map((n) =>
    point(
      policy,
      problems.map(({ warm }) => {
        const first = warm.slice(0, n)
        return outcome(first, best(first, score))
      }),
      n === 1 ? 0 : read
    )
  )

const perfect = (problems: ReadonlyArray<Both>) =>
  Array.from({ length: DRAFTS }, (_, i) =>
    point(
      "a perfect judge, on the same drafts",
      problems.map(({ annealed }) => {
        const { accuracy, samples } = drawn(annealed, i + 1)
        return { ...outcome(annealed.slice(0, samples), annealed[0]!), right: accuracy }
      }),
      0
    )
  )

const EVERY = 8

/** Accuracy against samples and against tokens, drawn and read, on the mix. */
export const accuracy = ({ plan, questionTokens }: Recorded): ReadonlyArray<CurvePoint> => {
  const problems = plan.mix.map(bothOf)
  const swept = thresholds(plan.validation.map(bothOf)).filter((_, i, all) => i % EVERY === 0 || i === all.length - 1)
  const read = questionTokens.full
  return [
    ...swept.map((threshold) =>
      point(
        "self-evaluation, threshold swept",
        problems.map(({ annealed }) => adaptive(annealed, threshold)),
        read
      )
    ),
    ...perfect(problems),
    ...fixed(problems, "best of N by self-evaluation", endScore, read),
    ...fixed(problems, "best of N by mean log-probability", (d) => d.meanLogProb, 0)
  ]
}

const FATES = [
  { fate: "kept, right", kept: true, right: 1 },
  { fate: "kept, wrong", kept: true, right: 0 },
  { fate: "pruned, right", kept: false, right: 1 },
  { fate: "pruned, wrong", kept: false, right: 0 }
] as const

/** What became of sixteen drafts at each cut: shares of all sixteen. */
const fates = (title: string, cases: ReadonlyArray<Case>, scheduleOf: (c: Case) => Schedule, form?: Chosen["form"]) => {
  const counts = new Map<string, number>()
  for (const c of cases) {
    let alive: Drafts = c.drafts
    for (const [i, { at, keep }] of scheduleOf(c).entries()) {
      const survivors = new Set(
        kept(
          alive,
          keep,
          (d) => scoreAfter(d, at, form),
          (d) => beginning(d, at)
        )
      )
      for (const d of alive) {
        const { fate } = FATES.find((f) => f.kept === survivors.has(d) && f.right === d.right) ?? FATES[3]
        counts.set(`${i} ${fate}`, (counts.get(`${i} ${fate}`) ?? 0) + 1 / (cases.length * DRAFTS))
      }
      alive = [...survivors]
    }
  }
  return [...counts].map(([key, share]) => {
    const at = Number(key.split(" ")[0])
    return { cut: at === 0 ? title : title.replace("first", "second"), fate: key.slice(2), share }
  })
}

export const prunedFates = (recorded: Recorded, schedules: ReadonlyArray<Chosen>) => [
  ...fates("4 of 16 kept at a half", judgedCases(recorded), (c) => [cutOf(recorded, c.level, plans[0])]),
  ...fates("8 of 16 kept at a quarter", judgedCases(recorded), (c) => [cutOf(recorded, c.level, plans[1])]),
  ...schedules.slice(0, 1).flatMap(({ form, schedule }) => {
    const level = longestLevel(recorded.problems)
    return fates(`${level}, first cut`, casesOf(recorded, [level]), () => schedule, form)
  })
]
