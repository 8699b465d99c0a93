/**
 * vLLM, by `/v1/completions` with token ids in and out. Shapes: vllm 0.33.0, `entrypoints/openai/completion/protocol.py` and
 * `serving.py`, `serve/engine/protocol.py`.
 */
import * as Effect from "effect/Effect"
import type { Abilities, Ask, Call, Dialect, Draw, Drawn, Piece, Server } from "../Dialect.ts"
import { unsupported } from "../internal/errors.ts"
import { refused } from "../internal/Failure.ts"
import { at, list, number, text, versionOf } from "../internal/json.ts"
import { byId } from "./listed.ts"

const PATH = "/v1/completions"
/** Seven characters that stand before an id where tokens are named by id and not by text, which need not be unique. */
const named = /^token_id:(\d+)$/

/** Everything is sent, for what is left out is filled in from the model's `generation_config.json`. */
const common = ({ ids, model, session }: Draw | Ask) => ({
  path: PATH,
  headers: { "x-session-id": session },
  body: { model, prompt: ids, return_tokens_as_token_ids: true, return_token_ids: true, add_special_tokens: false }
})

const draw = (of: Draw): Call => {
  const { body, ...rest } = common(of)
  return {
    ...rest,
    streams: of.streams,
    body: {
      ...body,
      max_tokens: of.maxTokens,
      temperature: of.temperature,
      top_p: of.topP ?? 1,
      top_k: of.topK ?? 0,
      min_p: of.minP ?? 0,
      repetition_penalty: of.repetitionPenalty ?? 1,
      seed: of.seed,
      logprobs: of.confidence ?? 0,
      stream: of.streams,
      ...(of.streams ? { stream_options: { include_usage: true } } : {})
    }
  }
}

/** It writes −9999 for what is impossible, for JSON has no infinity. */
const asLogProb = (value: unknown): number | undefined =>
  typeof value !== "number" ? undefined : value <= -9999 ? -Infinity : value

const idOf = (name: unknown): number | undefined => {
  const found = typeof name === "string" ? named.exec(name) : null
  return found === null ? undefined : Number(found[1])
}

/** What was read anew; all of it where the server does not tell what its cache knew (`--enable-prompt-tokens-details`). */
const read = (event: unknown): number | undefined => {
  const all = number(event, "usage", "prompt_tokens")
  return all === undefined ? undefined : all - (number(event, "usage", "prompt_tokens_details", "cached_tokens") ?? 0)
}

/** The drawn token is among them, though it may be none of the likeliest. */
const likeliest = (entry: unknown): ReadonlyArray<number> =>
  typeof entry === "object" && entry !== null ? Object.values(entry).flatMap((one) => asLogProb(one) ?? []) : []

/** The end of text is among the tokens. */
const piece = (event: unknown): Piece => {
  const choice = at(event, "choices", 0)
  const names = list(choice, "logprobs", "tokens")
  const logProbs = list(choice, "logprobs", "token_logprobs")
  const [given, listed] = [list(choice, "token_ids"), list(choice, "logprobs", "top_logprobs")]
  const ids = given.length > 0 ? given : names.map(idOf)
  const reason = text(choice, "finish_reason")
  if (reason === "abort" || reason === "error") throw refused("aborted", { status: 503 })
  return {
    tokens: ids.flatMap((id, i): ReadonlyArray<Drawn> =>
      typeof id === "number" ? [{ id, logProb: asLogProb(logProbs[i]), likeliest: likeliest(listed[i]) }] : []
    ),
    read: read(event),
    drawn: number(event, "usage", "completion_tokens"),
    ...(reason === undefined ? {} : { end: reason === "length" ? ("limit" as const) : ("stop" as const) })
  }
}

const LISTED = 20
const OLDEST = [0, 26] as const

/** `logprob_token_ids` is understood from 0.26; an older server ignores it without a word. */
const isOld = ({ version = "" }: Server): boolean => {
  const found = /^v?(\d+)\.(\d+)/.exec(version)
  if (found === null) return false
  const [major, minor] = [Number(found[1]), Number(found[2])]
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
}

const silent = unsupported(
  "logProbs",
  "The server was asked for probabilities and gave none.",
  "Start vLLM with --max-logprobs 20 or more, or use a scorer that asks no model."
)

const asked = (of: Ask): Call => {
  const { body, ...rest } = common(of)
  // The drawn token heads the list. Greedy it is the likeliest; another could be rarer than all that are not listed.
  const sampling = { max_tokens: 1, temperature: 0, top_p: 1, top_k: 0, min_p: 0, repetition_penalty: 1, seed: 0 }
  // A server that does not know the ids lists the likeliest tokens; one that only seems old (a router tells its own version)
  // lists the ids.
  const logprobs = of.can.labels === "interval" ? LISTED : 0
  const labels = { logprobs, logprob_token_ids: of.spellings.flat() }
  return { ...rest, streams: false, body: { ...body, ...sampling, ...labels, stream: false } }
}

const judge: Dialect["judge"] = (of, send) =>
  Effect.flatMap(send(asked(of)), ([event]) => {
    const top = at(event, "choices", 0, "logprobs", "top_logprobs", 0)
    const listed = Object.entries(typeof top === "object" && top !== null ? top : {}).flatMap(([name, value]) => {
      const [key, logProb] = [idOf(name), asLogProb(value)]
      return key === undefined || logProb === undefined ? [] : [{ key, logProb }]
    })
    of.charge((read(event) ?? of.ids.length) + 1)
    return byId(of, listed, silent)
  })

const can: Abilities = {
  continues: "ids",
  logProbs: "model",
  labels: "vocabulary",
  confidence: LISTED,
  sampling: ["topP", "topK", "minP", "repetitionPenalty"],
  seeds: true,
  cancels: "disconnect"
}

export const vllm: Dialect = {
  name: "vllm",
  can,
  probe: { path: "/v1/models", recognises: (json) => text(json, "data", 0, "owned_by") === "vllm" },
  details: "/version",
  server: (probed, details) => ({
    models: list(probed, "data").flatMap((entry) => text(entry, "id") ?? []),
    context: number(probed, "data", 0, "max_model_len"),
    version: versionOf(details, "version")
  }),
  learn: (_model, server) => Effect.succeed(isOld(server) ? { ...can, labels: "interval", listed: LISTED } : can),
  draw,
  reader: () => piece,
  judge
}
