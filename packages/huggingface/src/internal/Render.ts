/**
 * A prompt and what follows it, in the form that the engine continues.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Message, Prompt } from "@mulligan/core/Prompt"
import * as Request from "@mulligan/core/Request"
import type { Token } from "@mulligan/core/Token"
import type { ChatTemplate } from "@mulligan/tokenizer/ChatTemplate"
import type { Tokenizer } from "@mulligan/tokenizer/Tokenizer"
import type { Abilities, Rendered } from "../Dialect.ts"
import { invalid, unsupported } from "./errors.ts"
import { needed } from "./Hub.ts"
import { text as field } from "./json.ts"

export interface Text {
  readonly tokenizer: Tokenizer
  readonly template: ChatTemplate
  /** What the tokenizer itself writes before a text: from a template that writes it too it is taken off. */
  readonly start: string
}

/** The start of a text, by the tokenizer's configuration; empty where the tokenizer does not write it. */
export const startOf = (config: unknown, tokenizer: Tokenizer): Effect.Effect<string, BackendError> =>
  Effect.map(tokenizer.encodeUser("a", true), ([first]) => {
    const start = field(config, "bos_token") ?? field(config, "bos_token", "content") ?? ""
    return start !== "" && tokenizer.encodeTemplate(start)[0] === first ? start : ""
  })

const empty: Rendered = { ids: [], text: "", messages: [] }

/**
 * An end of the answer that was drawn as a token is taken off: the question's turn, or a further one, closes the answer
 * itself, and nothing is read behind an end of text. What goes on has none.
 */
const open = (prefix: ReadonlyArray<Token>, tokenizer: Tokenizer | undefined): ReadonlyArray<Token> => {
  const last = prefix.at(-1)
  if (last?.end === undefined || last.text !== "") return prefix
  const isText = last.id !== undefined && tokenizer !== undefined && tokenizer.controls([last.id]).length === 0
  return isText ? prefix : prefix.slice(0, -1)
}

const asText = (prefix: ReadonlyArray<Token>): string => prefix.map(({ text }) => text).join("")

/** A raw text has no turns, so there the question simply stands on lines of its own. */
const ids = ({ template, tokenizer }: Text, prompt: Prompt, prefix: ReadonlyArray<Token>, question?: string) =>
  Effect.gen(function* () {
    const isText = typeof prompt === "string"
    const before = yield* isText ? tokenizer.encodeUser(prompt, true) : template.prompt(prompt)
    const own = yield* Request.idsOf("huggingface", tokenizer.vocabulary, open(prefix, tokenizer))
    if (question === undefined) return { ...empty, ids: [...before, ...own] }
    const after = yield* isText ? tokenizer.encodeUser(`\n${question}\n`, false) : template.question(question)
    return { ...empty, ids: [...before, ...own, ...after] }
  })

const spelled = invalid(
  "A text spells a control token, and in a prompt of text nothing keeps it apart from a real one.",
  "Take the control token out of the text, or use an engine that takes token ids (vLLM, SGLang, llama.cpp)."
)

/** A text that the server must not take for more than text; unchecked where there is no tokenizer. */
const plain = (of: Text | undefined, words: string): Effect.Effect<string, BackendError> =>
  of !== undefined && of.tokenizer.controls(of.tokenizer.encodeTemplate(words)).length > 0
    ? spelled
    : Effect.succeed(words)

const written = ({ start, template }: Text, prompt: ReadonlyArray<Message>) =>
  Effect.map(template.text(prompt), (all) => (all.startsWith(start) ? all.slice(start.length) : all))

const text = (of: Text | undefined, prompt: Prompt, prefix: ReadonlyArray<Token>, question?: string) =>
  Effect.gen(function* () {
    const isText = typeof prompt === "string"
    if (!isText && of === undefined) return yield* needed
    const before = isText ? yield* plain(of, prompt) : yield* written(of!, prompt)
    const own = yield* plain(of, asText(prefix))
    if (question === undefined) return { ...empty, text: before + own }
    const after = isText ? yield* plain(of, `\n${question}\n`) : yield* of!.template.questionText(question)
    return { ...empty, text: before + own + after }
  })

const noRaw = unsupported(
  "text prompts",
  "This server takes chat messages only, and the prompt is a raw text.",
  "Use Prompt.user(…), or an engine that takes text."
)
const noContinuation = unsupported(
  "continuation",
  "This server cannot go on with an answer that was begun.",
  "Draw whole answers, or use an engine that takes token ids (vLLM, SGLang, llama.cpp)."
)

/** The conversation with its answer so far; one that the user began himself is gone on with. */
export const begun = (prompt: ReadonlyArray<Message>, answer: string, isAsked: boolean): ReadonlyArray<Message> => {
  const last = prompt.at(-1)
  // A question follows an answer, be it empty: many templates refuse two turns of the user.
  if (answer === "" && (!isAsked || last?.role === "assistant")) return prompt
  if (last?.role !== "assistant") return [...prompt, { role: "assistant", content: answer }]
  return [...prompt.slice(0, -1), { role: "assistant", content: last.content + answer }]
}

const chat = (can: Abilities, prompt: Prompt, prefix: ReadonlyArray<Token>, question?: string) => {
  if (typeof prompt === "string") return noRaw
  const isBegun = prefix.length > 0 || prompt.at(-1)?.role === "assistant"
  if (question === undefined && isBegun && can.continues === "none") return noContinuation
  const messages = begun(prompt, asText(prefix), question !== undefined)
  return Effect.succeed({
    ...empty,
    messages: question === undefined ? messages : [...messages, { role: "user" as const, content: question }]
  })
}

const nothing = invalid("The prompt is empty.", "Give at least one token.")

/** Fails before anything is sent, if the engine cannot continue this. */
export const render = (
  can: Abilities,
  of: Text | undefined,
  prompt: Prompt,
  prefix: ReadonlyArray<Token>,
  question?: string
): Effect.Effect<Rendered, BackendError> => {
  if (prompt.length === 0) return nothing
  if (can.continues === "text") return text(of, prompt, prefix, question)
  if (can.continues !== "ids") return chat(can, prompt, prefix, question)
  return of === undefined ? needed : ids(of, prompt, prefix, question)
}
