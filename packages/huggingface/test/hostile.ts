/**
 * What servers do wrong, as data: what happens on the wire, what must come of it, and with how many requests.
 */
import type { BackendError } from "@mulligan/core"
import type { HuggingFaceBackend } from "@mulligan/huggingface"
import * as Speech from "./speech.ts"
import { answer, cut, data, DONE, drip, type Engine, flood, hang, reset, speech, stream } from "./speech.ts"
import { head, json, type Reply, whole } from "./RawServer.ts"

export interface Hostile {
  readonly name: string
  /** What each request gets in turn; the last again and again. */
  readonly replies: ReadonlyArray<Reply>
  readonly expected: "answer" | BackendError.Reason["_tag"]
  /** Exactly so many. */
  readonly requests: number
  /** Default: vLLM. */
  readonly dialect?: Engine
  /** Default: `generate`. */
  readonly work?: "generate" | "logProbs"
  /** All the text that came, before the failure too. Default: `Hi` where an answer is expected, nothing elsewhere. */
  readonly text?: string
  /** Least waits before each further request, in milliseconds. */
  readonly waits?: ReadonlyArray<number>
  readonly problem?: RegExp
  readonly options?: Partial<HuggingFaceBackend.Options>
  readonly stop?: ReadonlyArray<string>
}

/** Stands in every error of a server: nothing of it may come out. */
export const WORDS = "zebra"

const hi = answer("vllm", "Hi")
const [H = "", I = "", STOP = ""] = hi
const all = hi.join("")
const ok = (name: string, reply: Reply, rest: Partial<Hostile> = {}): Hostile => ({
  name,
  replies: [reply],
  expected: "answer",
  requests: 1,
  ...rest
})
/** Goes wrong each time, so it is tried as often as it may be. */
const passing = (name: string, reply: Reply, rest: Partial<Hostile> = {}): Hostile =>
  ok(name, reply, { expected: "Unavailable", requests: 3, ...rest })
/** Will never work: one request. */
const never = (name: string, reply: Reply, rest: Partial<Hostile> = {}): Hostile =>
  ok(name, reply, { expected: "InvalidRequest", ...rest })
const failing = (message: string, code?: number): unknown => ({ error: { message: `${message} ${WORDS}`, code } })
const idle = { idleTimeout: "300 millis", retries: 1 } as const

const padding = { text: " ".repeat(2 ** 19), choices: [] }
const long = [...Array.from({ length: 70 }, () => data(padding)), ...hi]

const readable: ReadonlyArray<Hostile> = [
  ok("byte by byte, characters split", stream(Speech.bytewise(answer("openai", "Né→😀").join(""))), {
    dialect: "openai",
    text: "Né→😀"
  }),
  ok("byte by byte, ids", stream(Speech.bytewise(answer("vllm", "Né→😀").join(""))), { text: "Né→😀" }),
  ok("CRLF", stream([all.replaceAll("\n", "\r\n")])),
  ok("CRLF, split between packets", stream(Speech.bytewise(all.replaceAll("\n", "\r\n")))),
  ok("CR alone", stream([all.replaceAll("\n", "\r")])),
  ok("CR alone, byte by byte", stream(Speech.bytewise(all.replaceAll("\n", "\r")))),
  ok("comments and keep-alives", stream([": here\n\n", H, ":\n\n", I, ": still\n", STOP, DONE])),
  ok("other fields", stream(["id: 1\nretry: 5\nevent: message\n" + H, I, STOP, DONE])),
  ok("data: without a space", stream([all.replaceAll("data: ", "data:")])),
  ok("data over several lines", stream([all.replaceAll('"object"', '\ndata: "object"')])),
  ok("a content type with a charset, in capitals", stream(hi, Speech.finish, "Text/Event-Stream; charset=UTF-8")),
  ok("no [DONE], but an end", stream([H, I, STOP])),
  ok("no [DONE], and no empty line after the last event", stream([H, I, STOP.trimEnd()])),
  ok("[DONE] with a space after it", stream([H, I, STOP, "data: [DONE] \n\n"])),
  ok('"error": null', stream([all.replaceAll('"object"', '"error":null,"object"')])),
  ok(
    "several tokens in an event, and events with none",
    stream([data(speech.vllm.text("Hi")), data(speech.vllm.text("")), STOP])
  ),
  ok(
    "usage without choices",
    stream([H, I, STOP, data({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } }), DONE])
  ),
  ok("events that say all that was said before, more than a JSON value may be", stream(long)),
  ok("garbage after the end", stream([H, I, STOP, "data: {garbage\n\n", "zzz"])),
  ok("an error after the end", stream([H, I, STOP, data(failing("late", 500))])),
  ok("a reset after the end", stream([H, I, STOP], reset)),
  ok("a connection cut after the end", stream([H, I, STOP], cut)),
  ok("silence after the end", stream([H, I, STOP], hang), { options: { idleTimeout: "300 millis" } })
]

