/**
 * Sizes of what a rewritten graph gives, from those of what it is fed: memory that has them is written in place.
 */
import { names as tail, TOP } from "../graph/SamplerTail.ts"
import { names } from "../graph/SharedPrefix.ts"
import type { Tensor } from "./Session.ts"

export type Sizes = Readonly<Record<string, ReadonlyArray<number>>>

/** By name; whole logits are missing, because only the run knows how many slots need them. Empty for any other graph. */
export const of = (feeds: Readonly<Record<string, Tensor>>, vocabulary: number): Sizes => {
  const [at, wantsTop, ids] = [feeds[tail.at], feeds[tail.wantsTop], feeds["input_ids"]]
  if (at === undefined || wantsTop === undefined || ids === undefined) return {}
  const slots = at.dims[0]!
  // The graph gives a line more than is wanted.
  const top = [(wantsTop.data as Uint8Array).reduce((sum, one) => sum + one, 1), Math.min(TOP, vocabulary)]
  return {
    [tail.token]: [slots, 1],
    [tail.logProb]: [slots, 1],
    [tail.labelLogProbs]: [slots, feeds[tail.labels]!.dims[0]!],
    [tail.topIds]: top,
    [tail.topProbabilities]: top,
    [tail.topLogProbs]: top,
    [tail.meanLogProb]: [top[0]!, 1],
    [tail.hasLogits]: [slots],
    ...freshOf(feeds, ids)
  }
}

/** Of a graph that gives the new keys and values alone. */
const freshOf = (feeds: Readonly<Record<string, Tensor>>, { dims: [rows, length] }: Tensor): Sizes => {
  let tensors = 0
  while (feeds[names.own(tensors)] !== undefined) tensors++
  const [kvHeads = 0, , , , headDim = 0] = feeds[names.own(0)]?.dims ?? []
  return { [names.fresh]: [tensors * kvHeads, rows!, 1, length!, headDim] }
}
