// What both commands share: options, the table, the files.
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { root } from "../../scripts/checks/run.ts"
import { all, type Cell, type Device, select } from "./Cell.ts"
import { failures, type Figure } from "./Figures.ts"
import { type Plan, type Results, threadsOn } from "./Rounds.ts"

const usage = (name: string, about: string) => `npm run ${name} -- [options]

${about}

  --json           prints an array of { figure, value } and nothing else on standard output
  --cells "…"      only these cells: MODEL PRECISION DRAFTS PROMPT, parts at the end left out for all, several with commas
                   between, as "smol fp32 16 512, smol int4"
  --rounds N       rounds of the cells that a target is about (default 5); the others have fewer
  --device D       cpu (default), or cuda: bench:onnx on a device, in half precision too
  --quick          one round of 16 tokens, to try; what it writes goes to tmp/bench

Results go to benchmarks/results, unless --cells or --quick cut them short (then to tmp/bench). Needs Python 3.11 or newer,
brings what it needs from npm and PyPI once, and 3 GB of models are made in tmp/bench-models.`

export interface Options {
  readonly isJson: boolean
  readonly isQuick: boolean
  readonly isWhole: boolean
  readonly device: Device
  readonly cells: ReadonlyArray<Cell>
  readonly rounds: number
  readonly tokens: number
}

/** Ends the process for `--help` and for options that make no sense. */
export const options = (name: string, about: string): Options => {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      cells: { type: "string" },
      device: { type: "string", default: "cpu" },
      rounds: { type: "string", default: "5" }
    }
  })
  if (values.help) {
    console.log(usage(name, about))
    process.exit(0)
  }
  const rounds = values.quick ? 1 : Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds} is no number of rounds.`)
  const { device } = values
  if (device !== "cpu" && device !== "cuda") throw new Error(`--device ${device} is neither cpu nor cuda.`)
  const cells = values.cells === undefined ? all[device] : select(values.cells, device)
  const isWhole = !values.quick && values.cells === undefined
  return { isJson: values.json, isQuick: values.quick, isWhole, device, cells, rounds, tokens: values.quick ? 16 : 128 }
}

/** By NVIDIA's own word. */
export const cuda = (): string => {
  try {
    const asked = ["--query-gpu=name,driver_version", "--format=csv,noheader"]
    return execFileSync("nvidia-smi", asked, { encoding: "utf8" }).trim().split("\n")[0]!
  } catch {
    throw new Error("There is no nvidia-smi, so no driver from NVIDIA: run it where there is a device.")
  }
}

/** The machine, as it was when the run began. */
export const machine = (device: Device = "cpu") => ({
  date: new Date().toISOString().slice(0, 10),
  machine: `${device === "cuda" ? `${cuda()}, ` : ""}${cpus()[0]?.model}, ${availableParallelism()} cores`,
  node: process.version,
  threads: threadsOn(device),
  load: Number((loadavg()[0] ?? 0).toFixed(2))
})

/** What each contender says its version is. */
const versions = (results: ReadonlyArray<Results>) =>
  Object.fromEntries(
    results.flatMap(({ rounds }) =>
      rounds.flatMap((round) =>
        Object.entries(round).flatMap(([name, measured]) => ("failed" in measured ? [] : [[name, measured.version]]))
      )
    )
  )

export interface Report {
  readonly name: "onnx" | "peers"
  readonly at: ReturnType<typeof machine>
  readonly plan: Plan
  readonly results: ReadonlyArray<Results>
  readonly figures: ReadonlyArray<Figure>
  /** Contenders that could not be had, and why. */
  readonly missing: ReadonlyArray<string>
}

/** Where the files of a run go: a run cut short must not stand where a whole one does. */
export const folderOf = ({ isWhole }: Options, whole: string): string => {
  const folder = join(root, isWhole ? whole : "tmp/bench")
  mkdirSync(folder, { recursive: true })
  return folder
}

export const write = (options: Options, { at, figures, missing, name, plan, results }: Report): void => {
  const { headlineRounds, otherRounds, tokens } = plan
  const failed = [...missing, ...failures(results)]
  const about = { ...at, versions: versions(results), rounds: headlineRounds, otherRounds, tokens, failed }
  const lines = figures.map((figure) => `    ${JSON.stringify(figure)}`).join(",\n")
  const text = `${JSON.stringify(about, null, 2).slice(0, -2)},\n  "figures": [\n${lines}\n  ]\n}\n`
  const file = options.device === "cpu" ? name : `${name}-${options.device}`
  writeFileSync(join(folderOf(options, "benchmarks/results"), `${at.date}-${file}.json`), text)
}

export const print = ({ isJson }: Options, { at, figures, missing, plan, results }: Report): void => {
  for (const problem of [...missing, ...failures(results)]) console.error(`not measured: ${problem}`)
  if (isJson) {
    console.log(
      JSON.stringify(
        figures.map(({ figure, value }) => ({ figure, value })),
        null,
        2
      )
    )
    return
  }
  const told = Object.entries(versions(results)).map(([name, version]) => `${name} ${version}`)
  console.log(`${at.date}, ${at.machine}, load ${at.load}, Node ${at.node}, ${at.threads} threads, ${told.join(", ")}`)
  console.log(`${plan.headlineRounds} rounds, other cells ${plan.otherRounds}; ${plan.tokens} tokens a draft\n`)
  const width = Math.max(...figures.map(({ figure }) => figure.length))
  for (const { figure, max, min, value } of figures)
    console.log(
      `${figure.padEnd(width)}  ${String(value ?? "missing").padStart(8)}  ${value === null ? "" : `${min} to ${max}`}`
    )
}
