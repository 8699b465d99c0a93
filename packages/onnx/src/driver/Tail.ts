/**
 * What the sampler in a rewritten graph is told, and what it says.
 */
import type { Reading, Slot, Step } from "../Driver.ts"
import { names, TOP } from "../graph/SamplerTail.ts"
import type { Tensor } from "./Session.ts"

/** Where there are no slots: TopK of no lines kills the process (ONNX Runtime 1.30), so there is one that nobody reads. */
const nobody: Slot = { row: 0, inverseTemperature: 1, uniform: 0, mass: 0, wantsTop: false }

const ints = (data: BigInt64Array, dims: ReadonlyArray<number>): Tensor => ({ type: "int64", data, dims })

/** The seat of each row of the step is given. */
export const sampling = (
  { labels, rows, slots }: Step,
  seatOf: ReadonlyArray<number>
): Readonly<Record<string, Tensor>> => {
  const all = slots.length === 0 ? [nobody] : slots
  const at = all.flatMap(({ row }) => [BigInt(seatOf[row]!), BigInt(rows[row]!.ids.length - 1)])
  const column = (of: (slot: Slot) => number): Tensor => ({
    type: "float32",
    data: Float32Array.from(all, of),
    dims: [all.length, 1]
  })
  return {
    [names.at]: ints(BigInt64Array.from(at), [all.length, 2]),
    [names.inverseTemperature]: column((slot) => slot.inverseTemperature),
    [names.uniform]: column((slot) => slot.uniform),
    [names.mass]: column((slot) => slot.mass),
    [names.wantsTop]: { type: "bool", data: Uint8Array.from(all, (slot) => Number(slot.wantsTop)), dims: [all.length] },
    [names.labels]: ints(BigInt64Array.from(labels, BigInt), [labels.length])
  }
}

/** In the order of the step's slots. */
export const readings = (
  { labels, slots }: Step,
  out: Readonly<Record<string, Tensor>>,
  vocabulary: number
): ReadonlyArray<Reading> => {
  const part = (name: string, at: number, size: number) => out[name]!.data.slice(at * size, (at + 1) * size)
  const floats = (name: string, at: number, size: number) => part(name, at, size) as Float32Array
  const width = Math.min(TOP, vocabulary)
  const topAt = (at: number) => ({
    ids: Array.from(part(names.topIds, at, width) as BigInt64Array, Number),
    probabilities: floats(names.topProbabilities, at, width),
    logProbs: floats(names.topLogProbs, at, width),
    mean: Number(out[names.meanLogProb]!.data[at])
  })
  let [tops, given] = [0, 0]
  return slots.map(({ wantsTop }, i) => ({
    token: Number(out[names.token]!.data[i]),
    logProb: Number(out[names.logProb]!.data[i]),
    labels: floats(names.labelLogProbs, i, labels.length),
    top: wantsTop ? topAt(tops++) : undefined,
    logits: out[names.hasLogits]!.data[i] ? floats(names.logits, given++, vocabulary) : undefined
  }))
}
