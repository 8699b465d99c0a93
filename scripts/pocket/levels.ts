/**
 * What is known of a level: its band, and how long its answers are.
 */
import { type Band, problems } from "./problems.ts"
import { HALF, QUARTER, tokensOf } from "./Recording.ts"

const bands = new Map(
  (Object.keys(problems.bands) as ReadonlyArray<Band>).flatMap((band) =>
    problems.bands[band].map((level) => [level, band] as const)
  )
)

export const bandOf = (level: string): Band => bands.get(level) ?? "untrained"

/** What makes answers long: the size of a grid, or how much a question of another family names. */
const measured = (prompt: string) => {
  const words = prompt.split(" ")
  return { family: words[0], size: words[0] === "Grid" ? Number(words[1]) : words.length }
}

/** The level that a free question is most like: of the same family, with about as long an answer. */
export const nearest = (prompt: string): string => {
  const asked = measured(prompt)
  const near = Object.entries(problems.test.levels).flatMap(([level, [example = ""]]) => {
    const { family, size } = measured(example)
    return family === asked.family ? [{ level, distance: Math.abs(size - asked.size) }] : []
  })
  return near.toSorted((a, b) => a.distance - b.distance)[0]?.level ?? ""
}

/** Where drafts are cut to be judged: after this many tokens. */
export interface Cuts {
  readonly quarter: number
  readonly half: number
}

/** At a quarter and at a half of a typical answer. */
export const cuts = (level: string): Cuts => {
  const tokens = problems.tokens[level] ?? 32
  return { quarter: Math.max(1, tokensOf(QUARTER, tokens)), half: Math.max(2, tokensOf(HALF, tokens)) }
}
