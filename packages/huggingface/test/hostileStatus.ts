/**
 * What servers answer in place of an answer: statuses, and what stands in their bodies.
 */
import { answer, good, stream } from "./speech.ts"
import { type Hostile, WORDS } from "./hostile.ts"
import { json, type Reply, whole } from "./RawServer.ts"

const hi = good("vllm", "Hi")
const failed = (status: number, message = WORDS, headers: Readonly<Record<string, string>> = {}): Reply =>
  json(status, { error: { message: `${message} ${WORDS}`, type: "SomeError", param: null, code: status } }, headers)

const once = (name: string, reply: Reply, expected: Hostile["expected"], problem?: RegExp): Hostile => ({
  name,
  replies: [reply],
  expected,
  requests: 1,
  ...(problem === undefined ? {} : { problem })
})

const permanent: ReadonlyArray<Hostile> = [
  ...([400, 401, 402, 403, 404, 405, 413, 418, 422] as const).map((status) =>
    once(`${status}`, failed(status), "InvalidRequest", new RegExp(`status ${status}`))
  ),
  once("501", failed(501), "Unsupported"),
  once("401 with an empty body", whole(401, ""), "InvalidRequest", /access token/),
  once(
    "400: the context",
    failed(400, "This model's maximum context length is 9 tokens."),
    "InvalidRequest",
    /context/
  ),
  once(
    "400: SGLang's context",
    json(400, { error: { message: `The input (9 tokens) is longer than the model's context length ${WORDS}` } }),
    "InvalidRequest",
    /context/
  ),
  once("400: log-probabilities", failed(400, "Requested sample logprobs of 50"), "Unsupported", /log-prob/),
  once("404: the model", failed(404, "The model `x` does not exist."), "InvalidRequest", /does not serve this model/),
  once("422: FastAPI", json(422, { detail: [{ loc: ["body"], msg: WORDS }] }), "InvalidRequest", /parameter/),
  once("500: out of memory", failed(500, "CUDA out of memory."), "OutOfMemory", /memory/),
  once("503: out of memory", failed(503, "failed to allocate"), "OutOfMemory", /memory/)
]

const transient: ReadonlyArray<Hostile> = (
  [
    ...[408, 409, 425, 500, 502, 503, 504, 520, 529].map((status) => [`${status}`, failed(status)] as const),
    ["503 with a page", whole(503, `<html>${WORDS}</html>`, { "content-type": "text/html" })],
    ["500 with JSON null", whole(500, "null")],
    ["500 with an error that is null", json(500, { error: null })],
    ["500 with nothing", whole(500, "")],
    ["503: loading", failed(503, "Loading model")]
  ] as const
).map(([name, reply]) => ({ name, replies: [reply], expected: "Unavailable", requests: 3 }))

const ages = { retryWait: "1 milli", longestWait: "5 seconds" } as const
const inSeconds: Reply = (connection, seen) =>
  failed(429, "", { "retry-after": new Date(Date.now() + 2000).toUTCString() })(connection, seen)

const waiting: ReadonlyArray<Hostile> = [
  {
    name: "a storm of 503: so many requests and no more, each later than the last",
    replies: [failed(503)],
    expected: "Unavailable",
    requests: 5,
    waits: [16, 32, 64, 128],
    options: { retries: 4, retryWait: "20 millis", longestWait: "10 seconds" }
  },
  { name: "no retries", replies: [failed(503)], expected: "Unavailable", requests: 1, options: { retries: 0 } },
  { name: "503, then an answer", replies: [failed(503), hi], expected: "answer", requests: 2 },
  { name: "429, then an answer", replies: [failed(429), hi], expected: "answer", requests: 2 },
  { name: "429 each time", replies: [failed(429)], expected: "RateLimited", requests: 3 },
  {
    name: "429 with Retry-After in seconds",
    replies: [failed(429, "", { "retry-after": "1" }), hi],
    expected: "answer",
    requests: 2,
    waits: [990],
    options: ages
  },
  {
    name: "429 with Retry-After as a date",
    replies: [inSeconds, hi],
    expected: "answer",
    requests: 2,
    waits: [900],
    options: ages
  },
  {
    name: "429 with retry-after-ms",
    replies: [failed(429, "", { "retry-after-ms": "150", "retry-after": "60" }), hi],
    expected: "answer",
    requests: 2,
    waits: [145],
    options: ages
  },
  {
    name: "503 with Retry-After",
    replies: [failed(503, "", { "retry-after-ms": "150" }), hi],
    expected: "answer",
    requests: 2,
    waits: [145],
    options: ages
  },
  {
    name: "429 that asks for more patience than there is",
    replies: [failed(429, "", { "retry-after": "3600" })],
    expected: "RateLimited",
    requests: 1
  },
  {
    name: "tokens, then a 503 on the way on: the count of tries does not start again",
    replies: [stream(answer("vllm", "Hi").slice(0, 1)), failed(503)],
    expected: "Unavailable",
    requests: 3,
    text: "H"
  }
]

export const statuses: ReadonlyArray<Hostile> = [...permanent, ...transient, ...waiting]
