/**
 * A driver in a worker thread, so that the main event loop is never blocked by a run.
 */
import { setFlagsFromString } from "node:v8"
import { Worker } from "node:worker_threads"
import type { Abilities, Driver, Step, Stepped } from "../Driver.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import type { DriverOptions } from "./Open.ts"
import { EndedError, ProblemError } from "./Problem.ts"
import type { FromWorker, ToWorker } from "./Protocol.ts"

/** A step leaves less than a megabyte of garbage, for which V8 would set aside up to 67. */
const YOUNG_MB = 2

const ended = "the thread of the model has ended"

interface Waiting {
  readonly resolve: (message: FromWorker) => void
  readonly reject: (cause: unknown) => void
}

/** In the repository; the package is JavaScript, and so is its worker. */
const isTypeScript = import.meta.url.endsWith(".ts")
const entry = () => new URL(isTypeScript ? "./worker.ts" : "./worker.js", import.meta.url)

// A thread's types are stripped by WebAssembly, and where threads come and go V8 13.6 at times frees a call out of it twice,
// once it has optimised it: the process dies. So it never does (nodejs/node#64500).
if (isTypeScript) setFlagsFromString("--wasm-wrapper-tiering-budget=2147483647")

/** Requests and answers in turn; whoever waits when the thread ends is told. */
class Line {
  readonly #worker: Worker
  readonly #waiting: Array<Waiting> = []
  #isOver = false
  constructor() {
    this.#worker = new Worker(entry(), {
      name: "mulligan onnx",
      stdout: false,
      stderr: false,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB }
    })
    this.#worker.on("message", (message: FromWorker) => this.#waiting.shift()?.resolve(message))
    this.#worker.on("error", (cause) => this.#end(new EndedError(String(cause))))
    this.#worker.on("exit", () => this.#end(new EndedError(ended)))
  }
  #end(cause: unknown): void {
    this.#isOver = true
    for (const { reject } of this.#waiting.splice(0)) reject(cause)
  }
  tell(message: ToWorker): void {
    this.#worker.postMessage(message)
  }
  ask(message: ToWorker): Promise<FromWorker> {
    if (this.#isOver) return Promise.reject(new EndedError(ended))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.tell(message)
    })
  }
  async end(): Promise<void> {
    await this.ask({ type: "close" }).catch(() => undefined)
    await this.#worker.terminate()
  }
}

class WorkerDriver implements Driver {
  readonly abilities: Abilities
  readonly #line: Line
  constructor(line: Line, abilities: Abilities) {
    this.#line = line
    this.abilities = abilities
  }
  open: Driver["open"] = (prefix, capacity, like) => this.#line.tell({ type: "open", prefix, capacity, like })
  fork: Driver["fork"] = (from, to, length) => this.#line.tell({ type: "fork", from, to, length })
  drop: Driver["drop"] = (handles) => this.#line.tell({ type: "drop", handles })
  step: Driver["step"] = async (step: Step): Promise<Stepped> => {
    const answer = await this.#line.ask({ type: "step", step })
    if (answer.type === "stepped") return answer.stepped
    throw answer.type === "failed" ? new Error(answer.message) : new EndedError(ended)
  }
  close: Driver["close"] = () => this.#line.end()
}

/** Loads a model in a thread of its own. Rejects with `ProblemError`; closing ends the thread. */
export const openInWorker = async (config: ModelConfig, options: DriverOptions): Promise<Driver> => {
  const line = new Line()
  try {
    const answer = await line.ask({ type: "load", config, options })
    if (answer.type === "loaded") return new WorkerDriver(line, answer.abilities)
    if (answer.type === "refused") throw new ProblemError(answer.problem)
    throw answer.type === "failed" ? new Error(answer.message) : new EndedError(ended)
  } catch (cause) {
    await line.end()
    throw cause
  }
}
