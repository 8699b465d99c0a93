/**
 * A decoder's graph as the engine wants it: attention over a shared prefix, only new keys and values given back, logits
 * only where they are read, and the token drawn in the graph. What is not surely understood is left alone, with a reason.
 */
import type { Attention, Mask } from "./graph/Attention.ts"
import * as Decomposed from "./graph/Decomposed.ts"
import { Graph, microsoft, Unfit } from "./graph/Graph.ts"
import * as GroupQuery from "./graph/GroupQuery.ts"
import * as LastPosition from "./graph/LastPosition.ts"
import * as Merged from "./graph/Merged.ts"
import * as PlainGraph from "./driver/PlainGraph.ts"
import type { Signature } from "./driver/Session.ts"
import { type Model, type Node, parse, types, type Value, write } from "./graph/Model.ts"
import * as Positions from "./graph/Positions.ts"
import * as Rotary from "./graph/Rotary.ts"
import * as SamplerTail from "./graph/SamplerTail.ts"
import * as SharedPrefix from "./graph/SharedPrefix.ts"
import * as Sizes from "./graph/Sizes.ts"
import * as Skeleton from "./graph/Skeleton.ts"
import { type Field, fields, Message, textOf } from "./graph/Wire.ts"
import type { ModelConfig } from "./ModelConfig.ts"

export { Unfit } from "./graph/Graph.ts"

/** A part of a graph, its weights in files of a folder. */
export interface Part extends Skeleton.Skeleton {
  /** It is right for one new token of a row at a time, and promises nothing of several: a merged decoder's branch with past. */
  readonly takesOne: boolean
}

/** Evaluates parts of the plain graph, to see what they are. */
export interface Probe {
  /** Tokens that one sees by a mask; undefined: all before it. Throws `Unfit` where it is another mask. */
  readonly window: (part: Part, mask: Mask) => Promise<number | undefined>
  /** Cosines and sines of all positions, [context, half of what turns]; undefined where they are not a matter of position. */
  readonly turns: (part: Part, turned: Rotary.Turned) => Promise<Turns | undefined>
}

export interface Turns {
  readonly cos: Float32Array
  readonly sin: Float32Array
  readonly half: number
}

export interface Options {
  /** Default "fresh". */
  readonly gives?: SharedPrefix.Gives
  /** Whether a graph in half precision keeps its cache so, instead of in single precision. Default false. */
  readonly keepsHalf?: boolean
}

export interface Rewritten {
  /** The new graph; weights stay in the files of the old one, in `folder`. */
  readonly graph: Uint8Array
  readonly folder: string
  /** A mask is wanted for each; undefined: all tokens are seen. */
  readonly windows: ReadonlyArray<number | undefined>
  readonly takesPositions: boolean
  /** Element type of the cache. */
  readonly cache: "float32" | "float16"
}

const MINIMAL_OPSET = 13

/** ONNX's own operators of version 14 can all that those of 13 could, and a Reshape may keep a size of nothing. */
const raised = (model: Model): Model => {
  if (model.opsets.get("") !== 13) return model
  const isOwn = ({ bytes, number }: Field) => number === 8 && ["", "ai.onnx"].includes(textOf(fields(bytes), 1))
  const others = model.rest.filter((raw) => !fields(raw).some(isOwn))
  const own = new Message().message(8, new Message().text(1, "").int(2, 14)).finish()
  return { ...model, opsets: new Map([...model.opsets, ["", 14]]), rest: [...others, own] }
}

const checkModel = (model: Model): void => {
  const opset = model.opsets.get("") ?? 1
  if (opset < MINIMAL_OPSET) throw new Unfit(`operators of version ${opset}; ${MINIMAL_OPSET} is the oldest known`)
  if (model.graphRest.some((raw) => raw[0] === 15 * 8 + 2)) throw new Unfit("sparse weights")
}

const attentionOf = (graph: Graph, config: ModelConfig, layer: number): Attention => {
  const [keys, values] = config.past.slice(2 * layer, 2 * layer + 2) as [string, string]
  const whole = graph.consumers(keys).find(({ op }) => op === "GroupQueryAttention")
  if (whole !== undefined) return GroupQuery.find(graph, whole, layer, config)
  const other = graph.consumers(keys).find(({ op }) => /Attention/.test(op))
  if (other !== undefined) throw new Unfit(`${other.op} with a cache`)
  return Decomposed.find(graph, [keys, values], layer, config)
}

/** The part of a graph that makes values, without its weights where it does not need them. */
const partOf = (graph: Graph, model: Model, names: ReadonlyArray<string>): Uint8Array => {
  for (const output of model.outputs) graph.drop(output.name)
  for (const name of names) graph.gives({ name, type: 0, dims: [] })
  return write(graph.finish())
}

