/**
 * onnxruntime-node: inputs are read where they lie, outputs are copied, and a run blocks its thread.
 */
import { availableParallelism } from "node:os"
import * as ort from "onnxruntime-node"
import {
  type Data,
  type ElementType,
  type Open,
  type Session,
  type SessionOptions,
  type Signature,
  type Source,
  SPINNING,
  type Tensor
} from "./Session.ts"

const signatures = (all: ort.InferenceSession["inputMetadata"]): ReadonlyArray<Signature> =>
  all.flatMap((tensor) =>
    tensor.isTensor
      ? [
          {
            name: tensor.name,
            type: tensor.type,
            dims: tensor.shape.map((size) => (typeof size === "number" ? size : undefined))
          }
        ]
      : []
  )

export type Provider = ort.InferenceSession.ExecutionProviderConfig

export const optionsOf = (
  provider: Provider,
  source: Source,
  { arena = true, spinning = SPINNING, threads = availableParallelism() }: SessionOptions
) => ({
  executionProviders: [provider],
  // DirectML takes no memory pattern.
  enableMemPattern: (typeof provider === "string" ? provider : provider.name) !== "dml",
  logSeverityLevel: 4 as const,
  enableCpuMemArena: arena,
  intraOpNumThreads: threads,
  extra: {
    session: {
      ...(typeof source === "string" ? {} : { model_external_initializers_file_folder_path: source.folder }),
      intra_op: { allow_spinning: spinning > 0 ? "1" : "0", spin_duration_us: String(spinning) }
    }
  }
})

const known = new WeakMap<Tensor, ort.Tensor>()

/** Tensors that stay the same from step to step are made once. */
const feed = (tensor: Tensor): ort.Tensor => {
  const made = known.get(tensor)
  if (made !== undefined) return made
  const { data, dims, type } = tensor
  // Where Node has an array for half precision, ort makes one of the bits, which its own binding (1.30) does not know.
  const out = new ort.Tensor(type === "float16" ? "uint16" : type, data as Uint16Array, dims)
  if (type === "float16") Object.assign(out, { type })
  known.set(tensor, out)
  return out
}

/** Half precision as bits, whether or not this Node has an array for it. */
const result = ({ data, dims, type }: ort.Tensor): Tensor => {
  const all = data as Data
  const bits = type === "float16" ? new Uint16Array(all.buffer, all.byteOffset, all.length) : all
  return { type: type as ElementType, data: bits, dims }
}

export const sessionOf = (session: ort.InferenceSession): Session => ({
  inputs: signatures(session.inputMetadata),
  outputs: signatures(session.outputMetadata),
  run: async (feeds) => {
    const out = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, one]) => [name, feed(one)])))
    return Object.fromEntries(Object.entries(out).map(([name, one]) => [name, result(one)]))
  },
  close: () => session.release()
})

/** Opens sessions on one device; ONNX Runtime takes no other in its place. */
export const openerOn =
  (provider: Provider): Open =>
  async (source, options) => {
    const all = optionsOf(provider, source, options)
    const session =
      typeof source === "string"
        ? await ort.InferenceSession.create(source, all)
        : await ort.InferenceSession.create(source.graph, all)
    return sessionOf(session)
  }

export const open: Open = openerOn("cpu")
