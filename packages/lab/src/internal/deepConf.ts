/**
 * DeepConf's rules (Fu et al., arXiv 2508.15260) as settings, over its own token confidence or over the log-probability.
 */
import * as Scorers from "@mulligan/strategies/Scorers"
import * as Stopping from "@mulligan/strategies/Stopping"
import * as Threshold from "@mulligan/strategies/Threshold"
import * as Weights from "@mulligan/strategies/Weights"
import type * as Setting from "../Setting.ts"
import type { Options } from "../Spaces.ts"
import { confidences, doubling, type Rule, rule, type Settings, voting } from "./families.ts"

/** What DeepConf's rules judge by, and how much the votes of such scores count. */
export interface Grouped {
  readonly scorer: (size: number) => Setting.ScorerPart
  readonly weights: keyof typeof weights
}

const weights = { exp: Weights.exp, score: Weights.score } as const

/** DeepConf's own token confidence, which is its own weight. */
export const byConfidence = (confidence: number): Grouped => ({
  weights: "score",
  scorer: (size) => ({
    value: Scorers.lowestGroupConfidence({ size }),
    code: `Scorers.lowestGroupConfidence({ size: ${size} })`,
    measures: { confidence }
  })
})

/** The same over what every token tells: the exponential of the lowest group's log-probability. */
export const byLogProb: Grouped = {
  weights: "exp",
  scorer: (size) => ({
    value: Scorers.lowestGroupLogProb({ size }),
    code: `Scorers.lowestGroupLogProb({ size: ${size} })`
  })
}

const voteOf = (above: Threshold.Threshold, code: string, by: Grouped["weights"]) => ({
  value: { above, weights: weights[by] },
  code: `{ above: ${code}, weights: Weights.${by} }`
})

/**
 * DeepConf online: rounds whose drafts fall below a bar that the first ones taught, and a vote of those above it. The bar is
 * learned from whole drafts and holds for parts of them, because a lowest group can only become lower.
 */
const online = ({ count = 16, cuts = [], maxTokens }: Options, { scorer, weights }: Grouped): Settings =>
  [count / 4, count / 2].filter(Number.isInteger).flatMap((first) =>
    [0.9, 0.7, 0.5, 0.3, 0.1].flatMap((keep) => {
      const bar = `Threshold.warmUp({ count: ${first}, keep: ${keep} })`
      const above = Threshold.warmUp({ count: first, keep })
      const vote = voteOf(above, bar, weights)
      const rest = { count, maxTokens, vote, rounds: doubling(count, first), choose: "weightedMajority" as const }
      return [4, 8].flatMap((size) =>
        cuts.map((after) => ({ ...rest, scorer: scorer(size), cuts: [{ after, below: { value: above, code: bar } }] }))
      )
    })
  )

/** DeepConf offline: all drafts, and a vote of the most confident. */
const offline = ({ count = 16, maxTokens }: Options, { scorer, weights }: Grouped): Settings =>
  [4, 8, 16].flatMap((size) =>
    [0.9, 0.7, 0.5, 0.3, 0.1].map((keep) => ({
      count,
      maxTokens,
      scorer: scorer(size),
      choose: "weightedMajority" as const,
      vote: voteOf(Threshold.topShare({ keep }), `Threshold.topShare({ keep: ${keep} })`, weights)
    }))
  )

export const consensus = (share: number, by: keyof typeof weights): Rule =>
  rule(`consensus(answer, { share: ${share}, weights: Weights.${by} })`, (answer) =>
    Stopping.consensus(answer, { share, weights: weights[by] })
  )

export const deepConf = (options: Options, by: string, grouped: Grouped): Readonly<Record<string, Settings>> => ({
  [`DeepConf consensus (${by})`]: [4, 8, 16].flatMap((size) =>
    voting(
      options,
      confidences.map((share) => consensus(share, grouped.weights)),
      { scorer: grouped.scorer(size), choose: "majority" }
    )
  ),
  [`DeepConf online (${by})`]: online(options, grouped),
  [`DeepConf offline (${by})`]: offline(options, grouped)
})
