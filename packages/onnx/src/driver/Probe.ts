/**
 * What a mask is that a graph makes itself is not guessed from its nodes: the part that makes it is run on a made-up step,
 * and what comes out is compared with the masks that we know.
 */
import type { Mask } from "../graph/Attention.ts"
import type { Probe } from "../GraphRewrite.ts"
import * as Turns from "./Turns.ts"
import { Unfit } from "../graph/Graph.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import type { Open, Session, Tensor } from "./Session.ts"

/** New tokens, padding of the second row, and tokens more than a window has. */
const [NEW, PADDING, MORE] = [3, 2, 8]
const SHORT = 40

interface Trial {
  readonly past: number
  readonly fresh: number
  readonly total: number
}

/** Two rows, of which the second begins with padding. */
const feedsOf = (session: Session, config: ModelConfig, { fresh, past, total }: Trial): Record<string, Tensor> => {
  const feeds: Record<string, Tensor> = {}
  const ints = (width: number, of: (row: number, i: number) => number): Tensor => ({
    type: "int64",
    data: BigInt64Array.from({ length: 2 * width }, (_, i) => BigInt(of(Math.floor(i / width), i % width))),
    dims: [2, width]
  })
  for (const { name, type } of session.inputs) {
    if (name === "input_ids") feeds[name] = ints(fresh, () => 1)
    else if (name === "attention_mask") feeds[name] = ints(total, (row, i) => (row === 1 && i < PADDING ? 0 : 1))
    else if (name === "position_ids") feeds[name] = ints(fresh, (row, i) => past + i - row * PADDING)
    else {
      const size = 2 * config.kvHeads * past * config.headDim
      const data = type === "float16" ? new Uint16Array(size) : new Float32Array(size)
      feeds[name] = { type: type as "float32", data, dims: [2, config.kvHeads, past, config.headDim] }
    }
  }
  return feeds
}

/** Whether a new token of a row sees a token, by what the graph made. */
const seenIn = (made: Tensor, kind: Mask["kind"], { fresh, total }: Trial) => {
  const rows = made.dims.length > 3 ? made.dims[0]! : 1
  if (made.dims.at(-1)! < total || made.dims.at(-2) !== fresh) throw new Unfit("a mask of a shape that is not known")
  const width = made.dims.at(-1)!
  const perRow = made.data.length / rows
  return (row: number, token: number, at: number): boolean => {
    const value = Number(made.data[(row % rows) * perRow + token * width + at])
    if (made.type === "bool") return (value !== 0) === (kind !== "replace")
    if (made.type === "float16" ? value !== 0 && value < 0x8000 : value !== 0 && value > -1e4)
      throw new Unfit("scores with a bias")
    return made.type === "float16" ? value === 0 || value === 0x8000 : value === 0
  }
}

/** The window that explains what was seen; throws if none does. */
const windowOf = (sees: ReturnType<typeof seenIn>, { fresh, past, total }: Trial): number | undefined => {
  let count = 0
  for (let at = 0; at < total; at++) if (sees(0, fresh - 1, at)) count++
  const window = count === total ? undefined : count
  for (let row = 0; row < 2; row++) {
    for (let token = 0; token < fresh; token++) {
      for (let at = row * PADDING; at < total; at++) {
        const isBefore = at <= past + token && (window === undefined || at > past + token - window)
        if (sees(row, token, at) !== isBefore) throw new Unfit("a mask that is not known")
      }
      if (row === 1 && sees(1, token, 0)) throw new Unfit("a mask that does not heed padding")
    }
  }
  return window
}

const windowIn =
  (open: Open, config: ModelConfig): Probe["window"] =>
  async (part, { kind, name }) => {
    const session = await open(part, { threads: 1 })
    try {
      const past = Math.min((config.window ?? 0) + SHORT, Math.max(MORE, config.context - NEW))
      const fresh = part.takesOne ? 1 : NEW
      const trial = { past, fresh, total: past + fresh }
      const out = await session.run(feedsOf(session, config, trial))
      return windowOf(seenIn(out[name]!, kind, trial), trial)
    } finally {
      await session.close()
    }
  }

/** Evaluates parts of a graph with ONNX Runtime. */
export const make = (open: Open, config: ModelConfig): Probe => ({
  window: windowIn(open, config),
  turns: Turns.make(open, config)
})
