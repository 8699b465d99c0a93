/**
 * The end of the graph: logits only where somebody reads them, and the token drawn there and then, from uniform numbers
 * that we give. The draw is exact (inverse of the cumulative distribution in the order of ids, in two levels so that it
 * costs a pass over the probabilities), so a token depends on its seed and position alone.
 */
import type { Graph } from "./Graph.ts"
import { types } from "./Model.ts"

/** How many of the likeliest tokens filters (top-k, top-p, min-p) are given. */
export const TOP = 256

/** What the tail takes and gives. A slot is one reader of one row's last new token; there may be more slots than rows. */
export const names = {
  /** [slots, 2] row and position within the new tokens. */
  at: "mulligan.at",
  /** [slots, 1] 1 / temperature; very large for greedy. */
  inverseTemperature: "mulligan.inverse_temperature",
  /** [slots, 1] uniform in [0, 1). */
  uniform: "mulligan.uniform",
  /** [labels] ids whose log-probabilities are wanted. */
  labels: "mulligan.labels",
  /** [slots, 1] Logits are given where the likeliest hold less than this: 0 never, 2 always. */
  mass: "mulligan.mass",
  /** [slots] whether the likeliest are given. */
  wantsTop: "mulligan.wants_top",
  /** [slots, 1] */
  token: "mulligan.token",
  /** [slots, 1] of the token, at temperature 1, among those that may be drawn. */
  logProb: "mulligan.log_prob",
  /** [slots, labels] over the whole vocabulary. */
  labelLogProbs: "mulligan.label_log_probs",
  /** [slots that want them + 1, TOP]: ids, probabilities at the temperature, log-probabilities at 1. */
  topIds: "mulligan.top_ids",
  topProbabilities: "mulligan.top_probabilities",
  topLogProbs: "mulligan.top_log_probs",
  /** [slots that want the likeliest + 1, 1] mean log-probability at 1 of all tokens that may be drawn. */
  meanLogProb: "mulligan.mean_log_prob",
  /** [slots with logits, vocabulary], and [slots] which they are. */
  logits: "mulligan.logits",
  hasLogits: "mulligan.has_logits"
}

export interface Options {
  readonly vocabulary: number
  /** Never drawn. */
  readonly suppressed: ReadonlyArray<number>
  /** A slot that draws one of these gives its logits. */
  readonly endIds: ReadonlyArray<number>
}

/** A size of the inner level near the square root, so that no padding is needed where the vocabulary allows it. */
const blockOf = (vocabulary: number): number => {
  for (let block = Math.floor(Math.sqrt(vocabulary)); block >= 32; block--) if (vocabulary % block === 0) return block
  return 256
}

/**
 * [slots, 1]: the place of the first cumulated probability above the number. Rounding may leave the total below it; the
 * place is then the last that has any, so that what has no probability is never drawn.
 */
const place = (graph: Graph, cumulated: string, number: string, last: number): string => {
  const total = graph.op("Gather", [cumulated, graph.ints([last])], { axis: 1 })
  const isBelow = graph.op("And", [graph.op("LessOrEqual", [cumulated, number]), graph.op("Less", [cumulated, total])])
  return graph.op("ReduceSum", [graph.op("Cast", [isBelow], { to: types.int64 }), graph.ints([1])], { keepdims: 1 })
}

/** Draws by two levels: which block of ids, then which id in it. Gives [slots, 1]. */
const draw = (graph: Graph, probabilities: string, vocabulary: number): string => {
  const block = blockOf(vocabulary)
  const blocks = Math.ceil(vocabulary / block)
  const padding = blocks * block - vocabulary
  const all =
    padding === 0
      ? probabilities
      : graph.op("Pad", [probabilities, graph.ints([0, 0, 0, padding])], { mode: "constant" })
  const split = graph.op("Reshape", [all, graph.ints([-1, blocks, block])])
  const sums = graph.op("ReduceSum", [split, graph.ints([2])], { keepdims: 0 })
  const cumulated = graph.op("CumSum", [sums, graph.ints([1], [])])
  const outer = place(graph, cumulated, names.uniform, blocks - 1)
  const before = graph.op("GatherElements", [graph.op("Sub", [cumulated, sums]), outer], { axis: 1 })
  const chosen = graph.op("GatherND", [split, outer], { batch_dims: 1 })
  const left = graph.op("Max", [graph.op("Sub", [names.uniform, before]), graph.floats([0], [])])
  const inner = place(graph, graph.op("CumSum", [chosen, graph.ints([1], [])]), left, block - 1)
  const id = graph.op("Add", [graph.op("Mul", [outer, graph.ints([block], [])]), inner])
  return graph.op("Min", [id, graph.ints([vocabulary - 1], [])])
}

/** The logits without what is never drawn. */
const drawable = (graph: Graph, logits: string, { suppressed, vocabulary }: Options): string => {
  if (suppressed.length === 0) return logits
  const terms = Array.from({ length: vocabulary }, () => 0)
  for (const id of suppressed) if (id < vocabulary) terms[id] = -Infinity
  return graph.op("Add", [logits, graph.table("mulligan.suppressed", terms)])
}

const input = (graph: Graph, name: string, type: number, dims: ReadonlyArray<number | string>) =>
  graph.takes({ name, type, dims })

const takeInputs = (graph: Graph): void => {
  input(graph, names.inverseTemperature, types.float32, ["slots", 1])
  input(graph, names.uniform, types.float32, ["slots", 1])
  input(graph, names.labels, types.int64, ["labels"])
  input(graph, names.mass, types.float32, ["slots", 1])
  input(graph, names.wantsTop, types.bool, ["slots"])
}

