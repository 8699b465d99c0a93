/**
 * A server of chat completions as OpenAI has them. Shapes: Hugging Face's `tasks/chat-completion.md` (hub-docs 242f4a1) and
 * vllm 0.32.0 running; which providers give log-probabilities: console.groq.com/docs/openai (400), LM Studio (ignored).
 */
import { at, list, number, text } from "../../src/internal/json.ts"
import { Engine, type EngineOptions, type Step, top } from "./engine.ts"
import { type Answer, type Call, DONE, event, type Fake, firstBad, serve } from "./http.ts"
import * as Model from "./model.ts"

export interface ChatOptions extends EngineOptions {
  /** What it does when asked for log-probabilities. Default `given`. */
  readonly logProbs?: "given" | "refused" | "ignored" | undefined
  /** The longest list of likeliest tokens. Default 20; 5 in Hugging Face's own schema. */
  readonly most?: number | undefined
  readonly model?: string | undefined
  /** The end of text has an entry among the log-probabilities, as with vLLM. */
  readonly tellsEnd?: boolean | undefined
  /** Status of paths that it has not. Default 404. */
  readonly missing?: number | undefined
}

const bad = (message: string, param: string): Answer => ({
  status: 400,
  json: { error: { message, type: "invalid_request_error", param, code: null } }
})

const entry = (id: number, logProbs: Float64Array) => ({
  token: Model.nameOf(id),
  logprob: logProbs[id]!,
  bytes: [...Model.bytesOf(id)]
})

export const start = (options: ChatOptions = {}): Promise<Fake> => {
  const { logProbs = "given", missing = 404, model = "pocket", most = 20, tellsEnd = false } = options
  const engine = new Engine(options)
  const same = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1764000000, model }

  const told = (body: unknown, { id, tempered }: Step) => {
    if (logProbs !== "given" || at(body, "logprobs") !== true) return null
    if (id === Model.END && !tellsEnd) return null
    const listed = top(tempered, number(body, "top_logprobs") ?? 0).map((other) => entry(other, tempered))
    return { content: [{ ...entry(id, tempered), top_logprobs: listed }] }
  }

  async function* streamed(body: unknown, ids: ReadonlyArray<number>, isGone: () => boolean) {
    const choices = (delta: object, finish_reason: string | null, logprobs: unknown) => [
      { index: 0, delta, finish_reason, logprobs }
    ]
    const sampling = {
      temperature: number(body, "temperature") ?? 1,
      topP: number(body, "top_p"),
      maxTokens: number(body, "max_tokens") ?? engine.context
    }
    const [write, cached] = [Model.writer(), engine.cached(ids, 128)]
    yield event({ ...same, choices: choices({ role: "assistant", content: "" }, null, null) })
    let count = 0
    for await (const step of engine.draw(ids, sampling, isGone)) {
      count++
      if (step.end !== "stop")
        yield event({ ...same, choices: choices({ content: write(step.id) }, null, told(body, step)) })
      const last = step.end === "stop" ? { content: "" } : {}
      if (step.end !== undefined)
        yield event({ ...same, choices: choices(last, step.end, step.end === "stop" ? told(body, step) : null) })
    }
    const usage = { prompt_tokens: ids.length, completion_tokens: count, total_tokens: ids.length + count }
    if (at(body, "stream_options", "include_usage") === true)
      yield event({ ...same, choices: [], usage: { ...usage, prompt_tokens_details: { cached_tokens: cached } } })
    yield DONE
  }

  const complete = ({ body, isGone }: Call): Answer => {
    const asked = text(body, "model")
    if (asked?.split(":")[0] !== model)
      return {
        status: 400,
        json: {
          error: {
            message: `The requested model '${asked}' is not supported by any provider you have enabled.`,
            type: "invalid_request_error",
            param: "model",
            code: "model_not_supported"
          }
        }
      }
    if (logProbs === "refused" && at(body, "logprobs") !== undefined)
      return bad("`logprobs` is not supported with this model", "logprobs")
    const wrong = firstBad([
      [(number(body, "top_logprobs") ?? 0) <= most, `'top_logprobs' must be less than or equal to ${most}`],
      [(number(body, "temperature") ?? 1) <= 2, "'temperature' must be less than or equal to 2"]
    ])
    if (wrong !== undefined) return bad(wrong, "parameter")
    // Like many servers, and unlike OpenAI's own, it goes on with an answer that stands at the end.
    const ids = Model.encode(Model.chat(list(body, "messages") as Model.Messages, true))
    if (ids.length >= engine.context)
      return bad(`This model's maximum context length is ${engine.context} tokens.`, "messages")
    return { events: streamed(body, ids, isGone) }
  }

  return serve(
    engine,
    {
      "GET /v1/models": () => ({
        json: { object: "list", data: [{ id: model, object: "model", owned_by: "provider" }] }
      }),
      "POST /v1/chat/completions": complete
    },
    { status: missing, json: { error: { message: "Unknown request URL", type: "invalid_request_error" } } }
  )
}
