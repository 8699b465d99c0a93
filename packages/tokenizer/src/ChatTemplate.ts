/**
 * Chat messages to token ids, by the model's own template.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as BackendError from "@mulligan/core/BackendError"
import type { Message } from "@mulligan/core/Prompt"
import { type Files, type Origin, template } from "./Files.ts"
import { decoded } from "./internal/decoded.ts"
import * as Renderer from "./internal/renderer.ts"
import type { Tokenizer } from "./Tokenizer.ts"

type Encoded<A> = Effect.Effect<A, BackendError.BackendError>

export interface ChatTemplate {
  /** Ids of a conversation up to where the model's next answer begins. */
  readonly prompt: (messages: ReadonlyArray<Message>) => Encoded<ReadonlyArray<number>>
  /** Ids of a conversation as it stands, an answer at its end closed: what a reward model reads. */
  readonly conversation: (messages: ReadonlyArray<Message>) => Encoded<ReadonlyArray<number>>
  /**
   * Ids from the end of an answer, over a user turn with this question, to where the model's reply begins. A model that
   * reasons is asked for its reply at once.
   */
  readonly question: (text: string) => Encoded<ReadonlyArray<number>>
  /**
   * What `prompt` encodes, for engines that take text alone. A message that spells a control token is refused: in a text
   * nothing keeps it apart from the template's own.
   */
  readonly text: (messages: ReadonlyArray<Message>) => Encoded<string>
  /** What `question` encodes, likewise. */
  readonly questionText: (text: string) => Encoded<string>
}

const REMEMBERED = 1000

const SpecialToken = Schema.Union([Schema.String, Schema.Null, Schema.Record(Schema.String, Schema.Unknown)])
const Config = Schema.Struct({
  bos_token: Schema.optionalKey(SpecialToken),
  eos_token: Schema.optionalKey(SpecialToken)
})

const asText = (token: typeof SpecialToken.Type | undefined): string =>
  typeof token === "string" ? token : typeof token?.["content"] === "string" ? token["content"] : ""

interface Chat {
  readonly tokenizer: Tokenizer
  readonly render: Renderer.Render
  readonly backend: string
}

/** Stands for a text that must be found again in what the template made of it. */
const mark = (i: number) => `\uE000${i}\uE001`
const marks = /\uE000(\d+)\uE001/
/** Where the last mark of this number is among the parts; between two marks stands what the template wrote. */
const markAt = (parts: ReadonlyArray<string>, i: number): number =>
  parts.findLastIndex((part, at) => at % 2 === 1 && part === String(i))

const inseparable = (backend: string) =>
  BackendError.invalid(
    backend,
    "The chat template hides where a message ends, and a message spells a control token.",
    "Take the control token out of the message, or use another template."
  )
const unwritable = (backend: string) =>
  BackendError.invalid(
    backend,
    "A message spells a control token, and in a prompt of text nothing keeps it apart from the template's own.",
    "Take the control token out of the message."
  )
const unaskable = (backend: string) =>
  BackendError.unsupported(
    backend,
    "question",
    "The chat template does not write an answer and then a question, so nothing can be asked after an answer.",
    "Use another template, or give the prompt as text."
  )

/** Encodes as the reference does; undefined if that shows other control tokens than those that the template wrote. */
const encodeWhole = ({ tokenizer }: Chat, whole: string, written: ReadonlyArray<string>) => {
  const ids = tokenizer.encodeTemplate(whole)
  const own = written.flatMap((part) => tokenizer.controls(tokenizer.encodeTemplate(part)))
  return String(tokenizer.controls(ids)) === String(own) ? ids : undefined
}

/** What the template writes behind an answer that the user began: the model goes on before it. */
const behind = (parts: ReadonlyArray<string>, messages: ReadonlyArray<Message>): string => {
  const isBegun = messages.at(-1)?.role === "assistant" && markAt(parts, messages.length - 1) === parts.length - 2
  return isBegun ? (parts.at(-1) ?? "") : ""
}

const renderChat = (chat: Chat, messages: ReadonlyArray<Message>, isOpen: boolean) =>
  Effect.gen(function* () {
    const whole = yield* chat.render(messages)
    const all = (yield* chat.render(messages.map((m, i) => ({ ...m, content: mark(i) })))).split(marks)
    const after = isOpen ? behind(all, messages) : ""
    const isCut = whole.endsWith(after)
    const parts = isCut && after !== "" ? [...all.slice(0, -1), ""] : all
    const text = isCut ? whole.slice(0, whole.length - after.length) : whole
    const written = parts.filter((_, i) => i % 2 === 0)
    return { whole: text, parts, ids: encodeWhole(chat, text, written) }
  })

