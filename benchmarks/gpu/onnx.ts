// The ONNX engine on a CUDA device: the laws on every model in the repository, how far its probabilities are from those of the
// plain graph on the CPU, and tokens per second of the pocket model. Run it by onnx.sh, which sees to the libraries;
// `--device cpu` tries the same driver without one, and writes to tmp/bench.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { basename, join } from "node:path"
import { parseArgs } from "node:util"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import { OnnxBackend } from "@mulligan/onnx"
import { Candidates } from "@mulligan/strategies"
import { open } from "../../packages/onnx/src/driver/NodeSession.ts"
import { openDriver } from "../../packages/onnx/src/driver/Open.ts"
import { openCapi } from "../../packages/onnx/src/driver/OpenCapi.ts"
import * as Verify from "../../packages/onnx/src/driver/Verify.ts"
import * as ModelConfig from "../../packages/onnx/src/ModelConfig.ts"
import * as Families from "../../packages/onnx/test/families.ts"
import { observed, subjects } from "../../packages/onnx/test/subjects.ts"
import { root } from "../../scripts/checks/run.ts"
import { type Line, named } from "../../scripts/laws/Line.ts"
import { cuda } from "../onnx/Command.ts"
import { median } from "../onnx/Figures.ts"

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    tokens: { type: "string", default: "128" },
    rounds: { type: "string", default: "5" },
    models: { type: "string", default: "models/pocket" },
    only: { type: "string", default: "" }
  }
})
const isCuda = values.device !== "cpu"
const [tokens, rounds] = [Number(values.tokens), Number(values.rounds)]

const EXACT = 1e-3

interface Tried {
  readonly name: string
  readonly options: OnnxBackend.Options
  readonly known: Effect.Effect<Families.Known, unknown>
  /** How far a probability may be from the plain graph's on the CPU, where rounding is another. */
  readonly limit: number
}

/** The older models; then every family, exporter and precision. */
const models = (): ReadonlyArray<Tried> => {
  const older = subjects().map(({ model, name, subject }) => ({
    name,
    options: { model },
    known: Effect.succeed(subject),
    limit: EXACT
  }))
  const families = Families.all().map((family) => ({
    name: family.name,
    options: family.options,
    known: Families.subject(family, isCuda ? "cuda" : "cpu"),
    limit: family.isDynamic ? 0.2 : family.isHalf || (isCuda && family.name.endsWith("int4")) ? 0.05 : EXACT
  }))
  return [...older, ...families].filter(({ name }) => new RegExp(values.only).test(name))
}

/** The device's driver in any case. */
const placed = isCuda ? ({ device: "cuda" } as const) : ({ cache: "device" } as const)
/** TensorFloat-32 keeps ten bits of a fraction, too few for laws that compare with single precision. */
const exact = isCuda ? { ...placed, cudaOptions: { use_tf32: "0" } } : placed

/** The laws on one model; what keeps it from being opened is a line too, so that the others still have their turn. */
const lawsOf = ({ known, name, options }: Tried) =>
  Effect.flatMap(known, (subject) =>
    Effect.flatMap(observed(subject), BackendLaws.run).pipe(Effect.provide(OnnxBackend.layer({ ...options, ...exact })))
  ).pipe(
    Effect.catchCause((cause) => Effect.succeed([{ law: "open", ...unopened(Cause.squash(cause)) }])),
    Effect.map((results) => named(`onnx:${name} (${values.device})`, results)),
    Effect.tap((lines) => Effect.sync(() => lines.forEach(tell)))
  )

/** A graph that is not rewritten is refused where the cache is on the device: that is as it should be. */
const unopened = (error: unknown): Pick<BackendLaws.Result, "outcome" | "detail"> => {
  // Results are for others to read, on whose machines models lie elsewhere.
  const detail = (error instanceof Error ? error.message : String(error)).replaceAll(`${root}/`, "")
  return { outcome: /cannot keep its cache on the device/.test(detail) ? "unsupported" : "failed", detail }
}

