/**
 * Text Generation Inference's `/generate_stream`, which takes text. Shapes: TGI 3.3.6-dev0 (db931fc), `router/src/lib.rs`,
 * `router/src/validation.rs`, `router/src/server.rs`, `server/text_generation_server/utils/tokens.py`.
 */
import { at, number, text } from "../../src/internal/json.ts"
import { Engine, type EngineOptions, type Sampling, type Step, top } from "./engine.ts"
import { type Answer, type Call, event, type Fake, firstBad, serve } from "./http.ts"
import * as Model from "./model.ts"

/** Its launcher's `--max-top-n-tokens`. */
const MOST = 5

const problem = (body: unknown, ids: ReadonlyArray<number>, engine: Engine): string | undefined => {
  const params = at(body, "parameters")
  const above = (name: string) => (number(params, name) ?? 1) > 0
  const more = number(params, "max_new_tokens") ?? 1
  const topP = number(params, "top_p")
  return firstBad([
    [ids.length > 0, "`inputs` cannot be empty"],
    [above("temperature"), "`temperature` must be strictly positive"],
    [topP === undefined || (topP > 0 && topP < 1), "`top_p` must be > 0.0 and < 1.0"],
    [(number(params, "top_k") ?? 1) >= 1, "`top_k` must be strictly positive"],
    [above("repetition_penalty"), "`repetition_penalty` must be strictly positive"],
    [more >= 1, "`max_new_tokens` must be strictly positive"],
    [(number(params, "top_n_tokens") ?? 0) <= MOST, `\`top_n_tokens\` must be >= 0 and <= ${MOST}.`],
    [ids.length < engine.context, `\`inputs\` must have less than ${engine.context} tokens. Given: ${ids.length}`],
    [
      ids.length + more <= engine.context,
      `\`inputs\` tokens + \`max_new_tokens\` must be <= ${engine.context}. Given: ${ids.length} \`inputs\` tokens and ${more} \`max_new_tokens\``
    ]
  ])
}

/** Tokens that may come first in what the expression describes; it is matched by trying, for it is small. */
const firsts = (expression: string): ReadonlyArray<number> => {
  const inner = /^\s?\??\((.*)\)(\\\.\?)?$/.exec(expression)
  const spaces = expression.startsWith(" ?") ? ["", " "] : [""]
  const stops = expression.endsWith("\\.?") ? ["", "."] : [""]
  const words = (inner?.[1] ?? "").split("|").map((word) => word.replaceAll("\\", ""))
  const texts = spaces.flatMap((space) => words.flatMap((word) => stops.map((stop) => space + word + stop)))
  return Array.from({ length: Model.VOCABULARY }, (_, id) => id).filter((id) => {
    const name = id > Model.END ? Model.nameOf(id) : ""
    return name !== "" && texts.some((whole) => whole.startsWith(name))
  })
}

/** A temperature of 1 is no warper, so it alone does not switch sampling on; another one does, whatever `do_sample` says. */
const samplingOf = (body: unknown, engine: Engine): Sampling => {
  const params = at(body, "parameters")
  const temperature = number(params, "temperature") ?? 1
  const isWarped = temperature !== 1 || number(params, "top_k") !== undefined || number(params, "top_p") !== undefined
  const isSampled = at(params, "do_sample") === true || isWarped
  const grammar = text(params, "grammar", "value")
  return {
    temperature: isSampled ? temperature : 0,
    topP: number(params, "top_p"),
    topK: number(params, "top_k"),
    repetitionPenalty: number(params, "repetition_penalty"),
    seed: number(params, "seed"),
    allowed: grammar === undefined ? undefined : firsts(grammar),
    maxTokens: number(params, "max_new_tokens") ?? engine.context
  }
}

export const start = (options: EngineOptions = {}): Promise<Fake> => {
  const engine = new Engine(options)
  const tokenOf = (id: number, written: string, { cut }: Step) => ({
    id,
    text: written,
    // serde_json writes what is no number as null.
    logprob: cut[id] === -Infinity ? null : cut[id],
    special: id <= Model.END
  })

  async function* streamed(body: unknown, ids: ReadonlyArray<number>, isGone: () => boolean) {
    const sampling = samplingOf(body, engine)
    const count = number(body, "parameters", "top_n_tokens") ?? 0
    const [write, drawn] = [Model.writer(), Array<number>()]
    for await (const step of engine.draw(ids, sampling, isGone)) {
      drawn.push(step.id)
      // Length is tested first, so an end of text that is the last token allowed is called length.
      const isFull = drawn.length === sampling.maxTokens || step.end === "length"
      const reason = isFull ? "length" : step.end === "stop" ? "eos_token" : undefined
      const written = step.id <= Model.END ? Model.nameOf(step.id) : write(step.id)
      const details = {
        finish_reason: reason,
        generated_tokens: drawn.length,
        seed: sampling.temperature === 0 ? null : (sampling.seed ?? 7),
        input_length: ids.length
      }
      const tops = top(step.cut, count).map((id) => tokenOf(id, Model.nameOf(id), step))
      yield event({
        index: drawn.length,
        token: tokenOf(step.id, written, step),
        ...(tops.length === 0 ? {} : { top_tokens: tops }),
        generated_text: reason === undefined ? null : Model.textOf(drawn.filter((id) => id > Model.END)),
        details: reason === undefined || at(body, "parameters", "details") !== true ? null : details
      })
    }
  }

  async function* failing(error: string) {
    yield event({ error, error_type: "validation" })
  }

  /** What is wrong with a request is told inside the stream, with status 200. */
  const generate = ({ body, isGone }: Call): Answer => {
    const inputs = text(body, "inputs")
    if (inputs === undefined)
      return { status: 422, text: "Failed to deserialize the JSON body into the target type: inputs" }
    const ids = Model.encode(inputs)
    const wrong = problem(body, ids, engine)
    return { events: wrong === undefined ? streamed(body, ids, isGone) : failing(`Input validation error: ${wrong}`) }
  }

  const info = { model_id: "pocket", max_best_of: 2, max_input_tokens: engine.context - 1, version: "3.3.6-dev0" }
  const card = { id: "pocket", object: "model", created: 0, owned_by: "pocket" }
  return serve(
    engine,
    {
      "GET /info": () => ({
        json: { ...info, max_total_tokens: engine.context, router: "text-generation-router", sha: null }
      }),
      "GET /v1/models": () => ({ json: { object: "list", data: [card] } }),
      "POST /generate_stream": generate
    },
    { status: 404, text: "" }
  )
}
