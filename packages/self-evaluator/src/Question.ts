/**
 * The fixed question that a model is asked about its own answer, and the replies that count.
 */

/** The wording of Manvi, Singh and Ermon (arXiv 2410.02725). */
export const paper = 'Would you do better if you started over? ("Yes." or "No.")'

/** The two replies to a question; the model must give them by its first token. */
export interface Labels {
  /** Says: starting over would do no better. The score is this reply's share. */
  readonly keep: string
  /** Says: starting over would do better. */
  readonly restart: string
}

/** The paper's replies. */
export const yesNo: Labels = { keep: "No", restart: "Yes" }
