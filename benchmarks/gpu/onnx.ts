// The ONNX engine on a CUDA device: the laws on every model in the repository, how far its probabilities are from those of the
// plain graph on the CPU, and tokens per second. Run it by onnx.sh, which sees to the libraries; `--device cpu` tries the same
// driver without one, and writes to tmp/bench.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
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
import { observed, subjects } from "../../packages/onnx/test/subjects.ts"
import { root } from "../../scripts/checks/run.ts"
import { named } from "../../scripts/laws/Line.ts"

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    tokens: { type: "string", default: "128" },
    rounds: { type: "string", default: "5" },
    models: { type: "string", default: "models/pocket" }
  }
})
const isCuda = values.device !== "cpu"
const [tokens, rounds] = [Number(values.tokens), Number(values.rounds)]

/** The device's driver in any case. */
const placed = isCuda ? ({ device: "cuda" } as const) : ({ cache: "device" } as const)
/** TensorFloat-32 keeps ten bits of a fraction, too few for laws that compare with single precision. */
const exact = isCuda ? { ...placed, cudaOptions: { use_tf32: "0" } } : placed

const laws = Effect.forEach(subjects(), ({ model, name, subject }) =>
  Effect.flatMap(observed(subject), BackendLaws.run).pipe(
    Effect.map((results) => named(`onnx:${name} (${values.device})`, results)),
    Effect.provide(OnnxBackend.layer({ model, ...exact }))
  )
).pipe(Effect.map((all) => all.flat()))

/** The largest difference of a probability. */
const difference = async (model: string): Promise<number> => {
  const config = await Effect.runPromise(ModelConfig.read(model))
  const [driver, plain] = [await openCapi(config, exact), await openDriver(config, { graph: "plain" }, open)]
  const worst = await Verify.measure(driver, plain, config)
  await driver.close()
  await plain.close()
  return worst
}

const differences = async () => {
  const all: Record<string, number> = {}
  for (const { model, name } of subjects()) all[name] = await difference(model)
  return all
}

const median = (all: ReadonlyArray<number>): number => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN

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

const nameOfDevice = (): string =>
  isCuda
    ? execFileSync("nvidia-smi", ["--query-gpu=name,driver_version", "--format=csv,noheader"], { encoding: "utf8" })
        .trim()
        .split("\n")[0]!
    : `${cpus()[0]?.model}, ${cpus().length} cores`

const device = nameOfDevice()
const lines = await Effect.runPromise(laws)
const found = await differences()
const models = values.models.split(",").map((model) => join(root, model))
const lacking = models.filter((model) => !existsSync(model))
if (lacking.length > 0) throw new Error(`There is no model in ${lacking.join(", ")}.`)
const figures = (await Effect.runPromise(Effect.forEach(models, speed))).flat()
const date = new Date().toISOString().slice(0, 10)
const at = { date, device, node: process.version, onnxruntime: "1.30.0", tokens, rounds, driver: placed }
const folder = join(root, isCuda ? "benchmarks/results" : "tmp/bench")
mkdirSync(folder, { recursive: true })
const file = join(folder, `${date}-onnx-${values.device}.json`)
writeFileSync(file, `${JSON.stringify({ ...at, laws: lines, differences: found, figures }, null, 2)}\n`)
for (const { backend, detail, law, outcome } of lines)
  console.log(`${outcome.padEnd(11)} ${backend.padEnd(28)} ${law.padEnd(16)} ${detail}`)
for (const [name, worst] of Object.entries(found))
  console.log(`difference  ${name.padEnd(28)} ${worst.toExponential(1)}`)
for (const { figure, max, min, value } of figures) console.log(`${figure.padEnd(48)} ${value}  ${min} to ${max}`)
console.log(`${device}: ${file}`)
// Open or not: a law that failed on the device, or a difference beyond rounding, is a failure of the whole.
const failed =
  lines.some(({ outcome }) => outcome === "failed") || Object.values(found).some((worst) => !(worst < 1e-3))
process.exitCode = failed ? 1 : 0
