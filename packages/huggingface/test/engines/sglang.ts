/**
 * SGLang's `/generate`. Shapes: sglang 0.5.23 (`srt/entrypoints/http_server.py`, `srt/managers/tokenizer_manager.py`,
 * `srt/managers/schedule_batch.py`, `srt/layers/sampler.py`, `api/v1/api_types.py`).
 */
import { at, list, number, text } from "../../src/internal/json.ts"
import { Engine, type EngineOptions, type Sampling, type Step, top } from "./engine.ts"
import { type Answer, type Call, DONE, event, type Fake, firstBad, serve } from "./http.ts"
import * as Model from "./model.ts"

export interface SglangOptions extends EngineOptions {
  /** `--incremental-streaming-output`: events hold the new tokens alone. */
  readonly incremental?: boolean | undefined
  /** `--enable-deterministic-inference`: without it a seed is taken and ignored. */
  readonly deterministic?: boolean | undefined
}

const KNOWN = new Set([
  "max_new_tokens",
  "stop",
  "stop_token_ids",
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "frequency_penalty",
  "presence_penalty",
  "repetition_penalty",
  "min_new_tokens",
  "ignore_eos",
  "skip_special_tokens",
  "sampling_seed"
])

const refusal = (body: unknown, message: string): Answer =>
  at(body, "stream") === true
    ? { events: failing({ message, type: "invalid_request_error", code: 400, retryable: false }) }
    : { status: 400, json: { error: { message } } }

async function* failing(error: unknown) {
  yield event({ error })
  yield DONE
}

const problem = (body: unknown, engine: Engine): string | undefined => {
  const params = at(body, "sampling_params")
  const ids = list(body, "input_ids")
  const more = number(params, "max_new_tokens") ?? 0
  const within = (name: string, low: number, high: number) => {
    const value = number(params, name) ?? high
    return value >= low && value <= high
  }
  const topK = number(params, "top_k") ?? -1
  return firstBad([
    [
      ids.length < engine.context,
      `The input (${ids.length} tokens) is longer than the model's context length (${engine.context} tokens).`
    ],
    [
      ids.length + more <= engine.context,
      `Requested token count exceeds the model's maximum context length of ${engine.context} tokens. You requested a total of ${ids.length + more} tokens.`
    ],
    [(number(params, "temperature") ?? 1) >= 0, "temperature must be non-negative"],
    [(number(params, "top_p") ?? 1) > 0 && within("top_p", 0, 1), "top_p must be in (0, 1]"],
    [topK >= 1 || topK === -1, "top_k must be -1 (disable), or at least 1"],
    [within("min_p", 0, 1), "min_p must be in [0, 1]"],
    [within("repetition_penalty", 0, 2), "repetition_penalty must be in [0, 2]"],
    [
      list(body, "token_ids_logprob").every((id) => Number(id) < Model.VOCABULARY),
      "token_ids_logprob contains out-of-vocabulary token id"
    ]
  ])
}

const samplingOf = (body: unknown, deterministic: boolean, context: number): Sampling => {
  const params = at(body, "sampling_params")
  return {
    temperature: number(params, "temperature") ?? 1,
    topP: number(params, "top_p"),
    topK: Math.max(0, number(params, "top_k") ?? 0),
    minP: number(params, "min_p"),
    repetitionPenalty: number(params, "repetition_penalty"),
    // With the flag a seed that is left out is 42.
    seed: deterministic ? (number(params, "sampling_seed") ?? 42) : undefined,
    maxTokens: number(params, "max_new_tokens") ?? context
  }
}

/** What a draft has so far. */
interface Soul {
  readonly rid: string
  readonly ids: Array<number>
  readonly logProbs: Array<readonly [number, number, null]>
  readonly labels: Array<ReadonlyArray<readonly [number, number, null]>>
  readonly tops: Array<ReadonlyArray<readonly [number, number, null]>>
  isAborted: boolean
}

const reasonOf = ({ end, id }: Step, count: number) =>
  end === undefined ? null : end === "stop" ? { type: "stop", matched: id } : { type: "length", length: count }

