/**
 * What a draft is worth against another try: the label that the self-evaluation question is trained on.
 */

/**
 * For each of N drafts of one prompt, the share of its siblings that it wins or ties against, 0 to 1:
 * `#{j ≠ i : r_j ≤ r_i + margin} / (N - 1)`. It estimates the probability that the draft wins or ties against a restart
 * (Manvi, Singh and Ermon, arXiv 2410.02725, train on one pair; all pairs have the same mean and less variance).
 *
 * `margin`, from 0, in the reward's own unit: rewards that are at most that far apart are a tie; 0 is off. Throws a
 * `RangeError` for fewer than two drafts, a negative margin or a reward that is no finite number.
 */
export const winOrTie = (rewards: ReadonlyArray<number>, margin: number = 0): ReadonlyArray<number> => {
  if (rewards.length < 2)
    throw new RangeError("A draft is compared with its siblings: draw two or more of each prompt.")
  if (!(margin >= 0)) throw new RangeError(`margin is ${margin}; it must be 0 or more.`)
  if (!rewards.every(Number.isFinite)) throw new RangeError("Every reward must be a finite number.")
  return rewards.map((own) => {
    // It ties with itself, which does not count.
    const beaten = rewards.filter((other) => other <= own + margin).length - 1
    return beaten / (rewards.length - 1)
  })
}