/** [vocabulary] true for what may be drawn. */
const allowance = (graph: Graph, never: ReadonlySet<number>, vocabulary: number): string => {
  const terms = Array.from({ length: vocabulary }, (_, id) => Number(!never.has(id)))
  return graph.op("Cast", [graph.table("mulligan.allowed", terms)], { to: types.bool })
}

/** The mean over what may be drawn; the others' are -Infinity, and not counted. */
const giveMean = (graph: Graph, logProbs: string, { suppressed, vocabulary }: Options): void => {
  const never = new Set(suppressed.filter((id) => id < vocabulary))
  const terms =
    never.size === 0
      ? logProbs
      : graph.op("Where", [allowance(graph, never, vocabulary), logProbs, graph.floats([0], [])])
  const sum = graph.op("ReduceSum", [terms, graph.ints([1])], { keepdims: 1 })
  graph.emit("Div", [sum, graph.floats([vocabulary - never.size], [])], [names.meanLogProb])
  graph.gives({ name: names.meanLogProb, type: types.float32, dims: ["top", 1] })
}

/**
 * The likeliest of those slots that want them; nothing is sorted for the others. By log-probability, because the
 * probabilities of a greedy slot are all 0 but one.
 */
const giveTop = (graph: Graph, probabilities: string, logProbs: string, options: Options): void => {
  const count = Math.min(TOP, options.vocabulary)
  const compress = (name: string) => {
    const wanted = graph.op("Compress", [name, names.wantsTop], { axis: 0 })
    // One line more than wanted, which nobody reads: TopK of no lines kills the process (ONNX Runtime 1.30).
    const first = graph.op("Slice", [name, graph.ints([0]), graph.ints([1]), graph.ints([0])])
    return graph.op("Concat", [wanted, first], { axis: 0 })
  }
  const all = compress(logProbs)
  graph.emit("TopK", [all, graph.ints([count])], [names.topLogProbs, names.topIds], {
    axis: -1,
    largest: 1,
    sorted: 1
  })
  graph.emit("GatherElements", [compress(probabilities), names.topIds], [names.topProbabilities], { axis: 1 })
  giveMean(graph, all, options)
  graph.gives({ name: names.topIds, type: types.int64, dims: ["top", count] })
  graph.gives({ name: names.topProbabilities, type: types.float32, dims: ["top", count] })
  graph.gives({ name: names.topLogProbs, type: types.float32, dims: ["top", count] })
}

/** Whole logits, of the slots that need them: asked for, an end drawn, or filters whose mass the likeliest do not hold. */
const giveLogits = (graph: Graph, logits: string, { endIds, vocabulary }: Options): void => {
  const wantsTop = graph.op("Cast", [names.wantsTop], { to: types.float32 })
  const held = graph.op("ReduceSum", [names.topProbabilities, graph.ints([1])], { keepdims: 0 })
  // Back to the place of each slot among all: the k-th that wants the likeliest has the k-th sum.
  const order = graph.op("Sub", [graph.op("CumSum", [wantsTop, graph.ints([0], [])]), wantsTop])
  const known = graph.op("Gather", [held, graph.op("Cast", [order], { to: types.int64 })], { axis: 0 })
  const short = graph.op("Less", [
    graph.op("Where", [names.wantsTop, known, graph.floats([1])]),
    graph.op("Reshape", [names.mass, graph.ints([-1])])
  ])
  const ends = graph.op("Cast", [graph.op("Equal", [names.token, graph.ints(endIds.length > 0 ? endIds : [-1])])], {
    to: types.int64
  })
  const isEnd = graph.op("Greater", [graph.op("ReduceSum", [ends, graph.ints([1])], { keepdims: 0 }), graph.ints([0])])
  graph.emit("Or", [short, isEnd], [names.hasLogits])
  graph.emit("Compress", [logits, names.hasLogits], [names.logits], { axis: 0 })
  graph.gives({ name: names.hasLogits, type: types.bool, dims: ["slots"] })
  graph.gives({ name: names.logits, type: types.float32, dims: ["given", vocabulary] })
}

/** Adds the tail behind `logits` [slots, vocabulary] in float32. */
export const append = (graph: Graph, logits: string, options: Options): void => {
  const { vocabulary } = options
  takeInputs(graph)
  const logProbs = graph.op("LogSoftmax", [logits], { axis: -1 })
  const allowed = drawable(graph, logits, options)
  const drawn = allowed === logits ? logProbs : graph.op("LogSoftmax", [allowed], { axis: -1 })
  const probabilities = graph.op("Softmax", [graph.op("Mul", [drawn, names.inverseTemperature])], { axis: -1 })
  graph.emit("Identity", [draw(graph, probabilities, vocabulary)], [names.token])
  graph.emit("GatherElements", [drawn, names.token], [names.logProb], { axis: 1 })
  graph.emit("Gather", [logProbs, names.labels], [names.labelLogProbs], { axis: 1 })
  graph.gives({ name: names.token, type: types.int64, dims: ["slots", 1] })
  graph.gives({ name: names.logProb, type: types.float32, dims: ["slots", 1] })
  graph.gives({ name: names.labelLogProbs, type: types.float32, dims: ["slots", "labels"] })
  giveTop(graph, probabilities, drawn, options)
  giveLogits(graph, logits, options)
}
