/**
 * From a model folder to a driver on ONNX Runtime's C API: on the CPU, or on a CUDA device with the cache there.
 */
import { availableParallelism } from "node:os"
import type { Provider } from "../capi/Cuda.ts"
import { Library } from "../capi/Library.ts"
import { Session } from "../capi/Session.ts"
import type { Driver } from "../Driver.ts"
import { rewrite, Unfit } from "../GraphRewrite.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import { CapiSession, settings } from "./CapiSession.ts"
import { DeviceDriver } from "./Device.ts"
import { type DriverOptions, openDriver, settled } from "./Open.ts"
import * as Probe from "./Probe.ts"
import { ProblemError } from "./Problem.ts"
import type { Open } from "./Session.ts"

/** Opens sessions on the CPU, and ends what runs in them. */
const opener = (library: Library, { vocabulary }: ModelConfig) => {
  const all = new Set<CapiSession>()
  const open: Open = async (source, options) => {
    const session = await CapiSession.open(library, source, options, vocabulary)
    all.add(session)
    const { close } = session
    return Object.assign(session, { close: () => (all.delete(session), close()) })
  }
  return { open, cancel: () => all.forEach((session) => session.cancel()) }
}

const onHost = async (library: Library, config: ModelConfig, options: DriverOptions): Promise<Driver> => {
  const { cancel, open } = opener(library, config)
  const driver = await openDriver(config, options, open)
  const { abilities, close, drop, fork, step } = driver
  return { abilities, open: driver.open, fork, drop, step, cancel, close }
}

const providerOf = ({ cudaOptions, device, deviceId = 0 }: DriverOptions): Provider =>
  device === "cuda" ? { cuda: deviceId, options: cudaOptions } : "cpu"

const onlyNode = (device: string): ProblemError =>
  new ProblemError({
    capability: `${device} by the C API`,
    problem: `The C API is used for the CPU and for CUDA, not for ${device}.`,
    advice: 'Leave binding to be "node".'
  })

/** A plain graph would carry its whole cache to the host and back with every step. */
const refused = ({ graph }: ModelConfig, why: string): ProblemError =>
  new ProblemError({
    capability: "a cache on the device",
    problem: `${graph} cannot keep its cache on the device: ${why}.`,
    advice: "Run it on the CPU, where it works as it was exported."
  })

const onDevice = async (
  library: Library,
  config: ModelConfig,
  options: DriverOptions,
  keepsHalf: boolean
): Promise<Driver> => {
  if (options.graph === "plain") throw refused(config, "its graph was asked for as it was exported")
  const { open } = opener(library, config)
  const provider = providerOf(options)
  const made = await rewrite(config, Probe.make(open, config), { gives: "grown", keepsHalf })
  const all = { ...settings(options), provider }
  const session = await Session.open(library, made, all)
  const driver = new DeviceDriver(session, config, made, options.threads ?? availableParallelism())
  return settled(driver, config, options, open)
}

/**
 * Rejects with `ProblemError`, or with a `BackendError` where koffi or CUDA is missing. A cache on a device is as precise as the
 * graph; the CPU computes half precision by way of single precision, so that there it would be cast with every step.
 */
export const openCapi = async (
  config: ModelConfig,
  options: DriverOptions,
  keepsHalf = options.device === "cuda"
): Promise<Driver> => {
  const { device = "cpu" } = options
  if (device !== "cpu" && device !== "cuda") throw onlyNode(device)
  const library = await Library.load()
  if (options.device !== "cuda" && options.cache !== "device") return onHost(library, config, options)
  try {
    return await onDevice(library, config, options, keepsHalf)
  } catch (cause) {
    throw cause instanceof Unfit ? refused(config, cause.message) : cause
  }
}
