/**
 * Text Generation Inference, by its own `/generate`, which takes text. Shapes: TGI 3.3.6-dev0 (db931fc), `router/src/lib.rs`,
 * `router/src/validation.rs`, `server/text_generation_server/utils/tokens.py`.
 */
import * as Effect from "effect/Effect"
import type { Ask, Call, Dialect, Draw, Piece } from "../Dialect.ts"
import { unsupported } from "../internal/errors.ts"
import { at, defined, list, number, text, versionOf } from "../internal/json.ts"
import * as TopK from "../TopK.ts"
import { isSpelling } from "./spelling.ts"

/** Its launcher allows no longer list unless told to. */
const LISTED = 5

/** Knobs at the value that switches them off are refused, and a temperature alone draws nothing: sampling is switched on. */
const draw = ({ confidence, maxTokens, repetitionPenalty, seed, temperature, text, topK, topP }: Draw): Call => ({
  path: "/generate_stream",
  streams: true,
  body: {
    inputs: text,
    parameters: defined({
      max_new_tokens: maxTokens,
      repetition_penalty: repetitionPenalty === 1 ? undefined : repetitionPenalty,
      details: true,
      return_full_text: false,
      top_n_tokens: confidence,
      ...(temperature === 0
        ? { do_sample: false }
        : { do_sample: true, temperature, seed, top_p: topP === 1 ? undefined : topP, top_k: topK || undefined })
    })
  }
})

const ends: Record<string, "stop" | "limit"> = { length: "limit", eos_token: "stop", stop_sequence: "stop" }

/** The end of text is an event too, with its name for a text. As the last token allowed it is called `length`. */
const piece = (event: unknown): Piece => {
  const token = at(event, "token")
  const isSpecial = at(token, "special") === true
  const told = text(event, "details", "finish_reason")
  const reason = told === "length" && isSpecial ? "eos_token" : told
  return {
    tokens:
      token === undefined
        ? []
        : [
            {
              id: number(token, "id"),
              text: isSpecial ? "" : (text(token, "text") ?? ""),
              control: isSpecial,
              logProb: number(token, "logprob"),
              likeliest: list(event, "top_tokens").flatMap((one) => number(one, "logprob") ?? [])
            }
          ],
    read: number(event, "details", "input_length"),
    ...(reason === undefined ? {} : { end: ends[reason] ?? "stop" })
  }
}

const escaped = (label: string): string => label.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/**
 * The grammar masks before probabilities are counted, so those of the labels are of the labels alone. A stream, for only
 * that tells how much was read.
 */
const asked = ({ labels, text }: Ask): Call => ({
  path: "/generate_stream",
  streams: true,
  body: {
    inputs: text,
    parameters: {
      max_new_tokens: 1,
      do_sample: false,
      details: true,
      return_full_text: false,
      top_n_tokens: LISTED,
      grammar: { type: "regex", value: ` ?(${labels.map(escaped).join("|")})\\.?` }
    }
  }
})

const silent = unsupported(
  "logProbs",
  "The server was asked for probabilities and gave none.",
  "Start TGI with --max-top-n-tokens 5 or more and without --disable-grammar-support."
)

/** A list that is not full names every token that the grammar allows, so then it is exact. */
const judge: Dialect["judge"] = (of, send) =>
  Effect.flatMap(send(asked(of)), ([event]) => {
    const listed = list(event, "top_tokens").flatMap((entry) => {
      const [key, logProb] = [text(entry, "text"), number(entry, "logprob")]
      return key === undefined || logProb === undefined ? [] : [{ key, logProb }]
    })
    if (listed.length === 0) return silent
    const labels = of.labels.map((label) => {
      const is = isSpelling(label)
      return { is, spellings: listed.length < LISTED ? listed.filter(({ key }) => is(key)).length : Infinity }
    })
    of.charge((number(event, "details", "input_length") ?? Math.ceil(of.text.length / 4)) + 1)
    return Effect.succeed({ labels: TopK.bounds(listed, labels), over: "labels" as const })
  })

export const tgi: Dialect = {
  name: "tgi",
  can: {
    continues: "text",
    logProbs: "processed",
    labels: "labels",
    listed: LISTED,
    confidence: LISTED,
    sampling: ["topP", "topK", "repetitionPenalty"],
    seeds: true,
    cancels: "disconnect"
  },
  probe: { path: "/info", recognises: (json) => /text-generation/.test(text(json, "router") ?? "") },
  // It holds one model, whatever it is called.
  server: (probed) => ({
    models: [],
    context: number(probed, "max_total_tokens"),
    version: versionOf(probed, "version")
  }),
  draw,
  reader: () => piece,
  judge
}
