/**
 * vLLM's `/v1/completions`. Shapes: vllm 0.33.0 (`entrypoints/openai/completion/protocol.py` and `serving.py`,
 * `serve/engine/protocol.py`, `sampling_params.py`), words of errors and numbers of the cache from a running vllm 0.32.0.
 */
import { at, list, number, text } from "../../src/internal/json.ts"
import { Engine, type EngineOptions, type Sampling, type Step, top } from "./engine.ts"
import { type Answer, type Call, DONE, event, type Fake, firstBad, serve } from "./http.ts"
import * as Model from "./model.ts"

export interface VllmOptions extends EngineOptions {
  readonly model?: string | undefined
  /** Before 0.26 `logprob_token_ids` is ignored without a word. */
  readonly version?: string | undefined
  /** `--enable-prompt-tokens-details`. */
  readonly tellsCache?: boolean | undefined
}

const MAX_LOGPROBS = 20
const BLOCK = 16

const error = (status: number, message: string, type: string, param: string | null = null): Answer => ({
  status,
  json: { error: { message, type, param, code: status } }
})

const bad = (message: string) => error(400, message, "BadRequestError", /^\w+/.exec(message)?.[0] ?? null)

const isNew = (version: string): boolean => Number(version.split(".")[1]) >= 26

const problem = (body: unknown, engine: Engine, isLabelled: boolean): string | undefined => {
  const prompt = list(body, "prompt")
  const isShare = (name: string) => (number(body, name) ?? 1) > 0 && (number(body, name) ?? 1) <= 1
  const labels = list(body, "logprob_token_ids")
  return firstBad([
    [prompt.length > 0, "You must pass at least one prompt"],
    [prompt.every((id) => Number(id) < Model.VOCABULARY), "Token id is out of vocabulary"],
    [
      prompt.length <= engine.context,
      `This model's maximum context length is ${engine.context} tokens. However, your prompt contains ${prompt.length} input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=${prompt.length})`
    ],
    [
      (number(body, "max_tokens") ?? 16) >= 1 && prompt.length < engine.context,
      "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)"
    ],
    [(number(body, "temperature") ?? 1) >= 0, "temperature must be non-negative."],
    [(number(body, "temperature") ?? 1) <= 2, "temperature must be in [0, 2]. (parameter=temperature)"],
    [isShare("top_p"), "top_p must be in (0, 1]. (parameter=top_p)"],
    [(number(body, "min_p") ?? 0) >= 0 && (number(body, "min_p") ?? 0) <= 1, "min_p must be in [0, 1]."],
    [(number(body, "top_k") ?? 0) >= -1, "top_k must be 0 (disable), or at least 1."],
    [
      at(body, "stream_options") === undefined || at(body, "stream") === true,
      "Stream options can only be defined when `stream=True`. (parameter=stream_options)"
    ],
    [
      (number(body, "logprobs") ?? 0) <= MAX_LOGPROBS,
      `Requested sample logprobs of ${number(body, "logprobs")}, which is greater than max allowed: ${MAX_LOGPROBS} (parameter=logprobs)`
    ],
    [
      labels.length === 0 || !isLabelled || number(body, "logprobs") !== undefined,
      "when using `logprob_token_ids`, `logprobs` must be set. (parameter=logprob_token_ids)"
    ],
    [labels.length <= 128, "Requested logprob_token_ids is greater than max allowed: 128"]
  ])
}

const samplingOf = (body: unknown): Sampling => ({
  temperature: number(body, "temperature") ?? 1,
  topP: number(body, "top_p"),
  topK: Math.max(0, number(body, "top_k") ?? 0),
  minP: number(body, "min_p"),
  repetitionPenalty: number(body, "repetition_penalty"),
  seed: number(body, "seed"),
  maxTokens: number(body, "max_tokens") ?? 16
})

