/**
 * Chat messages to token ids, by the model's own template.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { extname } from "node:path"
import { Worker } from "node:worker_threads"
import type * as BackendError from "@mulligan/core/BackendError"
import type { Message } from "@mulligan/core/Prompt"
import { invalid, unsupported } from "./internal/errors.ts"
import { chatTemplate, readJson } from "./ModelConfig.ts"
import type { Tokenizer } from "./Tokenizer.ts"

export interface ChatTemplate {
  /** Ids of a conversation up to where the model's next answer begins. */
  readonly prompt: (messages: ReadonlyArray<Message>) => Effect.Effect<ReadonlyArray<number>, BackendError.BackendError>
  /** Ids from the end of an answer, over a user turn with this question, to where the model's reply begins. */
  readonly question: (text: string) => Effect.Effect<ReadonlyArray<number>, BackendError.BackendError>
}

const RENDER_LIMIT = "2 seconds"
const RENDER_MEMORY_MB = 128
const REMEMBERED = 1000

const SpecialToken = Schema.Union([Schema.String, Schema.Null, Schema.Record(Schema.String, Schema.Unknown)])
const TokenizerConfig = Schema.Struct({
  bos_token: Schema.optionalKey(SpecialToken),
  eos_token: Schema.optionalKey(SpecialToken)
})

const asText = (token: typeof SpecialToken.Type | undefined): string =>
  typeof token === "string" ? token : typeof token?.["content"] === "string" ? token["content"] : ""

type Render = (messages: ReadonlyArray<Message>) => Effect.Effect<string, BackendError.BackendError>

/** One worker renders all, one after the other; it is ended when it takes too long or too much, and another takes its place. */
const renderer = (
  folder: string,
  template: string,
  tokens: Record<string, string>
): Effect.Effect<Render, never, Scope.Scope> =>
  Effect.gen(function* () {
    const oneByOne = yield* Semaphore.make(1)
    let worker: Worker | undefined
    const end = () => {
      void worker?.terminate()
      worker = undefined
    }
    yield* Effect.addFinalizer(() => Effect.sync(end))
    const failed = (problem: string) =>
      invalid(`The chat template of ${folder} ${problem}.`, "Use another template, or give the prompt as text.")
    return (messages) =>
      Effect.callback<string, BackendError.BackendError>((resume) => {
        const current = (worker ??= startWorker())
          .removeAllListeners()
          .once("message", (said: Rendered) =>
            resume(said.text === undefined ? Effect.fail(failed(`failed: ${said.problem}`)) : Effect.succeed(said.text))
          )
        current.once("error", () => {
          end()
          resume(Effect.fail(failed("broke its renderer, perhaps by filling its memory")))
        })
        current.postMessage({
          template,
          context: { ...tokens, messages, add_generation_prompt: messages.at(-1)?.role !== "assistant" }
        })
        return Effect.sync(end) // interrupted, perhaps because it takes too long: it cannot be stopped in any other way
      }).pipe(
        Effect.timeoutOrElse({
          duration: RENDER_LIMIT,
          orElse: () => Effect.fail(failed(`took more than ${RENDER_LIMIT}`))
        }),
        oneByOne.withPermits(1)
      )
  })

interface Rendered {
  readonly text?: string
  readonly problem?: string
}

const startWorker = () => {
  const file = new URL(`./internal/templateWorker${extname(import.meta.url)}`, import.meta.url)
  const worker = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: RENDER_MEMORY_MB } })
  worker.unref() // an idle renderer keeps no program alive
  return worker
}

/** Stands for a text that must be found again in what the template made of it. */
const mark = (i: number) => `\uE000${i}\uE001`
const marks = /\uE000(\d+)\uE001/
/** Where the last mark of this number is among the parts; between two marks stands what the template wrote. */
const markAt = (parts: ReadonlyArray<string>, i: number): number =>
  parts.findLastIndex((part, at) => at % 2 === 1 && part === String(i))

const inseparable = invalid(
  "The chat template hides where a message ends, and a message spells a control token.",
  "Take the control token out of the message, or use another template."
)
const unaskable = unsupported(
  "question",
  "The chat template does not write an answer and then a question, so nothing can be asked after an answer.",
  "Use another template, or give the prompt as text."
)

