/**
 * llama.cpp's `llama-server`, by its own `/completion`, which takes and gives token ids. Shapes:
 * `tools/server/README.md` and a running server, b11669.
 */
import * as Effect from "effect/Effect"
import type { Bounds, LogProbs } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Ask, Call, Dialect, Draw, Piece, Send } from "../Dialect.ts"
import { unsupported } from "../internal/errors.ts"
import { at, list, number, text, versionOf } from "../internal/json.ts"

const PATH = "/completion"

/** Every knob that a server's command line may have set is set back: what is drawn is what was asked for. */
const plain = {
  cache_prompt: true,
  presence_penalty: 0,
  frequency_penalty: 0,
  dry_multiplier: 0,
  xtc_probability: 0,
  typical_p: 1,
  top_n_sigma: -1,
  mirostat: 0,
  dynatemp_range: 0
}

/** No answer is taken to be longer. */
const LONGEST = 2 ** 17

/** It closes the connection after a stream though it says otherwise, and whoever takes that connection again fails. */
const headers = { connection: "close" }

const draw = (of: Draw): Call => ({
  path: PATH,
  streams: of.streams,
  ...(of.streams ? { headers } : {}),
  body: {
    ...plain,
    prompt: of.ids,
    n_predict: of.maxTokens ?? -1,
    temperature: of.temperature,
    seed: of.seed,
    top_k: of.topK ?? 0,
    top_p: of.topP ?? 1,
    min_p: of.minP ?? 0,
    repeat_penalty: of.repetitionPenalty ?? 1,
    // As far back as there are tokens; the server sets that much memory aside.
    repeat_last_n: of.ids.length + (of.maxTokens ?? LONGEST),
    // The order of transformers.
    samplers: ["penalties", "temperature", "top_k", "top_p", "min_p"],
    n_probs: of.confidence ?? 1,
    return_tokens: true,
    // Before the first token, what the cache knew.
    return_progress: true,
    stream: of.streams
  }
})

/** The log-probabilities leave tokens out that end within a character; ids that they do have are in order. */
const piece = (event: unknown): Piece => {
  const told = list(event, "completion_probabilities")
  let next = 0
  const tokens = list(event, "tokens").flatMap((id) => {
    if (typeof id !== "number") return []
    const own = number(told[next], "id") === id ? told[next++] : undefined
    const logProb = number(own, "logprob")
    const likeliest = list(own, "top_logprobs").flatMap((one) => number(one, "logprob") ?? [])
    return [{ id, ...(logProb === undefined ? {} : { logProb, likeliest }) }]
  })
  const progress = at(event, "prompt_progress")
  if (progress !== undefined) {
    // It carries a token that does not exist.
    return { tokens: [], read: (number(progress, "total") ?? 0) - (number(progress, "cache") ?? 0) }
  }
  const isOver = at(event, "stop") === true
  const isStopped = text(event, "stop_type") === "eos" || text(event, "stop_type") === "word"
  return {
    tokens,
    read: number(event, "timings", "prompt_n"),
    drawn: number(event, "tokens_predicted"),
    ...(isOver ? { end: isStopped ? ("stop" as const) : ("limit" as const) } : {})
  }
}

/** Entries of the likeliest tokens that are asked for: where a label's spellings are all among them, one call tells all. */
const LISTED = 64
/** With each drawn token; a longer list costs more than it tells. */
const MOST = 1024
/** So much that no other token is drawn: every label has its probability told, and no character is cut. */
const BIAS = 100

const ask = ({ ids, spellings }: Ask, rest: Record<string, unknown>): Call => ({
  path: PATH,
  streams: false,
  body: {
    ...plain,
    prompt: ids,
    n_predict: 1,
    temperature: 1,
    samplers: ["temperature"],
    seed: 0,
    logit_bias: spellings.flat().map((id) => [id, BIAS]),
    stream: false,
    ...rest
  }
})

/** A number of each token that is listed or was drawn, by id. */
const told = (event: unknown, field: "prob" | "logprob"): ReadonlyMap<number, number> => {
  const first = at(event, "completion_probabilities", 0)
  const listed = list(first, field === "prob" ? "top_probs" : "top_logprobs")
  return new Map(
    [first, ...listed].flatMap((entry) => {
      const [id, value] = [number(entry, "id"), number(entry, field)]
      return id === undefined || value === undefined ? [] : [[id, value] as const]
    })
  )
}

const silent = unsupported(
  "logProbs",
  "The server was asked for probabilities and gave none.",
  "Use a newer llama-server, or a scorer that asks no model."
)

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

const exact = (probability: number): Bounds => {
  const logProb = Math.min(0, Math.log(probability))
  return { lower: logProb, upper: logProb }
}

/** Tokens read, and the one that must be drawn to be told anything. */
const read = (event: unknown): number => (number(event, "timings", "prompt_n") ?? 0) + 1

/** The shares of the labels alone: the bias is the same on all of them, so their ratio is the model's own. */
const ratios = (of: Ask, send: Send) =>
  Effect.flatMap(send(ask(of, { post_sampling_probs: true, n_probs: of.spellings.flat().length })), ([event]) => {
    const known = told(event, "prob")
    of.charge(read(event))
    return known.size === 0 ? silent : Effect.succeed(known)
  })

const byRatio = (of: Ask, send: Send): Effect.Effect<LogProbs, BackendError> =>
  Effect.map(ratios(of, send), (known) => ({
    labels: of.spellings.map((ids) => exact(sum(ids.map((id) => known.get(id) ?? 0)))),
    over: "labels"
  }))

/** Raw log-probabilities of what is listed; the rest from its ratio to a label that is. */
const judge: Dialect["judge"] = (of, send) =>
  of.mass
    ? Effect.gen(function* () {
        const [event] = yield* send(ask(of, { n_probs: LISTED }))
        of.charge(read(event))
        const raw = told(event, "logprob")
        const anchor = of.spellings
          .flat()
          .filter((id) => raw.has(id))
          .toSorted((a, b) => raw.get(b)! - raw.get(a)!)[0]
        if (anchor === undefined) return yield* silent
        const isWhole = of.spellings.flat().every((id) => raw.has(id))
        const more = isWhole ? undefined : yield* ratios(of, send)
        const scale = Math.exp(raw.get(anchor)!) / (more?.get(anchor) ?? 1)
        const probability = (id: number) => (raw.has(id) ? Math.exp(raw.get(id)!) : (more?.get(id) ?? 0) * scale)
        return {
          labels: of.spellings.map((ids) => exact(sum(ids.map(probability)))),
          over: "vocabulary" as const
        }
      })
    : byRatio(of, send)

export const llamaCpp: Dialect = {
  name: "llama.cpp",
  can: {
    continues: "ids",
    logProbs: "model",
    labels: "vocabulary",
    confidence: MOST,
    sampling: ["topP", "topK", "minP", "repetitionPenalty"],
    seeds: true,
    cancels: "disconnect"
  },
  probe: { path: "/v1/models", recognises: (json) => text(json, "data", 0, "owned_by") === "llamacpp" },
  details: "/props",
  server: (_probed, details) => ({
    // Any name is taken: it serves one model.
    models: [],
    context: number(details, "default_generation_settings", "n_ctx"),
    slots: number(details, "total_slots"),
    version: versionOf(details, "build_info")
  }),
  draw,
  reader: () => piece,
  judge
}
