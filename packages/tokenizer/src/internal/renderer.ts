import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as BackendError from "@mulligan/core/BackendError"
import type { Message } from "@mulligan/core/Prompt"
import type { Origin } from "../Files.ts"
import { type Context, render, type Rendered } from "./render.ts"
import { type Thread, type Threads, threads } from "./threads.ts"

/** Text that a template makes of messages, and of what else it is told. */
export type Render = (
  messages: ReadonlyArray<Message>,
  more?: Readonly<Record<string, unknown>>
) => Effect.Effect<string, BackendError.BackendError>

const RENDER_LIMIT = "2 seconds"
const RENDER_MEMORY_MB = 128

const contextOf = (
  tokens: Readonly<Record<string, string>>,
  messages: ReadonlyArray<Message>,
  more: Readonly<Record<string, unknown>> = {}
): Context => ({ ...tokens, ...more, messages, add_generation_prompt: messages.at(-1)?.role !== "assistant" })

const failed = ({ backend, name }: Origin, problem: string): BackendError.BackendError =>
  BackendError.invalid(
    backend,
    `The chat template of ${name} ${problem}.`,
    "Use another template, or give the prompt as text."
  )

const answer = (origin: Origin, { problem, text }: Rendered): Effect.Effect<string, BackendError.BackendError> =>
  text === undefined ? failed(origin, `failed: ${problem}`) : Effect.succeed(text)

const broken = (origin: Origin) => failed(origin, "broke its renderer, perhaps by filling its memory")

const newThread = ({ Worker }: Threads): Thread => {
  // Not written as bundlers look for it: in a browser the file is of no use.
  const here = import.meta.url
  const file = new URL(`./templateWorker${here.endsWith(".ts") ? ".ts" : ".js"}`, here)
  const thread = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: RENDER_MEMORY_MB } })
  thread.unref() // an idle renderer keeps no program alive
  return thread
}

/**
 * A thread that has said that it is ready: how long that takes on a busy machine is no fault of the template. Undefined:
 * none can be had, for a bundler left its file out, or the program may start none.
 */
const start = (threads: Threads) =>
  Effect.try(() => newThread(threads)).pipe(
    Effect.flatMap((thread) =>
      Effect.callback<Thread | undefined>((resume) => {
        thread.once("message", () => resume(Effect.succeed(thread))).once("error", () => resume(Effect.undefined))
        return Effect.sync(() => void thread.terminate())
      })
    ),
    Effect.catch(() => Effect.undefined)
  )

/** `end` is called where the thread is of no more use. */
const ask = (thread: Thread, message: object, origin: Origin, end: () => void) =>
  Effect.callback<string, BackendError.BackendError>((resume) => {
    thread.once("message", (said: Rendered) => resume(answer(origin, said)))
    // Only these: a worker listens to itself, too.
    thread.removeAllListeners("error").once("error", () => {
      end()
      resume(broken(origin))
    })
    thread.postMessage(message)
    return Effect.sync(end) // interrupted, perhaps because it takes too long: it cannot be stopped in any other way
  })

/** One worker renders all, one after the other; it is ended when it takes too long or too much, and another takes its place. */
export const inWorker = (
  threads: Threads,
  template: string,
  tokens: Readonly<Record<string, string>>,
  origin: Origin
): Effect.Effect<Render, never, Scope.Scope> =>
  Effect.gen(function* () {
    const oneByOne = yield* Semaphore.make(1)
    let worker: Thread | undefined
    const end = () => {
      void worker?.terminate()
      worker = undefined
    }
    yield* Effect.addFinalizer(() => Effect.sync(end))
    const tooLong = () => failed(origin, `took more than ${RENDER_LIMIT}`)
    const here = inThread(template, tokens, origin)
    let isAlone = false
    return (messages, more) =>
      Effect.gen(function* () {
        if (!isAlone) worker ??= yield* start(threads)
        isAlone = worker === undefined
        if (worker === undefined) return yield* here(messages, more)
        const text = ask(worker, { template, context: contextOf(tokens, messages, more) }, origin, end)
        return yield* Effect.timeoutOrElse(text, { duration: RENDER_LIMIT, orElse: tooLong })
      }).pipe(oneByOne.withPermits(1))
  })

/** Renders in this thread, with no limit but on what is written: a template is trusted not to loop for ever. */
export const inThread =
  (template: string, tokens: Readonly<Record<string, string>>, origin: Origin): Render =>
  (messages, more) =>
    Effect.suspend(() => answer(origin, render(template, contextOf(tokens, messages, more))))

/**
 * Renders a model's template, apart from the program where there are threads (Node, Deno, Bun). Where none can be had
 * (browsers, edge runtimes, bundled programs) it runs in the program itself, and a template that never ends stops the program.
 */
export const make = (
  template: string,
  tokens: Readonly<Record<string, string>>,
  origin: Origin
): Effect.Effect<Render, never, Scope.Scope> => {
  const found = threads()
  return found === undefined
    ? Effect.succeed(inThread(template, tokens, origin))
    : inWorker(found, template, tokens, origin)
}
