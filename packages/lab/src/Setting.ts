/**
 * A strategy with its numbers, as data: it becomes a policy, to be decided offline, and the TypeScript that a user pastes.
 */
import type * as Backend from "@mulligan/core/Backend"
import type * as Scorer from "@mulligan/core/Scorer"
import * as SelfEvaluator from "@mulligan/self-evaluator/SelfEvaluator"
import * as Annealing from "@mulligan/strategies/Annealing"
import type * as Candidates from "@mulligan/strategies/Candidates"
import * as Scorers from "@mulligan/strategies/Scorers"
import * as Stopping from "@mulligan/strategies/Stopping"
import type { VoteOptions } from "@mulligan/strategies/Run"
import type * as Threshold from "@mulligan/strategies/Threshold"
import type { Choice, Judge, Policy } from "./Policy.ts"

/** A value and the TypeScript that makes it, by the modules' own names. */
export interface Part<A> {
  readonly value: A
  readonly code: string
}

/** What a candidate answers; settings that vote call it `answer` in their code. */
export type Answer = Candidates.Answer<Scorer.Scored>

export type Cut = { readonly after: number } & (
  | { readonly keep: number }
  /** A score, or a bar learned from whole drafts. */
  | { readonly below: Part<number | Threshold.Threshold> }
)

/** A scorer, and what tokens must tell for it. */
export interface ScorerPart extends Part<Judge> {
  readonly measures?: Backend.Measures | undefined
}

export interface Setting {
  /** Drafts at most. */
  readonly count: number
  /** Default 1. */
  readonly temperature?: Part<number | Annealing.Annealing> | undefined
  /** Default: one at a time with a rule to stop, else all at once. */
  readonly rounds?: ReadonlyArray<number> | undefined
  readonly cuts?: ReadonlyArray<Cut> | undefined
  readonly maxTokens?: number | undefined
  readonly scorer: ScorerPart
  /** Given what a candidate answers, for rules that compare answers. */
  readonly stop?: Part<(answer: Answer) => Stopping.Stopping> | undefined
  /** Default "best". */
  readonly choose?: "best" | "majority" | "weightedMajority" | undefined
  /** Of the weighted vote. Default: the scores of all. */
  readonly vote?: Part<VoteOptions> | undefined
}

/** One value for all, for scores are remembered by the scorer's identity. */
export const selfEvaluation: ScorerPart = { value: SelfEvaluator.make(), code: "SelfEvaluator.make()" }
export const meanLogProb: ScorerPart = { value: Scorers.meanLogProb, code: "Scorers.meanLogProb" }
export const selfCertainty: ScorerPart = {
  value: Scorers.selfCertainty,
  code: "Scorers.selfCertainty",
  measures: { certainty: true }
}
/** For strategies that vote or stop by answers alone: it judges nothing. */
export const unscored: ScorerPart = {
  value: Scorers.verifier(() => 0),
  code: "Scorers.verifier(() => 0)"
}

export const threshold = (value: number): Part<() => Stopping.Stopping> => ({
  value: () => Stopping.threshold(value),
  code: `Stopping.threshold(${value})`
})

/** From `from` at first towards `to`, halfway with each draft. */
export const annealed = (from: number, to: number): Part<Annealing.Annealing> => ({
  value: Annealing.exponential({ from, to }),
  code: `Annealing.exponential({ from: ${from}, to: ${to} })`
})

const choiceOf = (choose: NonNullable<Setting["choose"]>, answer: Answer, vote: VoteOptions = {}): Choice => {
  if (choose === "best") return "best"
  return choose === "majority" ? { majority: answer } : { weightedMajority: answer, ...vote }
}

export const toPolicy = (self: Setting, answer: Answer, sampling?: Policy["sampling"]): Policy => {
  const { choose = "best", count, cuts, maxTokens, rounds, scorer, stop, temperature } = self
  return {
    count,
    cuts: cuts?.map((cut) => ("keep" in cut ? cut : { after: cut.after, below: cut.below.value })),
    maxTokens,
    rounds,
    sampling: scorer.measures === undefined ? sampling : { ...sampling, ...scorer.measures },
    scorer: scorer.value,
    stop: stop?.value(answer),
    temperature: temperature?.value,
    choose: choiceOf(choose, answer, self.vote?.value)
  }
}

