/**
 * The fixed question that a model is asked about its own answer.
 */

/** A question and the labels of its two replies, which must be answered by their first token. */
export interface Question {
  readonly text: string
  /** The reply that says: starting over would do no better. Its probability is the score. */
  readonly keep: string
  /** The reply that says: starting over would do better. */
  readonly restart: string
}

/** The wording of Manvi, Singh and Ermon, arXiv 2410.02725. */
export const paper: Question = {
  text: 'Would you do better if you started over? ("Yes." or "No.")',
  keep: "No",
  restart: "Yes"
}
