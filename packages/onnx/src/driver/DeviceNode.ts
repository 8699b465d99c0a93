/**
 * Other devices than CUDA, as far as onnxruntime-node has them for a platform. It copies what goes in and what comes out.
 */
import { graphOf } from "./DeviceGather.ts"
import { openerOn } from "./NodeSession.ts"
import { ProblemError } from "./Problem.ts"
import type { Open } from "./Session.ts"

/** DirectX 12 on Windows; macOS; and what a browser would use (Vulkan, Metal or DirectX 12). */
export type OtherDevice = "dml" | "coreml" | "webgpu"

const names: Record<OtherDevice, string> = { dml: "DirectML", coreml: "CoreML", webgpu: "WebGPU" }

const lacking = (device: OtherDevice, why: string): ProblemError =>
  new ProblemError({
    capability: device,
    problem: `${names[device]} cannot be used here: ${why}.`,
    advice: "Run it where there is such a device with its driver, or on the CPU."
  })

/** Opens sessions on a device. Rejects with `ProblemError` where it cannot be had, which a small graph shows first. */
export const opener = async (device: OtherDevice, deviceId = 0): Promise<Open> => {
  const open = openerOn(device === "dml" ? { name: device, deviceId } : device)
  try {
    await (await open({ graph: graphOf(1, 1), folder: "." }, {})).close()
  } catch (cause) {
    throw lacking(device, String(cause).slice(0, 400))
  }
  return open
}