const ABORTED = { type: "abort", message: "Aborted", status_code: null, err_type: null }

export const start = (options: SglangOptions = {}): Promise<Fake> => {
  const { deterministic = false, incremental = false } = options
  const engine = new Engine(options)
  const running = new Set<Soul>()

  const told = (body: unknown, soul: Soul, reason: unknown, from: number, cached: number) => {
    const { ids, labels, logProbs, rid, tops } = soul
    return {
      text: Model.textOf(ids.slice(from)),
      output_ids: ids.slice(from),
      meta_info: {
        id: rid,
        finish_reason: reason,
        prompt_tokens: list(body, "input_ids").length,
        input_token_logprobs: [],
        output_token_logprobs: logProbs.slice(from),
        output_token_logprobs_length: logProbs.length,
        output_token_ids_logprobs: labels.slice(from),
        ...(number(body, "top_logprobs_num") === undefined ? {} : { output_top_logprobs: tops.slice(from) }),
        completion_tokens: ids.length,
        cached_tokens: cached
      }
    }
  }

  async function* drawn(body: unknown, soul: Soul) {
    const ids = list(body, "input_ids").map(Number)
    const cached = engine.cached(ids, 1)
    const sampling = samplingOf(body, deterministic, engine.context)
    running.add(soul)
    try {
      // A running request gets one more step, and then its stream ends.
      for await (const step of engine.draw(ids, sampling, () => soul.isAborted)) {
        const numbers = sampling.temperature === 0 ? step.raw : step.tempered
        soul.ids.push(step.id)
        soul.logProbs.push([numbers[step.id]!, step.id, null])
        soul.labels.push(list(body, "token_ids_logprob").map((id) => [numbers[Number(id)]!, Number(id), null]))
        soul.tops.push(top(numbers, number(body, "top_logprobs_num") ?? 0).map((id) => [numbers[id]!, id, null]))
        const from = incremental ? soul.ids.length - 1 : 0
        yield told(body, soul, reasonOf(step, soul.ids.length), from, cached)
      }
      if (soul.isAborted) yield told(body, soul, ABORTED, incremental ? soul.ids.length : 0, cached)
    } finally {
      running.delete(soul)
    }
  }

  async function* streamed(body: unknown, soul: Soul) {
    for await (const one of drawn(body, soul)) yield event(one)
    yield DONE
  }

  const generate = async ({ body }: Call): Promise<Answer> => {
    const unknown = Object.keys(at(body, "sampling_params") ?? {}).find((key) => !KNOWN.has(key))
    if (unknown !== undefined)
      return { status: 400, json: { error: `unknown field \`${unknown}\`, expected one of ${[...KNOWN].join(", ")}` } }
    const wrong = problem(body, engine)
    if (wrong !== undefined) return refusal(body, wrong)
    const rid = text(body, "rid") ?? crypto.randomUUID()
    if ([...running].some((soul) => soul.rid === rid)) return refusal(body, `Duplicate request ID: ${rid}`)
    const soul: Soul = { rid, ids: [], logProbs: [], labels: [], tops: [], isAborted: false }
    if (at(body, "stream") === true) return { events: streamed(body, soul), outlives: true }
    let last: unknown
    for await (const one of drawn(body, soul)) last = { ...one }
    return { json: last }
  }

  /** By how the name begins: `p1-1` also ends `p1-12`. */
  const abort = ({ body }: Call): Answer => {
    for (const soul of running) if (soul.rid.startsWith(text(body, "rid") ?? "\0")) soul.isAborted = true
    return { json: null }
  }

  const card = { id: "pocket", object: "model", created: 1795633164, owned_by: "sglang", root: "pocket", parent: null }
  const told_ = { version: "0.5.23", incremental_streaming_output: incremental }
  return serve(
    engine,
    {
      "GET /v1/models": () => ({ json: { object: "list", data: [{ ...card, max_model_len: engine.context }] } }),
      "GET /server_info": () => ({ json: { ...told_, enable_deterministic_inference: deterministic } }),
      "POST /generate": generate,
      "POST /abort_request": abort
    },
    { status: 404, json: { detail: "Not Found" } }
  )
}