/** The part that makes the turns of a row whose cache is empty. */
const turnsOf = (model: Model, { cos, sin }: Rotary.Turned, { headDim, kvHeads, past }: ModelConfig): Uint8Array => {
  const graph = new Graph(model)
  Positions.take(graph, past)
  Positions.forget(graph, past, kvHeads, headDim)
  return partOf(graph, model, [cos, sin])
}

interface Read extends Omit<Part, "graph"> {
  readonly model: Model
}

/** A merged decoder is its branch with past, which older exporters made. */
const readFrom = (path: string): Read => {
  const { folder, graph } = Skeleton.read(path, { branches: true })
  const model = parse(graph)
  const takesOne = Merged.isMerged(model)
  return { model: takesOne ? raised(Sizes.settled(Merged.inline(model))) : model, folder, takesOne }
}

/** What each layer's own mask turned out to be. */
const settled = async (
  { model, ...read }: Read,
  found: ReadonlyArray<Attention>,
  probe: Probe
): Promise<Array<Attention>> => {
  const windows = new Map<string, number | undefined>()
  const out: Array<Attention> = []
  for (const attention of found) {
    const { mask } = attention
    if (mask !== undefined && !windows.has(mask.name))
      windows.set(mask.name, await probe.window({ graph: partOf(new Graph(model), model, [mask.name]), ...read }, mask))
    out.push(mask === undefined ? attention : { ...attention, window: windows.get(mask.name) })
  }
  return out
}

