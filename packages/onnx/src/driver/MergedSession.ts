/**
 * A merged decoder as it was exported: the branch without past reads a prompt's first tokens, the one with past what comes
 * behind. That was made for one new token of each row. With several some are right all the same; in others (Llama's of 2023)
 * a token sees those behind it, and there they are given one by one.
 */
import { SWITCH } from "../graph/Merged.ts"
import { fromHalf } from "../internal/half.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import type { Data, Session, Tensor } from "./Session.ts"

type Tensors = Readonly<Record<string, Tensor>>

/** Rounding, as a share of the largest logit; a token that sees too much is off by about all of it. */
const TOLERANCE = 1e-2
const TRIED = 16

/** Columns of a [rows, width] tensor. */
const columns = ({ data, dims, type }: Tensor, from: number, to: number): Tensor => {
  const [rows, width] = dims as [number, number]
  const out = new BigInt64Array(rows * (to - from))
  for (let row = 0; row < rows; row++)
    out.set((data as BigInt64Array).subarray(row * width + from, row * width + to), row * (to - from))
  return { type, data: out, dims: [rows, to - from] }
}

/** Tensors of [rows, 1, width] as one of [rows, many, width]. */
const joined = (all: ReadonlyArray<Tensor>): Tensor => {
  const [first] = all as [Tensor]
  const [rows, , width] = first.dims as [number, number, number]
  const data: Data = new (first.data.constructor as Float32ArrayConstructor)(rows * all.length * width)
  all.forEach((tensor, i) => {
    for (let row = 0; row < rows; row++) {
      const line = (tensor.data as Float32Array).subarray(row * width, (row + 1) * width)
      data.set(line, (row * all.length + i) * width)
    }
  })
  return { type: first.type, data, dims: [rows, all.length, width] }
}

const lengthOf = (feeds: Tensors): number => feeds["input_ids"]!.dims[1]!
const pastOf = (feeds: Tensors): number => feeds["attention_mask"]!.dims[1]! - lengthOf(feeds)

const run = (session: Session, feeds: Tensors): Promise<Tensors> => {
  const hasPast = pastOf(feeds) > 0
  return session.run({ ...feeds, [SWITCH]: { type: "bool", data: Uint8Array.of(hasPast ? 1 : 0), dims: [1] } })
}

/** Some of the tokens of a step, behind a cache. */
const some = (feeds: Tensors, from: number, to: number, cache: Tensors): Tensors => {
  const past = pastOf(feeds)
  const tokens = ["input_ids", "position_ids"].filter((name) => feeds[name] !== undefined)
  const mask = { ["attention_mask"]: columns(feeds["attention_mask"]!, 0, past + to) }
  return { ...cache, ...Object.fromEntries(tokens.map((name) => [name, columns(feeds[name]!, from, to)])), ...mask }
}

const grown = ({ past, present }: ModelConfig, out: Tensors): Tensors =>
  Object.fromEntries(past.map((name, i) => [name, out[present[i]!]!]))

/** What a step gives that is run a token at a time: the logits of all, and the cache behind the last. */
const oneByOne = async (session: Session, config: ModelConfig, feeds: Tensors): Promise<Tensors> => {
  const read: Array<Tensor> = []
  let [out, cache] = [feeds, feeds]
  for (let at = 0; at < lengthOf(feeds); at++) {
    out = await run(session, some(feeds, at, at + 1, cache))
    cache = grown(config, out)
    read.push(out[config.logits]!)
  }
  return { ...out, [config.logits]: joined(read) }
}

/** Unlike tokens behind nothing. */
const trial = ({ inputs }: Session, { headDim, kvHeads, past, vocabulary }: ModelConfig): Tensors => {
  const ints = (of: (i: number) => number): Tensor => ({
    type: "int64",
    data: BigInt64Array.from({ length: TRIED }, (_, i) => BigInt(of(i))),
    dims: [1, TRIED]
  })
  const isHalf = inputs.find(({ name }) => name === past[0])?.type === "float16"
  const none = { data: isHalf ? new Uint16Array(0) : new Float32Array(0), dims: [1, kvHeads, 0, headDim] }
  const nothing: Tensor = { type: isHalf ? "float16" : "float32", ...none }
  return {
    ["input_ids"]: ints((i) => (7 * i + 3) % vocabulary),
    ["attention_mask"]: ints(() => 1),
    ...(inputs.some(({ name }) => name === "position_ids") ? { ["position_ids"]: ints((i) => i) } : {}),
    ...Object.fromEntries(past.map((name) => [name, nothing]))
  }
}

const numbers = ({ data, type }: Tensor): Float32Array =>
  type === "float16" ? Float32Array.from(data as Uint16Array, fromHalf) : (data as Float32Array)

/** Whether several tokens at once, behind others, give what they give one by one. */
const takesSeveral = async (session: Session, config: ModelConfig): Promise<boolean> => {
  const feeds = trial(session, config)
  const half = TRIED / 2
  const before = await run(session, some(feeds, 0, half, feeds))
  const behind = { ...some(feeds, half, TRIED, feeds), ...grown(config, before) }
  const wanted = numbers((await oneByOne(session, config, behind))[config.logits]!)
  // It may not run at all: sizes of one token may be written into the graph.
  const out = await run(session, behind).catch(() => undefined)
  const found = out === undefined ? undefined : numbers(out[config.logits]!)
  const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  return found?.every((x, i) => Math.abs(x - wanted[i]!) <= TOLERANCE * largest) === true
}

/** The session of a merged decoder as one of a decoder that takes any past; any other as it is. */
export const around = (session: Session, config: ModelConfig): Session => {
  if (!session.inputs.some(({ name }) => name === SWITCH)) return session
  let isRight: boolean | undefined
  return {
    ...session,
    run: async (feeds) => {
      if (lengthOf(feeds) === 1 || pastOf(feeds) === 0) return run(session, feeds)
      // Tried when it is first wanted, which is when the model is loaded.
      isRight ??= await takesSeveral(session, config)
      return isRight ? run(session, feeds) : oneByOne(session, config, feeds)
    }
  }
}
