/**
 * All that the report is computed from.
 */
import type { Form } from "../Recording.ts"
import type { Problems } from "../problems.ts"
import { type Case, type Family, judgedLevels, type Limits, type Plan } from "./plan.ts"

export interface Recorded {
  readonly problems: Problems
  readonly limits: Limits
  readonly plan: Plan<Case>
  /** Tokens of each form of the question, as the backend charges them. */
  readonly questionTokens: Readonly<Record<Form, number>>
}

export const casesOf = ({ plan }: Recorded, levels: ReadonlyArray<string>): ReadonlyArray<Case> =>
  levels.flatMap((level) => plan.levels[level] ?? [])

/** Problems between trivial and hopeless of the first two families. */
export const judgedCases = (recorded: Recorded): ReadonlyArray<Case> =>
  casesOf(recorded, judgedLevels(recorded.problems))

/** Problems between the ends of one family. */
export const familyCases = (recorded: Recorded, family: Family): ReadonlyArray<Case> =>
  casesOf(recorded, recorded.problems.bands.between).filter((c) => c.family === family)
