/**
 * SGLang, by its own `/generate` with token ids in and out. Shapes: sglang 0.5.23, `srt/entrypoints/http_server.py`,
 * `srt/managers/tokenizer_manager.py`, `srt/layers/sampler.py`.
 */
import * as Effect from "effect/Effect"
import type { Abilities, Ask, Call, Dialect, Draw, Drawn, Piece } from "../Dialect.ts"
import { unsupported } from "../internal/errors.ts"
import { refused } from "../internal/Failure.ts"
import { at, list, number, text, versionOf } from "../internal/json.ts"
import { byId } from "./listed.ts"

const PATH = "/generate"

/** Likeliest tokens with each drawn one; it sets no limit itself, and turns each into text, one by one. */
const MOST = 128

/** A server may fill in what is left out (`preferred_sampling_params`), so nothing is. */
const draw = (of: Draw): Call => ({
  path: PATH,
  streams: of.streams,
  body: {
    rid: of.id,
    input_ids: of.ids,
    stream: of.streams,
    return_logprob: true,
    logprob_start_len: -1,
    ...(of.confidence === undefined ? {} : { top_logprobs_num: of.confidence }),
    sampling_params: {
      max_new_tokens: of.maxTokens ?? null,
      temperature: of.temperature,
      top_p: of.topP ?? 1,
      top_k: of.topK || -1,
      min_p: of.minP ?? 0,
      repetition_penalty: of.repetitionPenalty ?? 1,
      sampling_seed: of.seed
    }
  }
})

const read = (event: unknown): number | undefined => {
  const all = number(event, "meta_info", "prompt_tokens")
  return all === undefined ? undefined : all - (number(event, "meta_info", "cached_tokens") ?? 0)
}

const endOf = (event: unknown): "stop" | "limit" | undefined => {
  const reason = at(event, "meta_info", "finish_reason")
  const type = text(reason, "type")
  if (type === "abort") throw refused(reason, { status: number(reason, "status_code") ?? 503 })
  return type === undefined ? undefined : type === "length" ? "limit" : "stop"
}

const likeliest = (entry: unknown): Pick<Drawn, "likeliest"> =>
  Array.isArray(entry) ? { likeliest: entry.flatMap((one) => number(one, 0) ?? []) } : {}

/** Events hold all tokens so far, or by a server's flag only the new ones; the count of tokens tells which. */
const reader = () => {
  let seen = 0
  return (event: unknown): Piece => {
    const end = endOf(event)
    const [ids, logProbs] = [list(event, "output_ids"), list(event, "meta_info", "output_token_logprobs")]
    const listed = list(event, "meta_info", "output_top_logprobs")
    const all = number(event, "meta_info", "completion_tokens") ?? seen + ids.length
    const isWhole = ids.length === all
    const fresh = isWhole ? ids.slice(seen) : ids
    const [offset, from] = [logProbs.length - fresh.length, listed.length - fresh.length]
    seen += fresh.length
    return {
      tokens: fresh.flatMap((id, i): ReadonlyArray<Drawn> =>
        typeof id === "number" ? [{ id, logProb: number(logProbs[offset + i], 0), ...likeliest(listed[from + i]) }] : []
      ),
      read: read(event),
      drawn: all,
      ...(end === undefined ? {} : { end })
    }
  }
}

const asked = ({ ids, spellings }: Ask): Call => ({
  path: PATH,
  streams: false,
  body: {
    input_ids: ids,
    stream: false,
    return_logprob: true,
    logprob_start_len: -1,
    token_ids_logprob: spellings.flat(),
    // Nothing is divided or penalised, so the numbers are the model's own.
    sampling_params: {
      max_new_tokens: 1,
      temperature: 0,
      top_p: 1,
      top_k: -1,
      min_p: 0,
      repetition_penalty: 1
    }
  }
})

const silent = unsupported(
  "logProbs",
  "The server was asked for probabilities and gave none.",
  "Use a newer SGLang, or a scorer that asks no model."
)

const judge: Dialect["judge"] = (of, send) =>
  Effect.flatMap(send(asked(of)), ([event]) => {
    const listed = list(event, "meta_info", "output_token_ids_logprobs", 0).flatMap((entry) => {
      const [logProb, key] = [number(entry, 0), number(entry, 1)]
      return key === undefined || logProb === undefined ? [] : [{ key, logProb }]
    })
    of.charge((read(event) ?? of.ids.length) + 1)
    return byId(of, listed, silent)
  })

const can: Abilities = {
  continues: "ids",
  logProbs: "processed",
  labels: "vocabulary",
  confidence: MOST,
  // Each event holds all tokens so far: twice as many cost four times as much.
  longest: 1024,
  sampling: ["topP", "topK", "minP", "repetitionPenalty"],
  seeds: false,
  cancels: "request"
}

export const sglang: Dialect = {
  name: "sglang",
  can,
  probe: { path: "/v1/models", recognises: (json) => text(json, "data", 0, "owned_by") === "sglang" },
  details: "/server_info",
  server: (probed, details) => ({
    models: [],
    context: number(probed, "data", 0, "max_model_len"),
    version: versionOf(details, "version"),
    seeds: at(details, "enable_deterministic_inference") === true
  }),
  // Without the flag a seed is taken and ignored.
  learn: (_model, { seeds = false }) => Effect.succeed({ ...can, seeds }),
  draw,
  reader,
  judge,
  // Names are matched by how they begin, so all of ours are equally long.
  cancel: (rid) => ({ path: "/abort_request", streams: false, body: { rid, abort_all: false } })
}