const bytesOf = ({ buffer, byteLength, byteOffset }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

const isAlike = (a: Turns, b: Turns): boolean =>
  a.half === b.half && bytesOf(a.cos).equals(bytesOf(b.cos)) && bytesOf(a.sin).equals(bytesOf(b.sin))

/** Tables for the turns that are written out. */
const tabled = async (
  { model, ...read }: Read,
  graph: Graph,
  found: ReadonlyArray<Attention>,
  probe: Probe,
  config: ModelConfig
): Promise<ReadonlyMap<string, Turns | undefined>> => {
  const all = new Map<string, Turns | undefined>()
  for (const { queries } of found) {
    const turned = queries.layout === "heads" ? Rotary.find(graph, queries.name) : undefined
    if (turned === undefined || all.has(Rotary.keyOf(turned))) continue
    const made = await probe.turns({ graph: turnsOf(model, turned, config), ...read }, turned)
    // Where each layer makes its own, they are the same.
    const known = [...all.values()].find((other) => other !== undefined && made !== undefined && isAlike(other, made))
    all.set(Rotary.keyOf(turned), known ?? made)
  }
  return all
}

/** In the element type of the graph where attention is computed in it. */
const withTables = (
  graph: Graph,
  turns: ReadonlyMap<string, Turns | undefined>,
  type: number | undefined
): Rotary.Tables => {
  const all = [...new Set(turns.values())]
  const made = all.map((one, i) => {
    if (one === undefined) return undefined
    const table = (name: string, values: Float32Array) => {
      const made = graph.table(`mulligan.${name}.${i}`, values, [values.length / one.half, one.half])
      return type === undefined ? made : graph.op("Cast", [made], { to: type })
    }
    return { cos: table("cos", one.cos), sin: table("sin", one.sin), size: 2 * one.half }
  })
  return new Map([...turns].map(([key, one]) => [key, made[all.indexOf(one)]]))
}

/** Sizes that the graph reads off tensors it no longer takes: the number of rows is that of the token ids. */
const redirectRows = (graph: Graph, gone: ReadonlyArray<string>, ids: string): void => {
  for (const name of gone) {
    for (const node of graph.consumers(name)) {
      if (node.op !== "Shape") continue
      const [start, end] = [graph.attribute(node, "start") ?? 0, graph.attribute(node, "end")]
      const isRows = start === 0 && end === 1
      const readers = graph.consumers(node.outputs[0]!)
      const readsRows = end === undefined && start === 0 && readers.every((reader) => isFirst(graph, reader))
      if (isRows || readsRows) graph.rewire(node, [ids])
    }
  }
}

const isFirst = (graph: Graph, node: Node): boolean => {
  const [index, ...more] = node.op === "Gather" ? (graph.constant(node.inputs[1]!) ?? []) : []
  return index === 0 && more.length === 0
}

const takeCaches = (graph: Graph, config: ModelConfig, type: number, windows: Iterable<number | undefined>): void => {
  const { headDim, kvHeads } = config
  config.past.forEach((_, i) => {
    graph.takes({ name: SharedPrefix.names.prefix(i), type, dims: [kvHeads, "groups", 1, "prefix", headDim] })
    graph.takes({ name: SharedPrefix.names.own(i), type, dims: [kvHeads, "rows", 1, "own", headDim] })
  })
  for (const window of windows)
    graph.takes({ name: SharedPrefix.names.mask(window), type: types.float32, dims: [1, "rows", 1, "new", "all"] })
}

const giveFresh = (graph: Graph, fresh: ReadonlyArray<string>, headDim: number): void => {
  graph.emit("Concat", fresh, [SharedPrefix.names.fresh], { axis: 0 })
  graph.gives({ name: SharedPrefix.names.fresh, type: types.float32, dims: ["tensors", "rows", 1, "new", headDim] })
}

const giveGrown = (graph: Graph, { headDim, kvHeads, past }: ModelConfig, type: number): void =>
  past.forEach((_, i) =>
    graph.gives({ name: SharedPrefix.names.grown(i), type, dims: [kvHeads, "rows", 1, "own + new", headDim] })
  )

/** New nodes of ONNX Runtime's own need its operators named in the model. */
const withMicrosoft = (model: Model): Model =>
  model.opsets.has(microsoft)
    ? model
    : { ...model, rest: [...model.rest, new Message().message(8, new Message().text(1, microsoft).int(2, 1)).finish()] }

const build = (
  model: Model,
  config: ModelConfig,
  found: ReadonlyArray<Attention>,
  turns: ReadonlyMap<string, Turns | undefined>,
  { gives = "fresh", keepsHalf = false }: Options
): Omit<Rewritten, "folder"> => {
  const graph = new Graph(model)
  const windows = [...new Set(found.map(({ window }) => window))]
  const type = graph.input(config.past[0]!)?.type ?? 0
  const kept = keepsHalf ? type : types.float32
  const positions = Positions.take(graph, config.past)
  // Tables of ours are in single precision, where those of the graph are in its own.
  const tables = withTables(graph, turns, kept === types.float32 ? undefined : kept)
  redirectRows(graph, [...config.past, "attention_mask"], "input_ids")
  takeCaches(graph, config, kept, windows)
  const { headDim, kvHeads } = config
  const maps = { shapes: new Map(), masks: new Map() }
  const context = { graph, gives, type, kept, positions, ids: "input_ids", headDim, kvHeads, ...maps }
  const fresh = found.flatMap((one) => SharedPrefix.replace(context, Rotary.simplify(graph, one, tables)))
  for (const name of config.present) graph.drop(name)
  if (gives === "fresh") giveFresh(graph, fresh, headDim)
  else giveGrown(graph, config, kept)
  const { endIds, suppressed, vocabulary } = config
  SamplerTail.append(graph, LastPosition.logits(graph, config.logits), { vocabulary, suppressed, endIds: [...endIds] })
  const finished = graph.finish()
  checkInputs(finished)
  const takesPositions = finished.inputs.some(({ name }) => name === "position_ids")
  const cache = kept === types.float16 ? "float16" : "float32"
  return { graph: write(withMicrosoft(finished)), windows, takesPositions, cache }
}

const checkInputs = ({ inputs }: Model): void => {
  const known = ["input_ids", "position_ids"]
  const left = inputs.filter(({ name }) => !known.includes(name) && !name.startsWith("mulligan."))
  if (left.length > 0) throw new Unfit(`a graph that needs ${left.map(({ name }) => name).join(", ")} elsewhere too`)
}

const typeNames = new Map(Object.entries(types).map(([name, type]) => [type as number, name]))

const signature = ({ dims, name, type }: Value): Signature => ({
  name,
  type: typeNames.get(type) ?? String(type),
  dims: dims.map((dim) => (typeof dim === "number" ? dim : undefined))
})

/**
 * Rewrites the graph of a model. Fails with `Unfit` where it holds what is not known; the plain graph runs then. Takes
 * milliseconds, whatever the size of the weights, because they are not read.
 */
export const rewrite = async (config: ModelConfig, probe: Probe, options: Options = {}): Promise<Rewritten> => {
  const read = readFrom(config.graph)
  const { folder, model } = read
  checkModel(model)
  const problem = PlainGraph.check(config, {
    inputs: model.inputs.map(signature),
    outputs: model.outputs.map(signature)
  })
  if (problem !== undefined) throw new Unfit(problem.problem)
  const graph = new Graph(model)
  const type = graph.input(config.past[0]!)?.type
  if (type !== types.float32 && type !== types.float16) throw new Unfit("a cache that is neither float32 nor float16")
  const layers = Array.from({ length: config.layers }, (_, layer) => layer)
  const found = layers.map((layer) => attentionOf(graph, config, layer))
  const all = await settled(read, found, probe)
  const turns = await tabled(read, graph, found, probe, config)
  return { folder, ...build(model, config, all, turns, options) }
}
