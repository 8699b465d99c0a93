// One contender measures one cell in a process of its own, which is told a job and answers with one line.
import { spawn } from "node:child_process"
import { join } from "node:path"
import { root } from "../../scripts/checks/run.ts"
import type { Cell, Device } from "./Cell.ts"

export interface Job extends Cell {
  /** The model's folder with all forms of this precision. */
  readonly folder: string
  /** Tokens that each draft draws, no less and no more. */
  readonly tokens: number
  readonly threads: number
  readonly device: Device
  readonly seed: number
  /** The prompt as text and as tokens, and a short one to warm up with. */
  readonly text: string
  readonly ids: ReadonlyArray<number>
  readonly warmText: string
  readonly warmIds: ReadonlyArray<number>
  /** Tokens that `Measured.greedy` has. */
  readonly greedy: number
  /** Two, of one token each. */
  readonly labels: ReadonlyArray<string>
  /** Questions by their number of tokens; none: no evaluation is measured. */
  readonly questions: Readonly<Record<string, string>>
}

/** A model was loaded; all was done once; the prompt was read by the first token of the last draft; all is drawn. */
export const stages = ["Loaded", "Warm", "Read", "Drawn"] as const
export type Stage = (typeof stages)[number]

/** What a process holds in memory by the system's own word, in bytes. */
export interface Memory {
  readonly now: number
  /** The most that it ever held. */
  readonly peak: number
}

export interface Measured {
  /** From the call to the first token of the last draft. */
  readonly prefillMs: number
  /** One token more for every draft, after the first. */
  readonly stepMs: number
  /** From the call to the last token. */
  readonly totalMs: number
  /** Tokens of each draft, counted. */
  readonly lengths: ReadonlyArray<number>
  /** Drafts that differ from all others. */
  readonly distinct: number
  /** The process's peak, less what it was with the library loaded and no model; null where it cannot be read. */
  readonly peakBytes: number | null
  /** The same at each stage, now and at its most until then, in bytes; left out where the contender does not look. */
  readonly memory?: Readonly<Partial<Record<Stage, Memory>>>
  /** Between two ticks of the event loop while drafts are drawn; null where there is none. */
  readonly longestGapMs: number | null
  /** By the question's number of tokens; for all drafts at half length. */
  readonly evaluationMs?: Readonly<Record<string, number>>
  /** Of a step; null where the backend does not tell. */
  readonly jsShare?: number | null
  /** The likeliest tokens after the short prompt: the same for all who have the same weights. */
  readonly greedy: ReadonlyArray<number>
  readonly version: string
}

export interface Failed {
  readonly failed: string
}

export interface Contender {
  readonly name: string
  /** The command that takes a job as its last argument. */
  readonly command: ReadonlyArray<string>
  /** Drafts are drawn at random, so that two alike are a mistake. */
  readonly isRandom: boolean
  /** Whether it takes part in a cell; left out: in all. */
  readonly takes?: (cell: Cell) => boolean
}

const MARK = "MEASURED "

/** For the process that measures. */
export const answer = (measured: Measured): void => console.log(MARK + JSON.stringify(measured))

/** A measurement that is not of what was asked is none. */
const checked = (contender: Contender, job: Job, measured: Measured): Measured | Failed => {
  const { distinct, lengths } = measured
  if (lengths.length !== job.n || lengths.some((length) => length !== job.tokens))
    return { failed: `drew ${lengths.join(", ")} tokens, not ${job.n} times ${job.tokens}` }
  if (contender.isRandom && distinct < job.n) return { failed: `${job.n - distinct} of ${job.n} drafts are copies` }
  return measured
}

const QUIET = { ONNXRUNTIME_NODE_INSTALL: "skip", HF_HUB_OFFLINE: "1", PYTHONDONTWRITEBYTECODE: "1" }
const LIMIT_MS = 600_000

export const take = (contender: Contender, job: Job): Promise<Measured | Failed> =>
  new Promise((resolve) => {
    const [command = "", ...args] = contender.command
    const options = { cwd: root, env: { ...process.env, ...QUIET }, timeout: LIMIT_MS }
    const child = spawn(command, [...args, JSON.stringify(job)], { ...options, stdio: ["ignore", "pipe", "pipe"] })
    let [out, error] = ["", ""]
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (error = (error + text).slice(-4000)))
    child.on("error", ({ message }) => resolve({ failed: message }))
    child.on("close", (code, signal) => {
      const line = out.split("\n").findLast((text) => text.startsWith(MARK))
      const why = error.split("\n").find((text) => /^\w*Error\b.*: /.test(text)) ?? (error || out).trim().slice(-300)
      if (code === 0 && line !== undefined)
        resolve(checked(contender, job, JSON.parse(line.slice(MARK.length)) as Measured))
      else resolve({ failed: `ended with ${signal ?? code}: ${why}` })
    })
  })

export const inNode = (file: string): ReadonlyArray<string> => [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  join(root, "benchmarks", file)
]
