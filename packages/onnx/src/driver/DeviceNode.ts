/**
 * Other devices than CUDA, as far as onnxruntime-node has them for a platform. It copies what goes in and what comes out.
 */
import { availableParallelism } from "node:os"
import * as ort from "onnxruntime-node"
import { graphOf } from "./DeviceGather.ts"
import { ProblemError } from "./Problem.ts"
import type { Data, ElementType, Open, Session, SessionOptions, Signature, Source, Tensor } from "./Session.ts"

/** DirectX 12 on Windows; macOS; and what a browser would use (Vulkan, Metal or DirectX 12). */
export type OtherDevice = "dml" | "coreml" | "webgpu"

const names: Record<OtherDevice, string> = { dml: "DirectML", coreml: "CoreML", webgpu: "WebGPU" }

const lacking = (device: OtherDevice, why: string): ProblemError =>
  new ProblemError({
    capability: device,
    problem: `${names[device]} cannot be used here: ${why}.`,
    advice: "Run it where there is such a device with its driver, or on the CPU."
  })

const optionsOf = (device: OtherDevice, deviceId: number, source: Source, options: SessionOptions) => ({
  executionProviders: [device === "dml" ? { name: device, deviceId } : device],
  logSeverityLevel: 4 as const,
  // DirectML takes no memory pattern.
  enableMemPattern: device !== "dml",
  enableCpuMemArena: options.arena ?? true,
  intraOpNumThreads: options.threads ?? availableParallelism(),
  extra: {
    session: typeof source === "string" ? {} : { model_external_initializers_file_folder_path: source.folder }
  }
})

const signatures = (all: ort.InferenceSession["inputMetadata"]): ReadonlyArray<Signature> =>
  all.flatMap((one) => {
    if (!one.isTensor) return []
    return [{ name: one.name, type: one.type, dims: one.shape.map((d) => (typeof d === "number" ? d : undefined)) }]
  })

/** Half precision goes as bits, of which ort makes an array of its own where Node has one, and its binding knows no such. */
const feed = ({ data, dims, type }: Tensor): ort.Tensor => {
  const out = new ort.Tensor(type === "float16" ? "uint16" : type, data as Uint16Array, dims)
  return type === "float16" ? Object.assign(out, { type }) : out
}

const result = ({ data, dims, type }: ort.Tensor): Tensor => {
  const all = data as Data
  const bits = type === "float16" ? new Uint16Array(all.buffer, all.byteOffset, all.length) : all
  return { type: type as ElementType, data: bits, dims }
}

const mapped = <A, B>(all: Readonly<Record<string, A>>, f: (one: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, f(one)]))

const create = (device: OtherDevice, deviceId: number, source: Source, options: SessionOptions) => {
  const all = optionsOf(device, deviceId, source, options)
  return typeof source === "string"
    ? ort.InferenceSession.create(source, all)
    : ort.InferenceSession.create(source.graph, all)
}

/** Rejects where there is no such device: onnxruntime-node is asked for it and for nothing else, so it cannot take the CPU. */
const check = async (device: OtherDevice, deviceId: number): Promise<void> => {
  try {
    await (await create(device, deviceId, { graph: graphOf(1, 1), folder: "." }, {})).release()
  } catch (cause) {
    throw lacking(device, String(cause).slice(0, 400))
  }
}

/** Opens sessions on a device. Rejects with `ProblemError` where it cannot be had. */
export const opener = async (device: OtherDevice, deviceId = 0): Promise<Open> => {
  await check(device, deviceId)
  return async (source, options): Promise<Session> => {
    const session = await create(device, deviceId, source, options)
    return {
      inputs: signatures(session.inputMetadata),
      outputs: signatures(session.outputMetadata),
      run: async (feeds) => mapped(await session.run(mapped(feeds, feed)), result),
      close: () => session.release()
    }
  }
}
