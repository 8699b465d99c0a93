/**
 * Runs the graph. The engine knows no more of ONNX Runtime than this, so that another driver can take its place.
 */
import * as Effect from "effect/Effect"
import * as ort from "onnxruntime-node"
import type * as Scope from "effect/Scope"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid, unsupported } from "./internal/errors.ts"
import type { ModelConfig } from "./ModelConfig.ts"

/** Keys and values of one layer are two tensors [rows, kvHeads, slots, headDim], row-major. */
export type Cache = ReadonlyArray<Float32Array>

export interface Step {
  readonly rows: number
  /** New tokens of each row, padded at the end to the longest. */
  readonly length: number
  /** Slots of the cache. */
  readonly past: number
  /** [rows, length] */
  readonly ids: BigInt64Array
  readonly positions: BigInt64Array
  /** [rows, past + length]: 1 where a slot or new token counts. */
  readonly mask: BigInt64Array
  readonly cache: Cache
}

export interface Stepped {
  /** [rows, length, vocabulary] */
  readonly logits: Float32Array
  /** With the new tokens' slots behind the old ones. */
  readonly cache: Cache
}

export interface Driver {
  /** Rows of one step may have unlike lengths, because the graph is told their positions. */
  readonly isRagged: boolean
  readonly run: (step: Step) => Promise<Stepped>
}

export interface DriverOptions {
  /** Threads within an operator. Default: ONNX Runtime decides (one per core). More than there are free cores is slower. */
  readonly threads?: number | undefined
}

const names = (config: ModelConfig, prefix: string) =>
  Array.from({ length: config.layers }, (_, i) => [`${prefix}.${i}.key`, `${prefix}.${i}.value`]).flat()

/** What a session says its graph takes and gives. */
type Signature = Pick<ort.InferenceSession, "inputNames" | "outputNames" | "inputMetadata" | "outputMetadata">

/** The graph must take and give what an Optimum decoder does, in single precision. */
export const checkGraph = (config: ModelConfig, session: Signature): BackendError.BackendError | undefined => {
  const past = names(config, "past_key_values")
  const known = new Set(["input_ids", "attention_mask", "position_ids", ...past])
  const unknown = session.inputNames.filter((name) => !known.has(name))
  const lacking = [...past, "input_ids", "attention_mask"].filter((name) => !session.inputNames.includes(name))
  const untold = ["logits", ...names(config, "present")].filter((name) => !session.outputNames.includes(name))
  const advice = "Export it with Optimum as a decoder with past key values (task text-generation-with-past)."
  if (unknown.length > 0)
    return invalid(`${config.graph} has inputs that are not known: ${unknown.join(", ")}.`, advice)
  if (lacking.length > 0) return invalid(`${config.graph} lacks the inputs ${lacking.slice(0, 3).join(", ")}.`, advice)
  if (untold.length > 0) return invalid(`${config.graph} lacks the outputs ${untold.slice(0, 3).join(", ")}.`, advice)
  return checkTensors(config, session)
}

type Wanted = readonly [type: string, shape: ReadonlyArray<number | undefined>]

const wanted = (config: ModelConfig, name: string): Wanted =>
  name === "logits"
    ? ["float32", [undefined, undefined, config.vocabulary]]
    : /^(past_key_values|present)\./.test(name)
      ? ["float32", [undefined, config.kvHeads, undefined, config.headDim]]
      : ["int64", []]

/** Types are ours, and the sizes that the graph states are those of config.json. */
const checkTensors = (config: ModelConfig, session: Signature): BackendError.BackendError | undefined => {
  for (const tensor of [...session.inputMetadata, ...session.outputMetadata]) {
    if (!tensor.isTensor) continue
    const { name, shape: stated } = tensor
    const [type, shape] = wanted(config, name)
    if (tensor.type !== type)
      return unsupported(
        `${tensor.type} ${name}`,
        `${config.graph} has ${name} in ${tensor.type}, not ${type}.`,
        "Use the float32 export (model.onnx)."
      )
    const at = shape.findIndex((size, i) => size !== undefined && typeof stated[i] === "number" && stated[i] !== size)
    if (at >= 0)
      return invalid(
        `${config.graph} has ${name} of size ${stated[at]} where config.json says ${shape[at]}.`,
        "Take config.json and graph from the same export."
      )
  }
  return undefined
}

const ints = (data: BigInt64Array, rows: number) => new ort.Tensor("int64", data, [rows, data.length / rows])

const driverOf = (session: ort.InferenceSession, config: ModelConfig): Driver => {
  const past = names(config, "past_key_values")
  const present = names(config, "present")
  const takesPositions = session.inputNames.includes("position_ids")
  const run: Driver["run"] = async ({ cache, ids, mask, past: slots, positions, rows }) => {
    const feeds: Record<string, ort.Tensor> = { input_ids: ints(ids, rows), attention_mask: ints(mask, rows) }
    if (takesPositions) feeds["position_ids"] = ints(positions, rows)
    const shape = [rows, config.kvHeads, slots, config.headDim]
    past.forEach((name, i) => (feeds[name] = new ort.Tensor("float32", cache[i]!, shape)))
    const out = await session.run(feeds)
    return {
      logits: out["logits"]!.data as Float32Array,
      cache: present.map((name) => out[name]!.data as Float32Array)
    }
  }
  return { run, isRagged: takesPositions }
}

/** ONNX Runtime on the CPU, in this thread. Closing the scope frees the session. */
export const node = (
  config: ModelConfig,
  options: DriverOptions
): Effect.Effect<Driver, BackendError.BackendError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        ort.InferenceSession.create(config.graph, {
          executionProviders: ["cpu"],
          logSeverityLevel: 4,
          ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads })
        }),
      catch: (cause) =>
        invalid(
          `${config.graph} cannot be loaded: ${String(cause).slice(0, 300)}.`,
          "Fetch or export the file again, with its external data beside it."
        )
    }),
    (session) => Effect.promise(() => session.release())
  ).pipe(
    Effect.flatMap((session) => {
      const problem = checkGraph(config, session)
      return problem === undefined ? Effect.succeed(driverOf(session, config)) : Effect.fail(problem)
    })
  )
