/**
 * The thread that owns the session: a run blocks it, and nobody else. Messages are answered in their order.
 */
import { parentPort } from "node:worker_threads"
import type { Driver, Reading } from "../Driver.ts"
import { open } from "./NodeSession.ts"
import { openDriver } from "./Open.ts"
import { ProblemError } from "./Problem.ts"
import type { FromWorker, ToWorker } from "./Protocol.ts"

const port = parentPort!
let driver: Driver | undefined

/** Whole logits change hands without a copy. */
const buffers = (readings: ReadonlyArray<Reading>) =>
  readings.flatMap(({ logits }) => (logits === undefined ? [] : [logits.buffer as ArrayBuffer]))

const say = (message: FromWorker): void =>
  port.postMessage(message, message.type === "stepped" ? buffers(message.stepped.readings) : [])

const load = async ({ config, options }: Extract<ToWorker, { type: "load" }>): Promise<void> => {
  try {
    driver = await openDriver(config, options, open)
    say({ type: "loaded", abilities: driver.abilities })
  } catch (cause) {
    if (cause instanceof ProblemError) return say({ type: "refused", problem: cause.problem })
    say({ type: "failed", message: String(cause) })
  }
}

/** Nobody waits for these, so what one of them throws is said by the next step. */
let broken: unknown

const tell = (message: Exclude<ToWorker, { type: "load" | "step" | "close" }>): void => {
  try {
    if (message.type === "open") driver?.open(message.prefix, message.capacity, message.like)
    else if (message.type === "fork") driver?.fork(message.from, message.to, message.length)
    else driver?.drop(message.handles)
  } catch (cause) {
    broken ??= cause
  }
}

const step = async (message: Extract<ToWorker, { type: "step" }>): Promise<void> => {
  try {
    if (broken !== undefined) throw broken
    say({ type: "stepped", stepped: await driver!.step(message.step) })
  } catch (cause) {
    say({ type: "failed", message: cause instanceof Error ? cause.message : String(cause) })
  }
  broken = undefined
}

const close = async (): Promise<void> => {
  await driver?.close()
  say({ type: "closed" })
  port.close()
}

const answer = (message: ToWorker): Promise<void> | void => {
  if (message.type === "load") return load(message)
  if (message.type === "step") return step(message)
  return message.type === "close" ? close() : tell(message)
}

let last = Promise.resolve()
port.on("message", (message: ToWorker) => {
  last = last.then(() => answer(message))
})
