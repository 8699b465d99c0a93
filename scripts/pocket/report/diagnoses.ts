/**
 * The product's own word on each family: whether its self-evaluation can be trusted, and what to use where it cannot.
 */
import { Diagnosis, type Observation } from "@mulligan/self-evaluator"
import { endScore } from "../Recording.ts"
import type { Score } from "./Judging.ts"
import { families } from "./judged.ts"
import { familyCases, type Recorded } from "./Recorded.ts"

export const diagnoses = (recorded: Recorded) =>
  families.map((family) => {
    const cases = familyCases(recorded, family)
    const scored = (score: Score) =>
      cases.map(({ drafts }) => drafts.map((d): Observation => ({ score: score(d), outcome: d.right })))
    const others = { "mean log-probability": scored((d) => d.meanLogProb) }
    return { family, ...Diagnosis.diagnose(scored(endScore), { others }) }
  })
