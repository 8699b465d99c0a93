/**
 * Which temperature the next candidate is drawn at. The paper (Manvi et al., arXiv 2410.02725) says that temperature is
 * annealed with the number of samples, not how; these are the usual shapes, and any function will do.
 */
import type * as Scorer from "@mulligan/core/Scorer"

/** From the candidate's index (from 0) and the scored candidates so far to a temperature (from 0, greedy, up). */
export type Annealing = (index: number, history: ReadonlyArray<Scorer.Scored>) => number

const checked = (...temperatures: ReadonlyArray<number>) => {
  const bad = temperatures.find((t) => !(t >= 0 && t < Infinity))
  if (bad !== undefined) throw new RangeError(`A temperature is a number from 0 (greedy) up, not ${bad}.`)
}

/** Always the same; `constant(1)` is the model's own distribution. */
export const constant = (temperature: number): Annealing => {
  checked(temperature)
  return () => temperature
}

export interface Range {
  readonly from: number
  readonly to: number
}

/** From `from` to `to` in equal steps over `count` candidates, then `to`. Equal ends are a constant. */
export const linear = ({ count, from, to }: Range & { readonly count: number }): Annealing => {
  checked(from, to)
  return (index) => (count <= 1 ? to : from + (to - from) * Math.min(1, index / (count - 1)))
}

/**
 * Approaches `to` from `from`, rising or falling: to + (from - to) · decayⁱ. `decay` is 0 (at once) to 1 (never: a
 * constant), by default 0.5.
 */
export const exponential = ({ decay = 0.5, from, to }: Range & { readonly decay?: number | undefined }): Annealing => {
  checked(from, to)
  return (index) => to + (from - to) * decay ** index
}

/** The first greedy, all others at one temperature, by default 1. */
export const greedyFirst = (temperature = 1): Annealing => {
  checked(temperature)
  return (index) => (index === 0 ? 0 : temperature)
}

/** The better the best score so far (0 to 1), the colder; `hot` as long as there is none. Equal ends are a constant. */
export const byBestScore = ({ cold, hot }: { readonly cold: number; readonly hot: number }): Annealing => {
  checked(cold, hot)
  return (_, history) => {
    const best = history.reduce((max, c) => Math.max(max, c.score.value), 0)
    return hot + (cold - hot) * Math.min(1, best)
  }
}
