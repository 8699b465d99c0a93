/**
 * Any server of chat completions as OpenAI has them, Hugging Face's router to inference providers among them. It renders
 * messages itself and gives text. Shapes: OpenAI's chat completion chunks, as the router's documentation shows them.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Abilities, Ask, Call, Dialect, Draw, Drawn, Piece, Send } from "../Dialect.ts"
import { unsupported } from "../internal/errors.ts"
import { refused } from "../internal/Failure.ts"
import { at, defined, list, number, text } from "../internal/json.ts"
import * as TopK from "../TopK.ts"
import { isSpelling } from "./spelling.ts"

const PATH = "/v1/chat/completions"

const draw = ({ confidence, logProbs, maxTokens, messages, model, seed, temperature, topP }: Draw): Call => ({
  path: PATH,
  streams: true,
  body: defined({
    model,
    messages,
    max_tokens: maxTokens,
    temperature,
    top_p: topP === 1 ? undefined : topP,
    seed,
    logprobs: logProbs ? true : undefined,
    top_logprobs: confidence,
    stream: true,
    stream_options: { include_usage: true }
  })
})

const likeliest = (entry: unknown): Pick<Drawn, "likeliest"> => {
  const listed = list(entry, "top_logprobs").flatMap((one) => number(one, "logprob") ?? [])
  return listed.length === 0 ? {} : { likeliest: listed }
}

/** A chunk is no token. Its log-probabilities tell the tokens in it; their texts may be cut characters, the chunk's is not. */
const tokensOf = (content: string, told: ReadonlyArray<unknown>, isStopped: boolean): ReadonlyArray<Drawn> => {
  if (told.length === 0) return content === "" ? [] : [{ text: content }]
  const texts = told.map((entry) => text(entry, "token") ?? "")
  const isWhole = texts.join("") === content
  // Some servers tell of the end of text too: it has a name there, and no text.
  const isEnd = isStopped && texts.slice(0, -1).join("") === content
  return told.map((entry, i): Drawn => {
    const isLast = i === told.length - 1
    const own = isWhole || (isEnd && !isLast) ? texts[i]! : isLast && !isEnd ? content : ""
    const numbers = { logProb: number(entry, "logprob"), ...likeliest(entry) }
    return { text: own, ...numbers, ...(isEnd && isLast ? { control: true } : {}) }
  })
}

const read = (event: unknown): number | undefined => {
  const all = number(event, "usage", "prompt_tokens")
  return all === undefined ? undefined : all - (number(event, "usage", "prompt_tokens_details", "cached_tokens") ?? 0)
}

const piece = (event: unknown): Piece => {
  const choice = at(event, "choices", 0)
  const reason = text(choice, "finish_reason")
  if (reason === "error" || reason === "abort") throw refused("aborted", { status: 503 })
  return {
    tokens: tokensOf(text(choice, "delta", "content") ?? "", list(choice, "logprobs", "content"), reason === "stop"),
    read: read(event),
    spent: number(event, "usage", "completion_tokens"),
    ...(reason === undefined ? {} : { end: reason === "length" ? ("limit" as const) : ("stop" as const) })
  }
}

const asked = (model: string, messages: Ask["messages"], listed: number | undefined): Call => ({
  path: PATH,
  streams: true,
  body: defined({
    model,
    messages,
    max_tokens: 1,
    temperature: 1,
    ...(listed === undefined ? {} : { logprobs: true, top_logprobs: listed }),
    stream: true,
    stream_options: { include_usage: true }
  })
})

const silent = unsupported(
  "logProbs",
  "The server was asked for log-probabilities and gave none.",
  "Pin a provider that gives them (model:provider), or use a scorer that asks no model."
)

const listOf = (events: ReadonlyArray<unknown>) =>
  events
    .flatMap((event) => list(event, "choices", 0, "logprobs", "content"))
    .slice(0, 1)
    .flatMap((first) => list(first, "top_logprobs"))
    .flatMap((entry) => {
      const [key, logProb] = [text(entry, "token"), number(entry, "logprob")]
      return key === undefined || logProb === undefined ? [] : [{ key, logProb }]
    })

const judge: Dialect["judge"] = (of, send) =>
  Effect.flatMap(send(asked(of.model, of.messages, of.can.listed)), (events) => {
    const listed = listOf(events)
    if (listed.length === 0 || !TopK.isNormalised(listed)) return silent
    const labels = of.labels.map((label) => ({ is: isSpelling(label), spellings: Infinity }))
    const characters = of.messages.reduce((sum, { content }) => sum + content.length, 0)
    const told = events.map(read).find((count) => count !== undefined)
    of.charge((told ?? Math.ceil(characters / 4)) + 1)
    return Effect.succeed({ labels: TopK.bounds(listed, labels), over: "vocabulary" as const })
  })

export const can: Abilities = {
  continues: "chat",
  logProbs: "none",
  labels: "none",
  sampling: ["topP"],
  seeds: false,
  cancels: "disconnect"
}

/** OpenAI lists 20 at most, Hugging Face's own schema 5. */
const LISTS = [20, 5]

/** The smallest question that there is, so that a provider's silence costs one token and not a run. */
const hello: Ask["messages"] = [{ role: "user", content: "Hi" }]

const tried = (model: string, send: Send, listed: number) =>
  Effect.map(send(asked(model, hello, listed)), (events) => listOf(events)).pipe(
    Effect.catch((error) => (isAbout(error) ? Effect.succeed([]) : Effect.fail(error)))
  )

/** The server refuses the parameter: it says so, or it says no more than that a parameter was wrong. */
const isAbout = ({ reason }: BackendError): boolean =>
  reason._tag === "Unsupported" || (reason._tag === "InvalidRequest" && /status (400|422)/.test(reason.problem))

/** Whether log-probabilities come, and how many; a server that gives none must still answer at all. */
export const learn: NonNullable<Dialect["learn"]> = (model, _server, send) =>
  Effect.gen(function* () {
    for (const listed of LISTS) {
      const list = yield* tried(model, send, listed)
      if (list.length > 0 && TopK.isNormalised(list)) {
        return { ...can, logProbs: "processed" as const, labels: "interval" as const, listed, confidence: listed }
      }
    }
    yield* send(asked(model, hello, undefined))
    return can
  })

const models = (probed: unknown): ReadonlyArray<string> =>
  list(probed, "data").flatMap((entry) => text(entry, "id") ?? [])

export const chat: Dialect = {
  name: "openai",
  can,
  probe: { path: "/v1/models", recognises: (json) => Array.isArray(at(json, "data")) },
  server: (probed) => ({ models: models(probed) }),
  learn,
  draw,
  reader: () => piece,
  judge
}

/** The same where nothing need be asked: the router is known, and lists thousands of models. */
export const router: Dialect = { ...chat, name: "router", probe: { ...chat.probe, recognises: () => false } }
