/**
 * From the options of the command line to what runs.
 */
import type * as Prompt from "@mulligan/core/Prompt"
import * as Annealing from "@mulligan/strategies/Annealing"
import type { Judge, Policy } from "../Policy.ts"
import type { AnnealingName, Settings } from "./StrategyFlags.ts"

/** A question, behind a system message where there is one. */
export const promptOf = (question: string, system: string | undefined): Prompt.Prompt => [
  ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
  { role: "user", content: question }
]

export const annealingOf = (name: AnnealingName, temperature: number, count: number): Annealing.Annealing => {
  switch (name) {
    case "exponential":
      return Annealing.exponential({ from: 0, to: temperature })
    case "linear":
      return Annealing.linear({ from: 0, to: temperature, count })
    case "greedy-first":
      return Annealing.greedyFirst(temperature)
    case "off":
      return Annealing.constant(temperature)
  }
}

export const policyOf = (settings: Settings, scorer: Judge): Policy => {
  const { anneal, drafts, keep, maxTokens, pruneAt, rounds, temperature, threshold } = settings
  return {
    count: drafts,
    temperature: annealingOf(anneal, temperature, drafts),
    rounds,
    cuts: pruneAt.map((after) => ({ after, keep })),
    maxTokens,
    scorer,
    stop: threshold
  }
}

/** Tokens after which only one draft is left, so that its next ones are the answer's; undefined: that is known at the end. */
export const settledAfter = ({ drafts, keep, pruneAt, rounds }: Settings): number | undefined => {
  if (drafts === 1) return 0
  return rounds.length === 1 && keep === 1 ? pruneAt.at(-1) : undefined
}