/** The draft goes on by a request from where it broke, and nothing comes twice. */
const broken: ReadonlyArray<Hostile> = (
  [
    ["a reset", stream([H], reset)],
    ["a connection cut in mid-chunk", stream([H], cut)],
    ["an end without [DONE] and without an end", stream([H])],
    ["an error event", stream([H, `event: error\n${data({ message: WORDS })}`])],
    ["invalid JSON", stream([H, "data: {oops\n\n"])],
    ["silence", stream([H], hang)]
  ] as const
).flatMap(([name, first]) => [
  ok(`tokens, then ${name}: goes on from there`, first, {
    replies: [first, stream([I, STOP, DONE])],
    requests: 2,
    options: { idleTimeout: "300 millis" }
  }),
  passing(`tokens, then ${name}, each time: keeps them`, first, { text: "HHH", options: { idleTimeout: "300 millis" } })
])

const chatHi = answer("openai", "Hi")
const chat = { dialect: "openai" } as const
/** Nothing can go on there: what came is kept, and then it fails. */
const chats: ReadonlyArray<Hostile> = [
  ok("chat: [DONE] and no reason is an end", stream([...chatHi.slice(0, 2), DONE]), chat),
  ok("chat: no [DONE], but an end", stream(chatHi.slice(0, 3)), chat),
  passing("chat: a reset after tokens", stream(chatHi.slice(0, 2), reset), { ...chat, requests: 1, text: "Hi" }),
  passing("chat: cut in mid-chunk", stream(chatHi.slice(0, 2), cut), { ...chat, requests: 1, text: "Hi" }),
  passing("chat: neither [DONE] nor an end", stream(chatHi.slice(0, 2)), { ...chat, requests: 1, text: "Hi" }),
  passing("chat: silence", stream(chatHi.slice(0, 1), hang), { ...chat, requests: 1, text: "H", options: idle }),
  passing(
    "chat: a reset while a stop string may have begun: asks for no other beginning",
    stream(chatHi.slice(0, 2), reset),
    {
      ...chat,
      requests: 1,
      text: "",
      stop: ["Hill"]
    }
  ),
  ok("chat: a reset before tokens", stream(chatHi), {
    ...chat,
    replies: [({ reset }) => reset(), stream(chatHi)],
    requests: 2
  }),
  passing(
    "chat: an error inside choices",
    stream([data({ choices: [{ error: { message: WORDS, code: 502 } }] })]),
    chat
  ),
  passing("chat: finish_reason error", stream([data({ choices: [{ delta: {}, finish_reason: "error" }] })]), chat),
  never("chat: http_status_code", stream([data({ error: { message: WORDS, http_status_code: 422 } })]), chat)
]

const errors: ReadonlyArray<Hostile> = [
  passing("event: error", stream([`event: error\ndata: ${WORDS}\n\n`])),
  passing("an error object", stream([data(failing("Internal server error", 500)), DONE])),
  passing('{"object":"error"}', stream([data({ object: "error", message: WORDS, code: 503 }), DONE])),
  passing("an error that is a text", stream([data({ error: WORDS })])),
  passing("an error inside choices", stream([data({ choices: [{ error: { message: WORDS } }] })])),
  passing("finish_reason abort", stream([data({ choices: [{ token_ids: [], finish_reason: "abort" }] })])),
  passing("two hundred, and a JSON error", json(200, failing("busy", 503))),
  never("two hundred, and a JSON error for good", json(200, failing("no such thing", 400))),
  never("an event for good: the context", stream([data(failing("maximum context length is 9", 400))]), {
    problem: /context/
  }),
  never("an event for good: log-probabilities", stream([data(failing("sample logprobs of 50", 400))]), {
    expected: "Unsupported",
    problem: /log-prob/
  }),
  passing("llama.cpp: an error field", stream([`error: ${JSON.stringify({ code: 500, message: WORDS })}\n\n`]), {
    dialect: "llama.cpp"
  }),
  never("llama.cpp: an error field for good", stream([`error: ${JSON.stringify({ code: 400, message: WORDS })}\n\n`]), {
    dialect: "llama.cpp"
  }),
  passing(
    "SGLang: an abort",
    stream([data({ output_ids: [], meta_info: { finish_reason: { type: "abort", message: WORDS } } })]),
    { dialect: "sglang" }
  ),
  passing("SGLang: a full queue", stream([data({ object: "error", message: WORDS, code: 503 }), DONE]), {
    dialect: "sglang"
  }),
  never(
    "SGLang: an abort for good",
    stream([data({ meta_info: { finish_reason: { type: "abort", status_code: 400 } } })]),
    { dialect: "sglang" }
  ),
  passing("TGI: an event of failure", stream([data({ error: WORDS, error_type: "generation" })]), { dialect: "tgi" }),
  never("TGI: an event of validation", stream([data({ error: `\`top_p\` ${WORDS}`, error_type: "validation" })]), {
    dialect: "tgi"
  }),
  never(
    "TGI: an event about the context",
    stream([data({ error: `\`inputs\` tokens + \`max_new_tokens\` must be <= 9 ${WORDS}`, error_type: "validation" })]),
    { dialect: "tgi", problem: /context/ }
  ),
  passing("TGI: an event of overload", stream([data({ error: WORDS, error_type: "overloaded" })]), {
    dialect: "tgi",
    expected: "RateLimited"
  })
]

