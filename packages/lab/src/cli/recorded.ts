/**
 * What a recording says about how it was drawn, so that a strategy need not be told again.
 */
import type { Draft, Recording } from "../Recording.ts"
import { annealingOf } from "./Strategy.ts"
import { annealings, type Flags } from "./StrategyFlags.ts"

type How = Pick<Flags, "anneal" | "drafts" | "maxTokens" | "temperature">

/** Whether the drafts of one problem are those of this annealing. */
const isDrawn = (drafts: ReadonlyArray<Draft>, at: ReadonlyArray<number>): boolean => {
  const there = new Set(drafts.map(({ index, temperature }) => (temperature === 0 ? "0" : `${temperature} ${index}`)))
  return at.every((temperature, index) => there.has(temperature === 0 ? "0" : `${temperature} ${index}`))
}

/** The annealing and the temperature that were recorded; the first of several in the order of the annealings. */
const scheduleOf = (drafts: ReadonlyArray<Draft>, count: number): Pick<How, "anneal" | "temperature"> => {
  const temperatures = [...new Set(drafts.map(({ temperature }) => temperature))].toSorted((a, b) => b - a)
  // None of the drafts of an exponential annealing is at its limit: the second is half-way there.
  const limits = [...new Set([...temperatures, ...temperatures.map((t) => 2 * t)])].filter((limit) => limit > 0)
  for (const anneal of annealings) {
    for (const temperature of limits) {
      const rule = annealingOf(anneal, temperature, count)
      const at = Array.from({ length: count }, (_, index) => rule(index, []))
      if (isDrawn(drafts, at)) return { anneal, temperature }
    }
  }
  return { anneal: "off", temperature: temperatures.at(-1) }
}

/** Tokens after which the drafts were cut; Infinity: all came to their end. */
const cutAfter = ({ problems }: Recording): number => {
  const cut = problems.flatMap(({ drafts }) => drafts.filter(({ tokens }) => tokens.at(-1)?.end === undefined))
  return cut.length === 0 ? Infinity : cut.reduce((most, { tokens }) => Math.max(most, tokens.length), 1)
}

/** What an option does not say, the recording does. */
export const howRecorded = (recording: Recording): How => {
  const drafts = recording.problems[0]?.drafts ?? []
  const count = drafts.reduce((most, { index }) => Math.max(most, index + 1), 1)
  return { drafts: count, maxTokens: cutAfter(recording), ...scheduleOf(drafts, count) }
}
