/**
 * Cosines and sines of all positions, by running the part of a graph that makes them.
 */
import type { Probe, Turns } from "../GraphRewrite.ts"
import { fromHalf } from "../internal/half.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import type { Open, Session, Tensor } from "./Session.ts"

/** More would be held in memory for too little. */
const LARGEST = 32 * 2 ** 20
const FEW = 8

const feedsOf = ({ inputs }: Session, count: number): Record<string, Tensor> | undefined => {
  const known = ["input_ids", "position_ids", "attention_mask"]
  if (inputs.some(({ name }) => !known.includes(name))) return undefined
  const ints = (of: (i: number) => number): Tensor => ({
    type: "int64",
    data: BigInt64Array.from({ length: count }, (_, i) => BigInt(of(i))),
    dims: [1, count]
  })
  const feeds = { input_ids: ints(() => 0), position_ids: ints((i) => i), attention_mask: ints(() => 1) }
  return Object.fromEntries(inputs.map(({ name }) => [name, feeds[name as keyof typeof feeds]]))
}

/** [positions, half] of [.., positions, 2 * half] whose halves are alike; undefined for any other. */
const halved = ({ data, dims, type }: Tensor, count: number): { values: Float32Array; half: number } | undefined => {
  const all = type === "float16" ? Float32Array.from(data as Uint16Array, fromHalf) : (data as Float32Array)
  const width = dims.at(-1)!
  const half = width / 2
  if (all.length !== count * width || !Number.isInteger(half)) return undefined
  const values = new Float32Array(count * half)
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < half; i++) {
      const value = all[row * width + i]!
      if (value !== all[row * width + half + i]) return undefined
      values[row * half + i] = value
    }
  }
  return { values, half }
}

const tablesOf = async (
  session: Session,
  names: readonly [string, string],
  count: number
): Promise<Turns | undefined> => {
  const feeds = feedsOf(session, count)
  if (feeds === undefined) return undefined
  const out = await session.run(feeds)
  const [cos, sin] = names.map((name) => halved(out[name]!, count))
  if (cos === undefined || sin === undefined || cos.half !== sin.half) return undefined
  return { cos: cos.values, sin: sin.values, half: cos.half }
}

/** Some models turn otherwise once a text is long: their tables are no matter of position alone. */
const isFixed = (few: Turns, all: Turns): boolean =>
  few.cos.every((value, i) => value === all.cos[i]) && few.sin.every((value, i) => value === all.sin[i])

export const make =
  (open: Open, { context, headDim }: ModelConfig): Probe["turns"] =>
  async (part, { cos, sin }) => {
    if (context * headDim * 4 > LARGEST) return undefined
    const session = await open(part, { threads: 1 })
    try {
      const few = await tablesOf(session, [cos, sin], Math.min(FEW, context))
      const all = few === undefined ? undefined : await tablesOf(session, [cos, sin], context)
      return few !== undefined && all !== undefined && isFixed(few, all) ? all : undefined
    } finally {
      await session.close()
    }
  }