/**
 * Encodes a conversation so that no text of a user becomes a control token. What the template writes is encoded as the
 * reference does it, unless that shows other control tokens than the template's own; then template and texts are encoded
 * apart.
 */
const encodeChat = (tokenizer: Tokenizer, render: Render, messages: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    const rendered = yield* render(messages)
    const ids = tokenizer.encodeTemplate(rendered)
    const parts = (yield* render(messages.map((m, i) => ({ ...m, content: mark(i) })))).split(marks)
    const own = parts.flatMap((part, i) => (i % 2 === 0 ? tokenizer.controls(tokenizer.encodeTemplate(part)) : []))
    if (String(tokenizer.controls(ids)) === String(own)) return ids
    if (messages.some((_, i) => markAt(parts, i) < 0)) return yield* inseparable
    const apart = yield* Effect.forEach(parts, (part, i) =>
      i % 2 === 0
        ? Effect.succeed(tokenizer.encodeTemplate(part))
        : tokenizer.encodeUser(messages[Number(part)]?.content ?? "", false)
    )
    return apart.flat()
  })

const encodeQuestion = (tokenizer: Tokenizer, render: Render, text: string) =>
  Effect.gen(function* () {
    const answered: ReadonlyArray<Message> = [
      { role: "user", content: mark(0) },
      { role: "assistant", content: mark(1) },
      { role: "user", content: mark(2) }
    ]
    const parts = (yield* render(answered)).split(marks)
    const at = markAt(parts, 1)
    if (at < 0 || markAt(parts, 2) !== at + 2) return yield* unaskable
    const between = parts[at + 1] ?? ""
    const after = parts[at + 3] ?? ""
    const ids = tokenizer.encodeTemplate(between + text + after)
    const own = [between, after].flatMap((part) => tokenizer.controls(tokenizer.encodeTemplate(part)))
    if (String(tokenizer.controls(ids)) === String(own)) return ids
    return [
      ...tokenizer.encodeTemplate(between),
      ...(yield* tokenizer.encodeUser(text, false)),
      ...tokenizer.encodeTemplate(after)
    ]
  })

/** Prompts of one run are the same again and again: whoever asks for one that is being made waits for it. The oldest are forgotten. */
const remembered = <K, A, E>(f: (key: K) => Effect.Effect<A, E>) => {
  const known = new Map<string, A>()
  const oneByOne = Semaphore.makeUnsafe(1)
  const made = (key: K, name: string) =>
    Effect.suspend(() => {
      const value = known.get(name)
      if (value !== undefined) return Effect.succeed(value)
      return Effect.tap(f(key), (fresh) =>
        Effect.sync(() => {
          if (known.size >= REMEMBERED) known.delete(known.keys().next().value!)
          known.set(name, fresh)
        })
      )
    })
  return (key: K): Effect.Effect<A, E> => {
    const name = JSON.stringify(key)
    const value = known.get(name)
    return value === undefined ? oneByOne.withPermits(1)(made(key, name)) : Effect.succeed(value)
  }
}

const missing = (folder: string): ChatTemplate => {
  const fail = unsupported(
    "chat",
    `${folder} has no chat template.`,
    "Give the prompt as text, or add chat_template to tokenizer_config.json."
  )
  return { prompt: () => fail, question: () => fail }
}

/** Reads the folder's template; without one, every conversation is refused by the name of what is lacking. */
export const read = (
  folder: string,
  tokenizer: Tokenizer
): Effect.Effect<ChatTemplate, BackendError.BackendError, Scope.Scope> =>
  Effect.gen(function* () {
    const config = yield* readJson(folder, "tokenizer_config.json", TokenizerConfig)
    const template = yield* chatTemplate(folder)
    if (template === undefined) return missing(folder)
    const tokens = { bos_token: asText(config.bos_token), eos_token: asText(config.eos_token) }
    const render = yield* renderer(folder, template, tokens)
    return {
      prompt: remembered((messages: ReadonlyArray<Message>) => encodeChat(tokenizer, render, messages)),
      question: remembered((text: string) => encodeQuestion(tokenizer, render, text))
    }
  })
