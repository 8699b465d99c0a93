/**
 * `transformers serve`. Shapes: transformers 5.24.0 running, and its `cli/serving/chat_completion.py`, `utils.py`.
 */
import { at, list, number, text } from "../../src/internal/json.ts"
import { Engine, type EngineOptions } from "./engine.ts"
import { type Answer, type Call, event, type Fake, serve } from "./http.ts"
import * as Model from "./model.ts"

/** OpenAI's fields, most of them taken and ignored, and three of its own; any other is refused. */
const KNOWN = new Set([
  ..."model messages max_tokens temperature top_p seed stream stop frequency_penalty logit_bias tools".split(" "),
  ..."logprobs top_logprobs n stream_options max_completion_tokens metadata presence_penalty response_format".split(
    " "
  ),
  ..."parallel_tool_calls store tool_choice user generation_config chat_template_kwargs".split(" ")
])

const paths = ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/systemone", "/load_model", "/reset"]

export const start = (options: EngineOptions & { readonly model?: string | undefined } = {}): Promise<Fake> => {
  const { model = "pocket" } = options
  const engine = new Engine(options)

  async function* streamed(body: unknown, ids: ReadonlyArray<number>, isGone: () => boolean) {
    const same = { created: 1795633630, model, object: "chat.completion.chunk", system_fingerprint: "" }
    const chunk = (delta: object, more: object = {}) =>
      event({
        id: "0ca15da2",
        choices: [{ delta, index: 0, ...("end" in more ? { finish_reason: more.end } : {}) }],
        ...same,
        ...("usage" in more ? { usage: more.usage } : {})
      })
    const sampling = {
      temperature: number(body, "temperature") ?? 1,
      topP: number(body, "top_p"),
      seed: number(body, "seed"),
      maxTokens: number(body, "max_tokens") ?? engine.context
    }
    const write = Model.writer()
    let [count, end] = [0, "length"]
    yield chunk({ role: "assistant" })
    for await (const step of engine.draw(ids, sampling, isGone)) {
      count++
      if (step.id !== Model.END) yield chunk({ content: write(step.id) })
      end = step.end ?? end
    }
    // No [DONE], and usage always in the last chunk.
    const usage = { completion_tokens: count, prompt_tokens: ids.length, total_tokens: ids.length + count }
    yield chunk({}, { end, usage })
  }

  const complete = ({ body, isGone }: Call): Answer => {
    const unknown = Object.keys(body as object).filter((key) => !KNOWN.has(key))
    if (unknown.length > 0)
      return { status: 422, json: { detail: `Unexpected fields in the request: {'${unknown.join("', '")}'}` } }
    const name = text(body, "model") ?? model
    if (name !== model) return { status: 400, json: { detail: `Server is pinned to '${model}'; requested '${name}'.` } }
    if (!((number(body, "temperature") ?? 1) >= 0)) return { status: 500, text: "Internal Server Error" }
    // An answer at the end is a turn that is over.
    const ids = Model.encode(Model.chat(list(body, "messages") as Model.Messages, false))
    if (at(body, "stream") !== true) return { status: 500, text: "Only streams are recorded." }
    return { events: streamed(body, ids, isGone) }
  }

  const card = { owned_by: "local", id: model, object: "model", created: 0, status: { value: "loaded" } }
  const described = { openapi: "3.1.0", info: { title: "FastAPI", version: "0.1.0" } }
  return serve(
    engine,
    {
      "GET /v1/models": () => ({ json: { object: "list", data: [card] } }),
      "GET /openapi.json": () => ({
        json: { ...described, paths: Object.fromEntries(paths.map((path) => [path, { post: {} }])) }
      }),
      "POST /v1/chat/completions": complete
    },
    { status: 404, json: { detail: "Not Found" } }
  )
}
