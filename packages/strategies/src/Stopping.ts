/**
 * When enough has been drawn. Rules are pure functions of the scored candidates so far, in the order in which they came.
 */
import type { Stopping } from "./stopping/Rule.ts"

export {
  agreement,
  betaPosterior,
  consensus,
  type ConsensusOptions,
  majorityProbability,
  supermajority,
  type SupermajorityOptions
} from "./stopping/Agreement.ts"
export { expectedGain, type ExpectedGainOptions } from "./stopping/ExpectedGain.ts"
export { fairCap, type FairCapOptions, reservationValue } from "./stopping/FairCap.ts"
export type { Answer, Stopping } from "./stopping/Rule.ts"

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