const tell = ({ backend, detail, law, outcome }: Line): void =>
  console.log(`${outcome.padEnd(11)} ${backend.padEnd(44)} ${law.padEnd(16)} ${detail}`)

/** The largest difference of a probability from the plain graph on the CPU; null where one of the two cannot be opened. */
const difference = async ({ options }: Tried): Promise<number | null> => {
  const config = await Effect.runPromise(ModelConfig.read(options.model, options))
  const opened = await Promise.allSettled([openCapi(config, exact), openDriver(config, { graph: "plain" }, open)])
  const [driver, plain] = opened.map((one) => (one.status === "fulfilled" ? one.value : undefined))
  const worst = driver === undefined || plain === undefined ? null : await Verify.measure(driver, plain, config)
  await driver?.close()
  await plain?.close()
  return worst
}

const differences = async () => {
  const all: Record<string, number | null> = {}
  for (const tried of models()) {
    const found = await difference(tried)
    all[tried.name] = found
    console.log(`difference  ${tried.name.padEnd(44)} ${found?.toExponential(1) ?? "not opened"}`)
  }
  return all
}

/** Tokens per second from the call to the last token; the prompt is new each time. */
const rate = (count: number, round: number) =>
  Effect.gen(function* () {
    const begun = performance.now()
    const prompt = `${round}: make 24 from 3 5 7 11.`
    const drafts = yield* Candidates.fromPrompt(prompt, { count, seed: round }).pipe(
      Candidates.generate({ maxTokens: tokens, concurrency: "unbounded" }),
      Stream.runCollect
    )
    return drafts.reduce((sum, draft) => sum + draft.tokens.length, 0) / ((performance.now() - begun) / 1000)
  })

const speed = (model: string) =>
  Effect.forEach([1, 4, 16, 64], (count) =>
    Effect.gen(function* () {
      yield* rate(count, -1) // The first of its kind pays for more than itself.
      const all = yield* Effect.forEach(
        Array.from({ length: rounds }, (_, round) => round),
        (round) => rate(count, round)
      )
      const figure = `tokensPerSecond_${values.device}_${basename(model)}_n${count}`
      return {
        figure,
        value: Math.round(median(all)),
        min: Math.round(Math.min(...all)),
        max: Math.round(Math.max(...all))
      }
    })
  ).pipe(Effect.provide(OnnxBackend.layer({ model, ...placed })))

const device = isCuda ? cuda() : `${cpus()[0]?.model}, ${cpus().length} cores`
const lines = (await Effect.runPromise(Effect.forEach(models(), lawsOf, { concurrency: 4 }))).flat()
const found = await differences()
const folders = values.models.split(",").map((model) => join(root, model))
const lacking = folders.filter((model) => !existsSync(model))
if (lacking.length > 0) throw new Error(`There is no model in ${lacking.join(", ")}.`)
const figures = (await Effect.runPromise(Effect.forEach(folders, speed))).flat()
for (const { figure, max, min, value } of figures) console.log(`${figure.padEnd(48)} ${value}  ${min} to ${max}`)
const date = new Date().toISOString().slice(0, 10)
const at = { date, device, node: process.version, onnxruntime: "1.30.0", tokens, rounds, driver: placed }
const isWhole = isCuda && values.only === ""
const folder = join(root, isWhole ? "benchmarks/results" : "tmp/bench")
mkdirSync(folder, { recursive: true })
const file = join(folder, `${date}-laws-${values.device}.json`)
writeFileSync(file, `${JSON.stringify({ ...at, laws: lines, differences: found, figures }, null, 2)}\n`)
const failed = lines.filter(({ outcome }) => outcome === "failed")
const off = models().filter(({ limit, name }) => !((found[name] ?? 0) < limit))
for (const { name } of off) console.log(`beyond rounding: ${name}`)
console.log(`checks: ${lines.length - failed.length} passed, ${failed.length} failed; ${off.length} beyond rounding`)
console.log(`${device}: ${file}`)
process.exitCode = failed.length + off.length > 0 ? 1 : 0
