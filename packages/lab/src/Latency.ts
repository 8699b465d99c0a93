/**
 * How long a policy would take on hardware that draws several drafts at once, by a stated model and not by a clock: what a
 * recording took says little about another machine.
 */

export interface Hardware {
  /** Drafts that are drawn side by side at the price of one. Default 16. */
  readonly rows: number
  /** Seconds for a token of each of them. Default 0.02. */
  readonly secondsPerStep: number
  /** Seconds for a token that is read to judge. Default 0.0001. */
  readonly secondsPerRead: number
}

export const usual: Hardware = { rows: 16, secondsPerStep: 0.02, secondsPerRead: 0.0001 }

/**
 * Steps to draw rows of these lengths with `width` at once, as continuous batching does, which fills a row as soon as one
 * ends: no less than the longest, and no less than all of them shared out.
 */
export const steps = (longest: number, total: number, width: number): number =>
  Math.max(longest, Math.ceil(total / width))

/** In words, for a report: a figure under a model is nothing without the model. */
export const describe = ({ rows, secondsPerRead, secondsPerStep }: Hardware): string =>
  `up to ${rows} drafts at once, ${1000 * secondsPerStep} ms a token of each, ${1000 * secondsPerRead} ms a token read to judge`
