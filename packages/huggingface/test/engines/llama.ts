/**
 * llama.cpp's `llama-server`, by its own `/completion`. Shapes: a running server, build 11669, in both directions.
 */
import { at, list, number } from "../../src/internal/json.ts"
import { Engine, type EngineOptions, type Sampling, type Step, top } from "./engine.ts"
import { type Answer, type Call, event, type Fake, serve } from "./http.ts"
import * as Model from "./model.ts"

const error = (code: number, message: string, type: string, more: object = {}): Answer => ({
  status: code,
  json: { error: { code, message, type, ...more } }
})

const samplingOf = (body: unknown, engine: Engine): Sampling => {
  const most = number(body, "n_predict") ?? -1
  // What is not named does not apply.
  const named = list(body, "samplers")
  const isUsed = (sampler: string) => named.length === 0 || named.includes(sampler)
  const bias = list(body, "logit_bias").map((pair) => [number(pair, 0) ?? -1, number(pair, 1) ?? 0] as const)
  return {
    temperature: number(body, "temperature") ?? 0.8,
    topP: isUsed("top_p") ? (number(body, "top_p") ?? 0.95) : 1,
    topK: isUsed("top_k") ? (number(body, "top_k") ?? 40) : 0,
    minP: isUsed("min_p") ? (number(body, "min_p") ?? 0.05) : 0,
    repetitionPenalty: isUsed("penalties") ? number(body, "repeat_penalty") : 1,
    seed: number(body, "seed"),
    // Out of the vocabulary: ignored without a word.
    bias: new Map(bias.filter(([id]) => id >= 0 && id < Model.VOCABULARY)),
    // 0 draws one all the same.
    maxTokens: most < 0 ? engine.context : Math.max(1, most)
  }
}

/** Raw log-probabilities, or probabilities after sampling under other names. */
const told = (body: unknown, { cut, id, raw }: Step) => {
  const count = number(body, "n_probs") ?? 0
  const isAfter = at(body, "post_sampling_probs") === true
  const entry = (one: number) => {
    const name = { id: one, token: one <= Model.END ? "" : Model.nameOf(one), bytes: [...Model.bytesOf(one)] }
    return isAfter ? { ...name, prob: Math.exp(cut[one]!) } : { ...name, logprob: raw[one]! }
  }
  const listed = top(isAfter ? cut : raw, count).map(entry)
  return { ...entry(id), [isAfter ? "top_probs" : "top_logprobs"]: listed }
}

const isWhole = (text: string, id: number): boolean => text !== "" || id <= Model.END

export const start = (options: EngineOptions & { readonly slots?: number | undefined } = {}): Promise<Fake> => {
  const engine = new Engine(options)
  const timings = (ids: ReadonlyArray<number>, cached: number, drawn: number) => ({
    cache_n: cached,
    prompt_n: ids.length - cached,
    predicted_n: drawn
  })
  const final = (ids: ReadonlyArray<number>, cached: number, drawn: number, end: Step["end"]) => ({
    index: 0,
    id_slot: 0,
    stop: true,
    tokens_predicted: drawn,
    tokens_evaluated: ids.length,
    truncated: false,
    stop_type: end === "stop" ? "eos" : "limit",
    stopping_word: "",
    timings: timings(ids, cached, drawn)
  })

  /** How far the prompt is read, with a token that does not exist. */
  const progress = (ids: ReadonlyArray<number>, cached: number) => {
    const same = { index: 0, content: "", tokens: [0], stop: false, id_slot: -1, tokens_predicted: 0 }
    const at = { total: ids.length, cache: cached, processed: cached, time_ms: 0 }
    return event({ ...same, tokens_evaluated: ids.length, timings: timings(ids, cached, 0), prompt_progress: at })
  }

  /** A token that ends within a character has no event: its id is lost, and only the counts tell. */
  async function* streamed(body: unknown, ids: ReadonlyArray<number>, isGone: () => boolean) {
    const [write, cached] = [Model.writer(), engine.cached(ids, 1)]
    let [count, end] = [0, undefined as Step["end"]]
    if (at(body, "return_progress") === true) yield progress(ids, cached)
    for await (const step of engine.draw(ids, samplingOf(body, engine), isGone)) {
      const content = write(step.id)
      count++
      end = step.end
      if (!isWhole(content, step.id)) continue
      yield event({
        index: 0,
        content,
        tokens: [step.id],
        stop: false,
        id_slot: -1,
        tokens_predicted: count,
        tokens_evaluated: ids.length,
        ...(at(body, "timings_per_token") === true ? { timings: timings(ids, cached, count) } : {}),
        ...((number(body, "n_probs") ?? 0) > 0 ? { completion_probabilities: [told(body, step)] } : {})
      })
    }
    yield event({ content: "", tokens: [], ...final(ids, cached, count, end) })
  }

  /** All ids; a closed connection is not noticed. */
  const whole = async (body: unknown, ids: ReadonlyArray<number>): Promise<Answer> => {
    const [write, cached] = [Model.writer(), engine.cached(ids, 1)]
    const [tokens, probabilities] = [Array<number>(), Array<unknown>()]
    let [content, end] = ["", undefined as Step["end"]]
    for await (const step of engine.draw(ids, samplingOf(body, engine), () => false)) {
      const written = write(step.id)
      tokens.push(step.id)
      content += written
      end = step.end
      if (isWhole(written, step.id)) probabilities.push(told(body, step))
    }
    const told_ = (number(body, "n_probs") ?? 0) > 0 && probabilities.length > 0
    return {
      json: {
        content,
        tokens: at(body, "return_tokens") === true ? tokens : [],
        ...final(ids, cached, tokens.length, end),
        ...(told_ ? { completion_probabilities: probabilities } : {})
      }
    }
  }

  const complete = ({ body, isGone }: Call): Answer | Promise<Answer> => {
    const ids = list(body, "prompt").map(Number)
    if (ids.length === 0) return error(400, '"prompt" must not be empty', "invalid_request_error")
    if (ids.some((id) => id < 0 || id >= Model.VOCABULARY))
      return error(400, "Prompt contains invalid tokens", "invalid_request_error")
    if (ids.length >= engine.context)
      return error(
        400,
        `request (${ids.length} tokens) exceeds the available context size (${engine.context} tokens), try increasing it`,
        "exceed_context_size_error",
        { n_prompt_tokens: ids.length, n_ctx: engine.context }
      )
    const last = number(body, "repeat_last_n") ?? 64
    if (last < 0)
      return error(
        400,
        `Field 'repeat_last_n': Value must be between 0 <= value <= 2147483647, but got ${last}`,
        "invalid_request_error"
      )
    if (at(body, "stream") !== true) return whole(body, ids)
    // A stream's connection says keep-alive and is closed all the same.
    return { events: streamed(body, ids, isGone), headers: { connection: "close" } }
  }

  const card = { id: "pocket.gguf", object: "model", created: 1795633370, owned_by: "llamacpp" }
  const props = { default_generation_settings: { n_ctx: engine.context }, total_slots: options.slots ?? 16 }
  return serve(
    engine,
    {
      "GET /v1/models": () => ({ json: { object: "list", data: [card] } }),
      "GET /props": () => ({ json: { ...props, build_info: "b11669-Debian" } }),
      "POST /completion": complete
    },
    { status: 404, json: { error: { message: "File Not Found", type: "not_found_error", code: 404 } } }
  )
}
