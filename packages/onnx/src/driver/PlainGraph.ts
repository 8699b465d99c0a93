/**
 * What a plain graph must take and give: what an Optimum decoder does, or one of ONNX Runtime GenAI.
 */
import type { ModelConfig } from "../ModelConfig.ts"
import type { Problem } from "./Problem.ts"
import type { Session, Signature } from "./Session.ts"

type Wanted = readonly [types: ReadonlyArray<string>, dims: ReadonlyArray<number | undefined>]

const floats = ["float32", "float16"]

const wanted = (config: ModelConfig, name: string): Wanted => {
  if (name === config.logits) return [floats, [undefined, undefined, config.vocabulary]]
  if (config.past.includes(name) || config.present.includes(name))
    return [floats, [undefined, config.kvHeads, undefined, config.headDim]]
  return [["int64"], []]
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

/** The first thing that is wrong with a graph; undefined if it can be run. */
export const check = (
  config: ModelConfig,
  { inputs, outputs }: Pick<Session, "inputs" | "outputs">
): Problem | undefined => {
  const [takes, gives] = [inputs.map(({ name }) => name), outputs.map(({ name }) => name)]
  const known = new Set(["input_ids", "attention_mask", "position_ids", ...config.past])
  const unknown = takes.filter((name) => !known.has(name))
  const lacking = [...config.past, "input_ids", "attention_mask"].filter((name) => !takes.includes(name))
  const untold = [config.logits, ...config.present].filter((name) => !gives.includes(name))
  const advice = "Export it with Optimum as a decoder with past key values (task text-generation-with-past)."
  const named = (names: ReadonlyArray<string>) => names.slice(0, 3).join(", ")
  if (unknown.length > 0)
    return { problem: `${config.graph} has inputs that are not known: ${unknown.join(", ")}.`, advice }
  if (lacking.length > 0) return { problem: `${config.graph} lacks the inputs ${named(lacking)}.`, advice }
  if (untold.length > 0) return { problem: `${config.graph} lacks the outputs ${named(untold)}.`, advice }
  return [...inputs, ...outputs].map((tensor) => checkTensor(config, tensor)).find((problem) => problem !== undefined)
}
