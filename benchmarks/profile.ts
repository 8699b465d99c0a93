// npm run bench:profile [-- --cells "smol int4 1 512"]: where a step's time goes, operator by operator, in our graph and in the
// limit's. ONNX Runtime's profiler adds a microsecond or so to each operator, so sums are above what steps take without it.
import * as Effect from "effect/Effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RewrittenDriver } from "../packages/onnx/src/driver/Rewritten.ts"
import * as NodeSession from "../packages/onnx/src/driver/NodeSession.ts"
import * as Probe from "../packages/onnx/src/driver/Probe.ts"
import type { Source } from "../packages/onnx/src/driver/Session.ts"
import * as GraphRewrite from "../packages/onnx/src/GraphRewrite.ts"
import * as ModelConfig from "../packages/onnx/src/ModelConfig.ts"
import { type Cell, nameOf } from "./onnx/Cell.ts"
import { options } from "./onnx/Command.ts"
import { bring } from "./onnx/Models.ts"

type Tensor = object
interface OrtSession {
  readonly inputNames: ReadonlyArray<string>
  readonly inputMetadata: ReadonlyArray<{ readonly name: string; readonly shape: ReadonlyArray<number | string> }>
  readonly run: (feeds: object, fetches: object) => Promise<unknown>
  readonly endProfiling: () => void
}
/** What is used of it: it belongs to the package of the engine and not to the workspace. */
const ort = createRequire(new URL("../packages/onnx/package.json", import.meta.url))("onnxruntime-node") as {
  readonly InferenceSession: { readonly create: (source: string | Uint8Array, options: object) => Promise<OrtSession> }
  readonly Tensor: new (type: string, data: ArrayBufferView, dims: ReadonlyArray<number>) => Tensor
}

const WARM = 8
const STEPS = 32

interface Spent {
  readonly operator: string
  readonly milliseconds: number
  readonly count: number
}

interface Event {
  readonly cat: string
  readonly name: string
  readonly dur: number
  readonly args: { readonly op_name?: string }
}

/** Runs the steps under the profiler; what each operator took in one of them, on average. */
const profiled = async (steps: (folder: string) => Promise<OrtSession>): Promise<ReadonlyArray<Spent>> => {
  const folder = mkdtempSync(join(tmpdir(), "mulligan-profile-"))
  try {
    ;(await steps(folder)).endProfiling()
    const [file] = readdirSync(folder)
    const events = JSON.parse(readFileSync(join(folder, file!), "utf8")) as ReadonlyArray<Event>
    const nodes = events.filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"))
    // The prompt has as many operators as a step, and runs stand one behind another.
    const perStep = Math.floor(nodes.length / (WARM + STEPS + 1))
    const kept = Map.groupBy(nodes.slice(-perStep * STEPS), ({ args }) => args.op_name ?? "")
    return [...kept]
      .map(([operator, all]) => ({
        operator,
        milliseconds: all.reduce((sum, { dur }) => sum + dur, 0) / STEPS / 1000,
        count: Math.round(all.length / STEPS)
      }))
      .toSorted((a, b) => b.milliseconds - a.milliseconds)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const opened = (source: Source, folder: string): Promise<OrtSession> => {
  const config = NodeSession.optionsOf("cpu", source, {})
  const all = { ...config, enableProfiling: true, profileFilePrefix: join(folder, "steps") }
  return ort.InferenceSession.create(typeof source === "string" ? source : source.graph, all)
}

const ours = (models: string, { model, n, precision, prompt }: Cell) =>
  profiled(async (folder) => {
    const config = await Effect.runPromise(ModelConfig.read(join(models, model, precision, "optimum")))
    const rewritten = await GraphRewrite.rewrite(config, Probe.make(NodeSession.open, config))
    const session = await opened(rewritten, folder)
    const driver = new RewrittenDriver(NodeSession.sessionOf(session as never), config, rewritten)
    const slot = (row: number) => ({ row, inverseTemperature: 1, uniform: 0.5, mass: 0, wantsTop: false })
    driver.open(1, prompt)
    const ids = Array.from({ length: prompt }, (_, i) => i)
    const first = { prefix: 1, prefixLength: 0, own: 0, ownLength: 0, ids, store: "prefix", expected: 0 } as const
    await driver.step({ rows: [first], slots: [slot(0)], labels: [] })
    for (let at = 0; at < WARM + STEPS; at++) {
      const row = { prefix: 1, prefixLength: prompt, ownLength: at, ids: [5 + at], store: "own", expected: 64 } as const
      const rows = Array.from({ length: n }, (_, i) => ({ ...row, own: 10 + i }))
      await driver.step({ rows, slots: rows.map((_, i) => slot(i)), labels: [] })
    }
    return session
  })

const zeros = (dims: ReadonlyArray<number>) =>
  new ort.Tensor("float32", new Float32Array(dims.reduce((all, size) => all * size, 1)), dims)

/** The limit's graph; its cache is copied out of every run here, which the profiler does not count. */
const raw = (models: string, { model, n, precision, prompt }: Cell) =>
  profiled(async (folder) => {
    const session = await opened(join(models, model, precision, "raw/model.onnx"), folder)
    const sizes = session.inputMetadata.find(({ name }) => name.startsWith("past_key_values"))
    const [, heads, , width] = sizes!.shape as ReadonlyArray<number>
    const cache = session.inputNames.filter((name) => name.startsWith("past_key_values"))
    const past = Object.fromEntries(cache.map((name) => [name, zeros([n, heads!, prompt + WARM + STEPS + 1, width!])]))
    const bound = Object.fromEntries(cache.map((name) => [name.replace("past_key_values", "present"), past[name]!]))
    for (let at = 0; at <= WARM + STEPS; at++) {
      const feeds = {
        input_ids: new ort.Tensor("int64", new BigInt64Array(n).fill(5n), [n, 1]),
        seqlens_k: new ort.Tensor("int32", new Int32Array(n).fill(prompt + at - 1), [n]),
        total_sequence_length: new ort.Tensor("int32", Int32Array.of(prompt + at), [])
      }
      await session.run({ ...past, ...feeds }, { logits: null, ...bound })
    }
    return session
  })

const table = (title: string, all: ReadonlyArray<Spent>): string => {
  const [time, count] = [all.map((one) => one.milliseconds), all.map((one) => one.count)].map((column) =>
    column.reduce((sum, value) => sum + value, 0)
  )
  const line = (name: string, spent: number, times: number) =>
    `${name.padEnd(32)}${spent.toFixed(2).padStart(8)} ms ${String(times).padStart(6)}`
  const shown = all.slice(0, 12).map((one) => line(`  ${one.operator}`, one.milliseconds, one.count))
  return [line(title, time!, count!), ...shown].join("\n")
}

const { cells, isJson } = options(
  "bench:profile",
  "Tells what each operator of a step takes, in our graph and in the limit's."
)
const models = await bring()
if (typeof models !== "string") {
  console.error(`The models cannot be made: ${models.skipped}.`)
  process.exit(1)
}
for (const cell of cells) {
  const results = { mulligan: await ours(models, cell), raw: await raw(models, cell) }
  if (isJson) console.log(JSON.stringify({ cell: nameOf(cell), ...results }))
  else for (const [name, all] of Object.entries(results)) console.log(table(`${nameOf(cell)}, ${name}`, all))
}