const html = `<html><body>${WORDS}</body></html>`
const page = whole(200, html, { "content-type": "text/html" })
const endless = (bytes: string, type = "text/event-stream"): Reply => stream([], flood(bytes), type)
/** These bytes, then FIN. */
const only =
  (bytes: string): Reply =>
  async (connection) => {
    await connection.write(bytes)
    connection.end()
  }
const spaces = " ".repeat(2 ** 18)

const shapes: ReadonlyArray<Hostile> = [
  never("a page", page),
  never("a page of another type", whole(200, html, { "content-type": "text/plain" })),
  never("no content type", async (connection) => {
    await connection.write(`${head(200)}${all}`)
    connection.end()
  }),
  never("JSON in place of a stream", json(200, speech.vllm.stop)),
  never("JSON in place of a stream, invalid", whole(200, "{oops")),
  passing("invalid JSON in a stream", stream([`data: {${WORDS}\n\n`])),
  passing("an endless line", endless(spaces), { options: { retries: 1 }, requests: 2 }),
  passing("endless data without an event", endless(`data: ${" ".repeat(1000)}\n`.repeat(200)), {
    options: { retries: 0 },
    requests: 1
  }),
  passing("endless comments are silence", stream([], drip(": hold on\n\n")), {
    options: idle,
    requests: 2,
    problem: /nothing/
  }),
  passing("a slow drip is silence", stream([], drip("x")), { options: idle, requests: 2, problem: /nothing/ }),
  passing("silence before the head", hang as Reply, { options: idle, requests: 2, problem: /nothing/ }),
  passing("silence after the head", stream([], hang), { options: idle, requests: 2, problem: /nothing/ }),
  passing("half a head", only("HTTP/1.1 200 O")),
  passing("no HTTP", only(`${WORDS}\r\n\r\n`)),
  passing("a reset before the head", ({ reset }) => reset()),
  passing("FIN before the head", ({ end }) => end()),
  passing("[DONE] and nothing else", stream([DONE])),
  passing("a stream of nothing", stream([])),
  passing("an empty body", whole(200, "", { "content-type": "text/event-stream" }))
]

const asks = { work: "logProbs" } as const
const judging: ReadonlyArray<Hostile> = [
  ok("labels, as it should be", Speech.judged.vllm!, { ...asks, text: "" }),
  passing("labels: a body of 100 MB", endless(spaces, "application/json"), {
    ...asks,
    requests: 1,
    options: { retries: 0 },
    problem: /more than/
  }),
  never("labels: a page", page, asks),
  never("labels: invalid JSON", whole(200, "{oops"), asks),
  never("labels: a stream in place of JSON", stream(hi), asks),
  never("labels: none told", json(200, { choices: [{ logprobs: null }] }), { ...asks, expected: "Unsupported" }),
  never("labels: JSON null", whole(200, "null"), { ...asks, expected: "Unsupported" }),
  never(
    "labels: more than all there is",
    json(200, { choices: [{ logprobs: { top_logprobs: [{ "token_id:393": 1 }] } }] }),
    { ...asks, expected: "Unsupported" }
  ),
  never("labels: refused", json(400, failing("logprobs too many", 400)), { ...asks, expected: "Unsupported" }),
  passing("labels: a reset", ({ reset }) => reset(), asks),
  passing("labels: silence in the body", stream(['{"choices":'], hang, "application/json"), {
    ...asks,
    options: idle,
    requests: 2
  }),
  passing("labels: cut in mid-chunk", stream(['{"choices":'], cut, "application/json"), asks),
  ok("labels: busy, then not", Speech.judged.vllm!, {
    ...asks,
    text: "",
    replies: [json(503, failing("busy")), Speech.judged.vllm!],
    requests: 2
  }),
  ok("chat labels", Speech.judged.openai!, { ...asks, ...chat, text: "" }),
  ok("chat labels: no [DONE], but an end", stream([Speech.toldLabels, data(speech.openai.stop)]), {
    ...asks,
    ...chat,
    text: ""
  }),
  passing("chat labels: an error event", stream([data(failing("oops", 500))]), { ...asks, ...chat }),
  passing("chat labels: truncated", stream([data(speech.openai.text("Y"))]), { ...asks, ...chat })
]

export const onTheWire: ReadonlyArray<Hostile> = [...readable, ...broken, ...chats, ...errors, ...shapes, ...judging]
