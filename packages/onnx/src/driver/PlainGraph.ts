/**
 * What a plain graph must take and give: what an Optimum decoder does, or one of ONNX Runtime GenAI.
 */
import { Unfit } from "../graph/Graph.ts"
import * as Merged from "../graph/Merged.ts"
import { parse } from "../graph/Model.ts"
import * as Skeleton from "../graph/Skeleton.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import type { Problem } from "./Problem.ts"
import type { Session, Signature } from "./Session.ts"

type Wanted = readonly [types: ReadonlyArray<string>, dims: ReadonlyArray<number | undefined>]

const floats = ["float32", "float16"]

const wanted = (config: ModelConfig, name: string): Wanted => {
  if (name === config.logits) return [floats, [undefined, undefined, config.vocabulary]]
  if (config.past.includes(name) || config.present.includes(name))
    return [floats, [undefined, config.kvHeads, undefined, config.headDim]]
  return [[name === Merged.SWITCH ? "bool" : "int64"], []]
}

/** Types are ours, and the sizes that the graph states are those of the configuration. */
const checkTensor = (config: ModelConfig, { dims: stated, name, type }: Signature): Problem | undefined => {
  const [types, dims] = wanted(config, name)
  if (!types.includes(type)) {
    return {
      capability: `${type} ${name}`,
      problem: `${config.graph} has ${name} in ${type}, not ${types.join(" or ")}.`,
      advice: "Use the float32 export (model.onnx)."
    }
  }
  const at = dims.findIndex((size, i) => size !== undefined && stated[i] !== undefined && stated[i] !== size)
  if (at < 0) return undefined
  return {
    problem: `${config.graph} has ${name} of size ${stated[at]} where its configuration says ${dims[at]}.`,
    advice: "Take configuration and graph from the same export."
  }
}

/** Why the branches of a graph are not a decoder with past and one without; undefined if they are. */
const unlike = ({ graph }: ModelConfig): string | undefined => {
  try {
    Merged.inline(parse(Skeleton.read(graph, { branches: true }).graph))
    return undefined
  } catch (cause) {
    if (cause instanceof Unfit) return cause.message
    throw cause
  }
}

/** Half of a model, or several of which one is chosen in a way that is not known. */
const otherKind = (config: ModelConfig, takes: ReadonlyArray<string>): Problem | undefined => {
  const states = takes.find((name) => name.startsWith("encoder_"))
  if (states !== undefined)
    return {
      capability: "encoder-decoder models",
      problem: `${config.graph} reads what an encoder made (${states}).`,
      advice: "Use a model that is a decoder alone."
    }
  const why = takes.includes(Merged.SWITCH) ? unlike(config) : undefined
  if (why === undefined) return undefined
  return {
    capability: "a graph with branches",
    problem: `${config.graph} has branches that are not a decoder with past and one without: ${why}.`,
    advice: "Export it with Optimum as one decoder with past key values (task text-generation-with-past)."
  }
}

/** The first thing that is wrong with a graph; undefined if it can be run. */
export const check = (
  config: ModelConfig,
  { inputs, outputs }: Pick<Session, "inputs" | "outputs">
): Problem | undefined => {
  const [takes, gives] = [inputs.map(({ name }) => name), outputs.map(({ name }) => name)]
  const known = new Set(["input_ids", "attention_mask", "position_ids", Merged.SWITCH, ...config.past])
  const unknown = takes.filter((name) => !known.has(name))
  const lacking = [...config.past, "input_ids", "attention_mask"].filter((name) => !takes.includes(name))
  const untold = [config.logits, ...config.present].filter((name) => !gives.includes(name))
  const advice = "Export it with Optimum as a decoder with past key values (task text-generation-with-past)."
  const named = (names: ReadonlyArray<string>) => names.slice(0, 3).join(", ")
  const other = otherKind(config, takes)
  if (other !== undefined) return other
  if (unknown.length > 0)
    return { problem: `${config.graph} has inputs that are not known: ${unknown.join(", ")}.`, advice }
  if (lacking.length > 0) return { problem: `${config.graph} lacks the inputs ${named(lacking)}.`, advice }
  if (untold.length > 0) return { problem: `${config.graph} lacks the outputs ${named(untold)}.`, advice }
  return [...inputs, ...outputs].map((tensor) => checkTensor(config, tensor)).find((problem) => problem !== undefined)
}
