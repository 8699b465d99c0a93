/**
 * When enough has been drawn. Rules are pure functions of the scored candidates so far, in the order in which they came.
 */
import type * as Scorer from "@mulligan/core/Scorer"

export type Stopping = (history: ReadonlyArray<Scorer.Scored>) => boolean

/**
 * One candidate is surely this good: its lower bound reaches the threshold (Manvi et al., arXiv 2410.02725). `Infinity` is
 * off.
 */
export const threshold =
  (value: number): Stopping =>
  (history) =>
    history.some((c) => c.score.lower >= value)

/** This many candidates came; `Infinity` is off. */
export const count =
  (value: number): Stopping =>
  (history) =>
    history.length >= value

/** Never by itself; `or(never, rule)` is `rule`. */
export const never: Stopping = () => false

export const and =
  (...rules: ReadonlyArray<Stopping>): Stopping =>
  (history) =>
    rules.every((rule) => rule(history))

export const or =
  (...rules: ReadonlyArray<Stopping>): Stopping =>
  (history) =>
    rules.some((rule) => rule(history))

/** What a candidate answers, for comparison; undefined compares with nothing. */
export type Answer = (candidate: Scorer.Scored) => string | undefined

/**
 * Early-stopping self-consistency (Li et al., arXiv 2401.10480): candidates are looked at in whole windows of `size`
 * (the paper's 5 by default), and one window with a single answer is enough. `Infinity` is off.
 */
export const agreement = (answer: Answer, { size = 5 }: { readonly size?: number | undefined } = {}): Stopping => {
  if (!(size >= 1)) throw new RangeError(`An agreement window holds at least one candidate, not ${size}.`)
  return (history) => {
    if (history.length === 0 || history.length % size !== 0) return false
    const window = history.slice(-size).map(answer)
    return window[0] !== undefined && window.every((said) => said === window[0])
  }
}

/**
 * Adaptive-Consistency (Aggarwal et al., arXiv 2305.11860): with a and b votes for the two leading answers, stops when
 * the most frequent one is the majority of the two with at least `confidence` (the paper's 0.95 by default) under
 * Beta(a + 1, b + 1). Above 1 is off.
 */
export const betaPosterior =
  (answer: Answer, { confidence = 0.95 }: { readonly confidence?: number | undefined } = {}): Stopping =>
  (history) => {
    const votes = new Map<string, number>()
    for (const c of history) {
      const said = answer(c)
      if (said !== undefined) votes.set(said, (votes.get(said) ?? 0) + 1)
    }
    const [a = 0, b = 0] = [...votes.values()].toSorted((x, y) => y - x)
    return a > 0 && majorityProbability(a, b) >= confidence
  }

/**
 * P(x > 1/2) for x ~ Beta(a + 1, b + 1). For whole numbers this is a sum of binomials: the chance of at most a heads in
 * a + b + 1 throws of a fair coin.
 */
export const majorityProbability = (a: number, b: number): number => {
  const throws = a + b + 1
  let term = 0.5 ** throws
  let sum = term
  for (let k = 1; k <= a; k++) {
    term *= (throws - k + 1) / k
    sum += term
  }
  return sum
}
