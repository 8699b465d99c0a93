/**
 * How the engines speak on the wire, as `docs` of each dialect say, for servers that are written by hand.
 */
import { readFileSync } from "node:fs"
import { Prompt } from "@mulligan/core"
import type { HuggingFaceBackend } from "@mulligan/huggingface"
import { chunk, type Connection, head, json, LAST, type RawServer, type Reply, type Seen, sleep } from "./RawServer.ts"

const pocket = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../tokenizer/test/fixtures/pocket-1/${file}`, import.meta.url), "utf8"))

/** Every byte is a token of it: its id is the byte and 4. */
export const tokenizer = { tokenizer: pocket("tokenizer.json"), config: pocket("tokenizer_config.json") }
export const MODEL = "test/model"
export const END = 3
export const prompt = Prompt.user("Go.")
export const idsOf = (text: string): ReadonlyArray<number> => [...Buffer.from(text)].map((byte) => byte + 4)
/** What `prompt` is as tokens. */
export const promptIds = [1, ...idsOf("Go."), END, 2]

export type Engine = "vllm" | "sglang" | "llama.cpp" | "tgi" | "openai"

/** An engine's events: some text, and the end. */
export interface Speech {
  readonly path: string
  readonly text: (text: string) => unknown
  readonly stop: unknown
}

const completion = (ids: ReadonlyArray<number>, text: string, reason: string | null) => ({
  id: "cmpl-1",
  object: "text_completion",
  model: MODEL,
  choices: [
    {
      index: 0,
      text,
      logprobs: {
        text_offset: ids.map(() => 0),
        token_logprobs: ids.map(() => -0.25),
        tokens: ids.map((id) => `token_id:${id}`),
        top_logprobs: ids.map((id) => ({ [`token_id:${id}`]: -0.25 }))
      },
      finish_reason: reason,
      stop_reason: null,
      prompt_token_ids: null,
      token_ids: ids
    }
  ],
  kv_transfer_params: null
})

const llama = (ids: ReadonlyArray<number>, content: string, rest: Record<string, unknown>) => ({
  index: 0,
  content,
  tokens: ids,
  id_slot: 0,
  completion_probabilities: ids.map((id) => ({ id, token: "", bytes: [], logprob: -0.25, top_logprobs: [] })),
  ...rest
})

const message = (delta: Record<string, unknown>, reason: string | null) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  model: MODEL,
  choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }]
})

const tgi = (id: number, text: string, special: boolean, details: unknown) => ({
  index: 1,
  token: { id, text, logprob: -0.25, special },
  generated_text: null,
  details
})

const generated = (ids: ReadonlyArray<number>, reason: unknown) => ({
  text: "",
  output_ids: ids,
  meta_info: {
    finish_reason: reason,
    prompt_tokens: promptIds.length,
    output_token_logprobs: ids.map((id) => [-0.25, id, null])
  }
})

export const speech: Record<Engine, Speech> = {
  vllm: {
    path: "/v1/completions",
    text: (text) => completion(idsOf(text), text, null),
    stop: completion([END], "", "stop")
  },
  // As with `--incremental-streaming-output`.
  sglang: {
    path: "/generate",
    text: (text) => generated(idsOf(text), null),
    stop: generated([END], { type: "stop", matched: END })
  },
  "llama.cpp": {
    path: "/completion",
    text: (text) => llama(idsOf(text), text, { stop: false }),
    stop: llama([], "", { stop: true, stop_type: "eos" })
  },
  tgi: {
    path: "/generate_stream",
    text: (text) => tgi(idsOf(text)[0]!, text, false, null),
    stop: tgi(END, "<|end|>", true, { finish_reason: "eos_token", generated_tokens: 1, seed: 1, input_length: 4 })
  },
  openai: {
    path: "/v1/chat/completions",
    text: (content) => message({ content }, null),
    stop: message({}, "stop")
  }
}

const card = (owner: string) => ({
  object: "list",
  data: [{ id: MODEL, object: "model", owned_by: owner, max_model_len: 256 }]
})

const told: Record<Engine, Readonly<Record<string, unknown>>> = {
  vllm: { "/v1/models": card("vllm"), "/version": { version: "0.33.0" } },
  sglang: { "/v1/models": card("sglang"), "/server_info": { version: "0.5.23" } },
  "llama.cpp": {
    "/v1/models": card("llamacpp"),
    "/props": { default_generation_settings: { n_ctx: 256 }, total_slots: 4 }
  },
  tgi: { "/info": { router: "text-generation-router", version: "3.3.6", max_total_tokens: 256 } },
  openai: { "/v1/models": card("somebody") }
}

/** The smallest question, by which the chat dialect finds out what a server can do. */
const isHello = ({ json }: Seen): boolean => json?.messages?.length === 1 && json.messages[0].content === "Hi"

const likeliest = [
  { token: "Yes", logprob: -0.5 },
  { token: "No", logprob: -1 }
]

const listed = (list: ReadonlyArray<unknown>) => ({
  choices: [
    {
      index: 0,
      delta: { content: "Yes" },
      logprobs: { content: [{ token: "Yes", logprob: -0.5, top_logprobs: list }] }
    }
  ]
})

/** A chunk with the likeliest tokens. */
export const toldLabels = `data: ${JSON.stringify(listed(likeliest))}\n\n`

/** Says the events and ends as it should. */
export const events = (...all: ReadonlyArray<unknown>): Reply => stream([...all.map(data), DONE])

export const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`
export const DONE = "data: [DONE]\n\n"