/**
 * Encodes a conversation so that no text of a user becomes a control token: as the reference does it, or else template
 * and texts apart.
 */
const encodeChat = (chat: Chat, messages: ReadonlyArray<Message>, isOpen: boolean) =>
  Effect.gen(function* () {
    const { backend, tokenizer } = chat
    const { ids, parts } = yield* renderChat(chat, messages, isOpen)
    if (ids !== undefined) return ids
    if (messages.some((_, i) => markAt(parts, i) < 0)) return yield* inseparable(backend)
    const apart = yield* Effect.forEach(parts, (part, i) =>
      i % 2 === 0
        ? Effect.succeed(tokenizer.encodeTemplate(part))
        : tokenizer.encodeUser(messages[Number(part)]?.content ?? "", false)
    )
    return apart.flat()
  })

const writeChat = (chat: Chat, messages: ReadonlyArray<Message>) =>
  Effect.flatMap(renderChat(chat, messages, true), ({ ids, whole }) =>
    ids === undefined ? unwritable(chat.backend) : Effect.succeed(whole)
  )

/** Some templates open the reasoning themselves, whatever they are told; a label must not have to wait for its end. */
const withoutReasoning = (after: string) => (/<think>\n?$/.test(after) ? `${after}</think>\n\n` : after)

/** What the template writes before and after a question. */
const renderQuestion = (chat: Chat, text: string) =>
  Effect.gen(function* () {
    const answered: ReadonlyArray<Message> = [
      { role: "user", content: mark(0) },
      { role: "assistant", content: mark(1) },
      { role: "user", content: mark(2) }
    ]
    const parts = (yield* chat.render(answered, { enable_thinking: false })).split(marks)
    const at = markAt(parts, 1)
    if (at < 0 || markAt(parts, 2) !== at + 2) return yield* unaskable(chat.backend)
    const before = parts[at + 1] ?? ""
    const after = withoutReasoning(parts[at + 3] ?? "")
    const whole = before + text + after
    return { before, after, whole, ids: encodeWhole(chat, whole, [before, after]) }
  })

const encodeQuestion = (chat: Chat, text: string) =>
  Effect.gen(function* () {
    const { after, before, ids } = yield* renderQuestion(chat, text)
    if (ids !== undefined) return ids
    const { encodeTemplate, encodeUser } = chat.tokenizer
    return [...encodeTemplate(before), ...(yield* encodeUser(text, false)), ...encodeTemplate(after)]
  })

const writeQuestion = (chat: Chat, text: string) =>
  Effect.flatMap(renderQuestion(chat, text), ({ ids, whole }) =>
    ids === undefined ? unwritable(chat.backend) : Effect.succeed(whole)
  )

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

const missing = ({ backend, name }: Origin): ChatTemplate => {
  const fail = BackendError.unsupported(
    backend,
    "chat",
    `${name} has no chat template.`,
    "Give the prompt as text, or add chat_template to tokenizer_config.json."
  )
  return {
    prompt: () => fail,
    conversation: () => fail,
    question: () => fail,
    text: () => fail,
    questionText: () => fail
  }
}

/** Makes the model's template; without one, every conversation is refused by the name of what is lacking. */
export const make = (
  files: Files,
  tokenizer: Tokenizer,
  origin: Origin
): Effect.Effect<ChatTemplate, BackendError.BackendError, Scope.Scope> =>
  Effect.gen(function* () {
    const config = yield* decoded(Config, files.config, "tokenizer_config.json", origin)
    const written = yield* template(files, origin)
    if (written === undefined) return missing(origin)
    const tokens = { bos_token: asText(config.bos_token), eos_token: asText(config.eos_token) }
    const render = yield* Renderer.make(written, tokens, origin)
    const chat = { tokenizer, render, backend: origin.backend }
    return {
      prompt: remembered((messages: ReadonlyArray<Message>) => encodeChat(chat, messages, true)),
      conversation: (messages) => encodeChat(chat, messages, false),
      question: remembered((text: string) => encodeQuestion(chat, text)),
      text: remembered((messages: ReadonlyArray<Message>) => writeChat(chat, messages)),
      questionText: remembered((text: string) => writeQuestion(chat, text))
    }
  })
