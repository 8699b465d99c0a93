/**
 * Scorers that ask no model: by what was drawn, by a user's own check, and by adding others up.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import type * as Candidate from "@mulligan/core/Candidate"
import * as Scorer from "@mulligan/core/Scorer"
import { mean, perToken, type Quantity } from "./internal/perToken.ts"

export {
  bottomGroupConfidence,
  bottomGroupLogProb,
  type BottomOptions,
  type GroupOptions,
  lowestGroupConfidence,
  lowestGroupLogProb,
  tailConfidence,
  tailLogProb
} from "./GroupScorers.ts"

const meanOf =
  (name: string, of: Quantity): Scorer.Scorer<BackendError.BackendError> =>
  (candidate) =>
    Effect.map(perToken(candidate, of, `Scorers.${name}`), (values) => Scorer.exact(mean(values)))

/**
 * Mean log-probability of the candidate's tokens, the end of text included: at most 0, higher is likelier. No token at
 * all scores -Infinity. Refuses (`Unsupported`, `logProbs`) tokens without a log-probability, or with one that is not the
 * model's own at temperature 1.
 */
export const meanLogProb: Scorer.Scorer<BackendError.BackendError> = meanOf("meanLogProb", "logProb")

/**
 * DeepConf's average trace confidence (Fu et al., arXiv 2508.15260): the mean of the tokens' confidence, from 0, higher is
 * surer. Refuses (`Unsupported`, `confidence`) tokens without one: draw with `generate({ confidence: 20 })`.
 */
export const meanConfidence: Scorer.Scorer<BackendError.BackendError> = meanOf("meanConfidence", "confidence")

/**
 * Self-certainty (Kang et al., arXiv 2502.18581): the mean over the tokens of the Kullback-Leibler divergence of the model's
 * distribution from the uniform one, in nats, from 0, higher is surer. Refuses (`Unsupported`, `certainty`) tokens without
 * one: draw with `generate({ certainty: true })`.
 */
export const selfCertainty: Scorer.Scorer<BackendError.BackendError> = meanOf("selfCertainty", "certainty")

/** A user's own check: true and false are 1 and 0; a number is the score itself. It may be an Effect. */
export const verifier =
  <E = never, R = never>(
    check: (candidate: Candidate.Candidate) => boolean | number | Effect.Effect<boolean | number, E, R>
  ): Scorer.Scorer<E, R> =>
  (candidate) =>
    Effect.suspend(() => {
      const said = check(candidate)
      const effect = Effect.isEffect(said) ? said : Effect.succeed(said)
      return Effect.map(effect, (value) => Scorer.exact(Number(value)))
    })

/** A scorer and how much it counts; a weight of 0 switches it off, but it is still run. */
export interface Part<E, R> {
  readonly scorer: Scorer.Scorer<E, R>
  readonly weight: number
}

/** The sum of weighted scores; intervals add up (a negative weight turns one round), and the least mass is reported. */
export const weightedSum =
  <E = never, R = never>(parts: ReadonlyArray<Part<E, R>>): Scorer.Scorer<E, R> =>
  (candidate) =>
    Effect.map(
      Effect.all(
        parts.map(({ scorer }) => scorer(candidate)),
        { concurrency: "unbounded" }
      ),
      (scores) =>
        sum(
          scores,
          parts.map(({ weight }) => weight)
        )
    )

const sum = (scores: ReadonlyArray<Scorer.Score>, weights: ReadonlyArray<number>): Scorer.Score => {
  const total = { value: 0, lower: 0, upper: 0 }
  scores.forEach(({ lower, upper, value }, i) => {
    const weight = weights[i] ?? 0
    if (weight === 0) return // 0 · -Infinity would be NaN
    total.value += weight * value
    total.lower += weight * (weight > 0 ? lower : upper)
    total.upper += weight * (weight > 0 ? upper : lower)
  })
  const masses = scores.flatMap(({ mass }) => (mass === undefined ? [] : [mass]))
  return masses.length === 0 ? total : { ...total, mass: Math.min(...masses) }
}