/** Answers whatever a client asks at the start; every other request gets the reply. */
export const engine =
  (name: Engine, reply: Reply): Reply =>
  (connection, seen) => {
    const found = told[name][seen.path.replace(/\?.*/, "")]
    if (seen.method === "GET") return (found === undefined ? json(404, {}) : json(200, found))(connection, seen)
    if (isHello(seen)) return events(listed(likeliest))(connection, seen)
    return reply(connection, seen)
  }

/** One reply after the other; the last again and again. */
export const inTurn = (replies: ReadonlyArray<Reply>): Reply => {
  let next = 0
  return (connection, seen) => replies[Math.min(next++, replies.length - 1)]!(connection, seen)
}

/** Requests that are work, not questions of the start. */
export const work = ({ requests }: RawServer): ReadonlyArray<Seen> =>
  requests.filter((seen) => seen.method === "POST" && seen.path !== "/abort_request" && !isHello(seen))

/** What happens when all was said. */
export type Last = (connection: Connection) => void | Promise<void>

export const finish: Last = async (connection) => {
  await connection.write(LAST)
  connection.end()
}
/** The socket closes in the middle of a chunk. */
export const cut: Last = async (connection) => {
  await connection.write("ff\r\ndata: ")
  connection.end()
}
/** What was written is given time to arrive, for a reset takes away what was not read. */
export const reset: Last = async (connection) => {
  await sleep(30)
  connection.reset()
}
export const hang: Last = () => {}
export const drip =
  (bytes: string, every = 10): Last =>
  async (connection) => {
    while (await connection.write(chunk(bytes))) await sleep(every)
  }
/** As much as the client takes. */
export const flood =
  (bytes: string): Last =>
  async (connection) => {
    while (await connection.write(chunk(bytes))) await sleep(0)
  }

/** A stream of these parts, each in a chunk of its own. */
export const stream =
  (parts: ReadonlyArray<string | Uint8Array>, last: Last = finish, type = "text/event-stream"): Reply =>
  async (connection) => {
    await connection.write(head(200, { "content-type": type, "transfer-encoding": "chunked" }))
    for (const part of parts) await connection.write(chunk(part))
    await last(connection)
  }

/** Each byte by itself, each in its own packet. */
export const bytewise = (text: string): ReadonlyArray<Uint8Array> =>
  [...Buffer.from(text)].map((byte) => Buffer.from([byte]))

/** An answer as it should be, a token to an event. */
export const answer = (name: Engine, text: string): ReadonlyArray<string> => [
  ...[...text].map((character) => data(speech[name].text(character))),
  data(speech[name].stop),
  ...(name === "tgi" ? [] : [DONE])
]
export const good = (name: Engine, text: string): Reply => stream(answer(name, text))

/** What vLLM and a chat server say of labels. */
export const judged: Partial<Record<Engine, Reply>> = {
  vllm: (connection, seen) => {
    const ids = seen.json.logprob_token_ids as ReadonlyArray<number>
    const top = Object.fromEntries(ids.map((id) => [`token_id:${id}`, Math.log(0.5 / ids.length)]))
    return json(200, { choices: [{ index: 0, text: "", logprobs: { top_logprobs: [top] }, finish_reason: "length" }] })(
      connection,
      seen
    )
  },
  openai: events(listed(likeliest))
}

export const optionsFor = (
  server: RawServer,
  dialect: Engine,
  rest: Partial<HuggingFaceBackend.Options> = {}
): HuggingFaceBackend.Options => ({
  model: MODEL,
  endpointUrl: server.url,
  dialect,
  tokenizer,
  retries: 2,
  retryWait: "5 millis",
  longestWait: "300 millis",
  idleTimeout: "10 seconds",
  ...rest
})