const runOf = ({ choose = "best", vote }: Setting): string => {
  if (choose === "best") return "Candidates.runBest"
  if (choose === "majority") return "Candidates.runMajority(answer)"
  return `Candidates.runWeightedMajority(answer${vote === undefined ? "" : `, ${vote.code}`})`
}

/** What happens to the drafts of a round, one stage a line. */
const stagesOf = ({ cuts = [], maxTokens, scorer }: Setting): ReadonlyArray<string> => {
  const score = `Candidates.score(${scorer.code})`
  const told = Object.entries(scorer.measures ?? {}).map(([name, value]) => `${name}: ${value}`)
  const drawn = (maxTokens: number | undefined) => {
    const options = [...told, ...(maxTokens === undefined ? [] : [`maxTokens: ${maxTokens}`])]
    return `Candidates.generate(${options.length === 0 ? "" : `{ ${options.join(", ")} }`})`
  }
  let depth = 0
  const before = cuts.flatMap((cut) => {
    const stage = drawn(cut.after - depth)
    depth = cut.after
    const dropped = "keep" in cut ? `prune({ keep: ${cut.keep} })` : `pruneBelow(${cut.below.code})`
    return [stage, score, `Candidates.${dropped}`]
  })
  return [...before, drawn(maxTokens === undefined ? undefined : maxTokens - depth), score]
}

/** Each stage's lines: all of a round in one, or, where candidates come one by one, a stage each. */
const drawn = (self: Setting): ReadonlyArray<ReadonlyArray<string>> => {
  const stages = stagesOf(self)
  const { count, cuts = [], rounds, stop } = self
  if (rounds === undefined && stop !== undefined && cuts.length === 0) return stages.map((stage) => [stage])
  const sizes = rounds ?? (stop === undefined ? [count] : Array.from({ length: count }, () => 1))
  return [
    [
      `Candidates.rounds([${sizes.join(", ")}], (round) =>`,
      "  round.pipe(",
      ...stages.map((stage, i) => `    ${stage}${i < stages.length - 1 ? "," : ""}`),
      "  )",
      ")"
    ]
  ]
}

/** Commas behind all stages but the last; a stage may have several lines. */
const joined = (stages: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
  stages.flatMap((lines, i) =>
    lines.map((line, j) => `    ${line}${j === lines.length - 1 && i < stages.length - 1 ? "," : ""}`)
  )

const modules = {
  "@mulligan/core": ["Prompt"],
  "@mulligan/self-evaluator": ["SelfEvaluator"],
  "@mulligan/strategies": ["Annealing", "Candidates", "Scorers", "Stopping", "Threshold", "Weights"]
} as const

const imports = (body: string): ReadonlyArray<string> =>
  Object.entries(modules).flatMap(([from, names]) => {
    const used = names.filter((name) => body.includes(`${name}.`))
    const isType = from === "@mulligan/core"
    return used.length === 0 ? [] : [`import ${isType ? "type " : ""}{ ${used.join(", ")} } from "${from}"`]
  })

/** A module that exports the strategy; it type-checks as it is, and takes `answer` where it compares answers. */
export const toTypeScript = (self: Setting): string => {
  const { choose = "best", count, stop, temperature } = self
  const stages = [
    ...(temperature === undefined ? [] : [[annealOf(temperature)]]),
    ...drawn(self),
    ...(stop === undefined ? [] : [[`Candidates.takeUntil(${stop.code})`]]),
    [runOf(self)]
  ]
  const flat = (lines: ReadonlyArray<ReadonlyArray<string>>) => joined(lines).join("\n")
  const needsAnswer = choose !== "best" || (stop?.code.includes("answer") ?? false)
  const takes = `prompt: Prompt.Prompt, ${needsAnswer ? "answer: Stopping.Answer, " : ""}seed = 0`
  const body = [
    `export const strategy = (${takes}) =>`,
    `  Candidates.fromPrompt(prompt, { count: ${count}, seed }).pipe(`,
    flat(stages),
    "  )"
  ].join("\n")
  return `${imports(body).join("\n")}\n\n${body}\n`
}

const annealOf = ({ code, value }: Part<number | Annealing.Annealing>): string =>
  `Candidates.anneal(${typeof value === "number" ? `Annealing.constant(${code})` : code})`