/** The drawn token first, then the likeliest or those that were asked for; −9999 stands for what is impossible. */
const logProbsOf = (body: unknown, { id, raw }: Step, isLabelled: boolean) => {
  const count = number(body, "logprobs")
  if (count === undefined) return null
  const named = (id: number) =>
    at(body, "return_tokens_as_token_ids") === true ? `token_id:${id}` : new TextDecoder().decode(Model.bytesOf(id))
  const labels = isLabelled ? list(body, "logprob_token_ids").map(Number) : []
  const listed = [id, ...(labels.length > 0 ? labels : top(raw, count))]
  const entry = (id: number) => [named(id), Math.max(raw[id]!, -9999)] as const
  return {
    text_offset: [0],
    token_logprobs: [raw[id]!],
    tokens: [named(id)],
    top_logprobs: [Object.fromEntries(listed.map(entry))]
  }
}

const choice = (body: unknown, step: Step, written: string, isLabelled: boolean) => ({
  index: 0,
  text: written,
  logprobs: logProbsOf(body, step, isLabelled),
  finish_reason: step.end ?? null,
  stop_reason: null,
  token_ids: at(body, "return_token_ids") === true ? [step.id] : null
})

const whole = async (steps: AsyncIterable<Step>, body: unknown, isLabelled: boolean) => {
  const all: Array<ReturnType<typeof choice>> = []
  const write = Model.writer()
  for await (const step of steps) all.push(choice(body, step, write(step.id), isLabelled))
  const many = (name: "text_offset" | "token_logprobs" | "tokens" | "top_logprobs") =>
    all.flatMap(({ logprobs }): ReadonlyArray<unknown> => logprobs?.[name] ?? [])
  const logprobs = {
    text_offset: many("text_offset"),
    token_logprobs: many("token_logprobs"),
    tokens: many("tokens"),
    top_logprobs: many("top_logprobs")
  }
  return {
    ...all.at(-1),
    text: all.map((c) => c.text).join(""),
    logprobs: all[0]?.logprobs === null ? null : logprobs,
    token_ids: all.flatMap((c) => c.token_ids ?? []),
    prompt_logprobs: null,
    routed_experts: null
  }
}

export const start = (options: VllmOptions = {}): Promise<Fake> => {
  const { model = "pocket", tellsCache = true, version = "0.33.0" } = options
  const engine = new Engine(options)
  const isLabelled = isNew(version)
  const same = { id: "cmpl-1", object: "text_completion", created: 1795634307, model }
  const usageOf = (prompt: number, drawn: number, cached: number) => ({
    prompt_tokens: prompt,
    total_tokens: prompt + drawn,
    completion_tokens: drawn,
    ...(tellsCache ? { prompt_tokens_details: { cached_tokens: cached } } : {})
  })

  async function* streamed(body: unknown, ids: ReadonlyArray<number>, steps: AsyncIterable<Step>, cached: number) {
    const write = Model.writer()
    let count = 0
    for await (const step of steps) {
      const first = count++ === 0 && at(body, "return_token_ids") === true
      const told = { ...choice(body, step, write(step.id), isLabelled), prompt_token_ids: first ? ids : null }
      yield event({ ...same, choices: [told], kv_transfer_params: null })
    }
    if (at(body, "stream_options", "include_usage") === true) {
      yield event({ ...same, choices: [], usage: usageOf(ids.length, count, cached) })
    }
    yield DONE
  }

  const complete = async ({ body, isGone }: Call): Promise<Answer> => {
    const name = text(body, "model") ?? model
    if (name !== model)
      return error(404, `The model \`${name}\` does not exist. Valid aliases: ${model}.`, "NotFoundError", "model")
    const wrong = problem(body, engine, isLabelled)
    if (wrong !== undefined) return bad(wrong)
    const ids = list(body, "prompt").map(Number)
    const cached = engine.cached(ids, BLOCK)
    const steps = engine.draw(ids, samplingOf(body), isGone)
    if (at(body, "stream") === true) return { events: streamed(body, ids, steps, cached) }
    const all = await whole(steps, body, isLabelled)
    const json = { ...same, choices: [all], usage: usageOf(ids.length, all.token_ids.length, cached) }
    return { json }
  }

  const card = { id: model, object: "model", created: 1795634307, owned_by: "vllm", root: model, parent: null }
  return serve(
    engine,
    {
      "GET /v1/models": () => ({ json: { object: "list", data: [{ ...card, max_model_len: engine.context }] } }),
      "GET /version": () => ({ json: { version } }),
      "POST /v1/completions": complete
    },
    { status: 404, json: { detail: "Not Found" } }
  )
}
