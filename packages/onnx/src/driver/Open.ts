/**
 * From a model folder to a driver: the graph is rewritten where that is surely right, and runs as it is where not.
 */
import type { Driver } from "../Driver.ts"
import { microsoft } from "../graph/Graph.ts"
import { parse } from "../graph/Model.ts"
import * as Skeleton from "../graph/Skeleton.ts"
import { rewrite, type Rewritten, Unfit } from "../GraphRewrite.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import { dirname } from "node:path"
import { realpathSync } from "node:fs"
import type { OtherDevice } from "./DeviceNode.ts"
import * as Embeddings from "./Embeddings.ts"
import { PlainDriver } from "./Plain.ts"
import * as PlainGraph from "./PlainGraph.ts"
import * as Probe from "./Probe.ts"
import { type Problem, ProblemError } from "./Problem.ts"
import { RewrittenDriver } from "./Rewritten.ts"
import type { Open, Session, SessionOptions, Source } from "./Session.ts"
import * as Verify from "./Verify.ts"

export interface DriverOptions extends SessionOptions {
  /** "auto": rewritten where that is surely right. "plain": as exported. Default "auto". */
  readonly graph?: "auto" | "plain" | undefined
  /** Compares the rewritten graph with the plain one on a few made-up tokens when it is loaded, at twice the memory. Default false. */
  readonly verify?: boolean | undefined
  /**
   * Where the model runs. "cuda": NVIDIA's, with the cache on the device, by ONNX Runtime's C API (install koffi); a graph that
   * cannot be rewritten is refused. "dml" (DirectX 12 on Windows), "coreml" (macOS) and "webgpu": as far as onnxruntime-node
   * has them; the cache goes there and back with every step. What cannot be had is an error, never the CPU instead.
   * Default "cpu".
   */
  readonly device?: "cpu" | "cuda" | OtherDevice | undefined
  /** Number of the CUDA or DirectML device, from 0. Default 0. */
  readonly deviceId?: number | undefined
  /** Options of the CUDA provider by their names in ONNX Runtime, such as `gpu_mem_limit` or `use_tf32`. */
  readonly cudaOptions?: Readonly<Record<string, string>> | undefined
  /**
   * "node": onnxruntime-node, in a thread of its own. "capi": ONNX Runtime's C API in the same library by koffi, which leaves the
   * calling thread free without another one, and can end a step under way. Default "node"; "cuda" implies "capi".
   */
  readonly binding?: "node" | "capi" | undefined
  /** "device": by the driver for devices (and so "capi") on the CPU too, where it is slower: for tests of it. Default "host". */
  readonly cache?: "host" | "device" | undefined
}

const said = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).slice(0, 300)

const unreadable = (config: ModelConfig, cause: unknown): Problem => ({
  problem: `${config.graph} cannot be loaded: ${said(cause)}.`,
  advice: "Fetch or export the file again, with its external data beside it."
})

/** ONNX Runtime takes no weights behind a link that leads out of the graph's folder, so they are named where they are. */
const sourceOf = ({ graph }: ModelConfig): Source =>
  dirname(realpathSync(graph)) === realpathSync(dirname(graph)) ? graph : Skeleton.read(graph)

const unrunnable = (config: ModelConfig, cause: unknown, reason: string | undefined): Problem => ({
  problem: `${config.graph} cannot be run${reason === undefined ? "" : ` (rewritten: ${reason})`}: ${said(cause)}.`,
  advice: "Export it with Optimum as a decoder with past key values (task text-generation-with-past)."
})

const isGroupQuery = (config: ModelConfig): boolean =>
  parse(Skeleton.read(config.graph).graph).nodes.some(
    ({ domain, op }) => domain === microsoft && op === "GroupQueryAttention"
  )

const opened = async (config: ModelConfig, options: SessionOptions, open: Open): Promise<Session> => {
  try {
    return await open(sourceOf(config), options)
  } catch (cause) {
    throw new ProblemError(unreadable(config, cause))
  }
}

/** A first step shows what loading does not: sizes that do not fit. */
const tried = async (driver: Driver): Promise<void> => {
  driver.open(1, 2)
  const row = { prefix: 1, prefixLength: 0, own: 2, ownLength: 0, ids: [0, 0], store: "prefix", expected: 0 } as const
  const slot = { row: 0, inverseTemperature: 1, uniform: 0, mass: 0, wantsTop: false }
  await driver.step({ rows: [row], slots: [slot], labels: [] })
  await driver.step({ rows: [{ ...row, prefixLength: 2, store: "own" }], slots: [slot], labels: [] })
  driver.drop([1, 2])
}

/** The graph as it is. */
export const plain = async (
  config: ModelConfig,
  options: SessionOptions,
  open: Open,
  reason?: string
): Promise<Driver> => {
  const session = await opened(config, options, open)
  const problem = PlainGraph.check(config, session)
  const driver = new PlainDriver(session, config, { isGroupQuery: isGroupQuery(config), reason })
  try {
    if (problem !== undefined) throw new ProblemError(problem)
    await tried(driver)
    return driver
  } catch (cause) {
    await driver.close()
    throw cause instanceof ProblemError ? cause : new ProblemError(unrunnable(config, cause, reason))
  }
}

/** Compares with the plain graph; one that only runs rewritten has nothing to be compared with. */
const verified = async (driver: Driver, config: ModelConfig, options: DriverOptions, open: Open): Promise<void> => {
  const oracle = await plain(config, options, open).catch(() => undefined)
  if (oracle !== undefined) await Verify.compare(driver, oracle, config)
}

/** The driver of a rewritten graph, once it has shown that it runs, and, if asked for, that it is right; else it is closed. */
export const settled = async (
  driver: Driver,
  config: ModelConfig,
  options: DriverOptions,
  open: Open
): Promise<Driver> => {
  try {
    await tried(driver)
    if (options.verify === true) await verified(driver, config, options, open)
    return driver
  } catch (cause) {
    await driver.close()
    throw cause
  }
}

/** A session of a rewritten graph, whose embeddings stay in their file where they are large. */
const sessionOf = async (made: Rewritten, options: DriverOptions, open: Open): Promise<Session> => {
  const { graph, table } = Embeddings.take(made.graph, made.folder)
  const session = await open({ graph, folder: made.folder }, options)
  if (table === undefined) return session
  try {
    return Embeddings.around(session, table)
  } catch (cause) {
    await session.close()
    throw cause
  }
}

const rewritten = async (config: ModelConfig, options: DriverOptions, open: Open): Promise<Driver> => {
  const made = await rewrite(config, Probe.make(open, config))
  const session = await sessionOf(made, options, open)
  return settled(new RewrittenDriver(session, config, made), config, options, open)
}

/** Sessions on the device that is asked for; CUDA has a driver of its own. */
const openerOn = async ({ device = "cpu", deviceId }: DriverOptions, open: Open): Promise<Open> =>
  device === "cpu" || device === "cuda" ? open : (await import("./DeviceNode.ts")).opener(device, deviceId)

/** Opens a model. Rejects with `ProblemError`. */
export const openDriver = async (config: ModelConfig, options: DriverOptions, onHost: Open): Promise<Driver> => {
  const open = await openerOn(options, onHost)
  if (options.graph === "plain") return plain(config, options, open, "asked for")
  try {
    return await rewritten(config, options, open)
  } catch (cause) {
    // What is wrong with the file itself, the plain graph says better.
    return plain(config, options, open, cause instanceof Unfit ? cause.message : `it could not be run: ${said(cause)}`)
  }
}
