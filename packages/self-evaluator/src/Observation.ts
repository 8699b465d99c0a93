/**
 * What calibration learns from and reliability measures.
 */

/** A score and what came of it: 1 right (or won), 0 wrong, or a share in between. */
export interface Observation {
  readonly score: number
  readonly outcome: number
}
