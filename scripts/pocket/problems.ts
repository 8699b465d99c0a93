/**
 * The held-out problems that ship with the pocket model: `training/pocket/traffic.py` made them.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export const folder = fileURLToPath(new URL(".", import.meta.resolve("@mulligan/pocket/config.json")))

/**
 * Tokens after which a draft is cut off: more than any right answer has (51). A draft that has lost its way would go on until
 * the model's context is full, where nothing can be asked any more.
 */
export const LONGEST = 60

export interface Problem {
  readonly level: string
  readonly prompt: string
}

export interface Part {
  readonly levels: Readonly<Record<string, ReadonlyArray<string>>>
  /** Stands for traffic; its problems are also in `levels`. */
  readonly mix: ReadonlyArray<Problem>
}

export type Band = "trivial" | "between" | "hopeless" | "untrained"

export interface Problems {
  readonly about: string
  readonly seed: number
  readonly bands: Readonly<Record<Band, ReadonlyArray<string>>>
  /** Tokens of a typical right answer of each level, without the end of text. */
  readonly tokens: Readonly<Record<string, number>>
  /** For choosing thresholds. */
  readonly validation: Part
  readonly test: Part
}

export const problems = JSON.parse(
  readFileSync(new URL(import.meta.resolve("@mulligan/pocket/problems.json")), "utf8")
) as Problems
