/**
 * A reward model on a server: one POST for each draft.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type { Prompt } from "@mulligan/core/Prompt"
import { type PreferencesError, rewardFailed, rewardRefused } from "./PreferencesError.ts"
import type { Model } from "./Reward.ts"

export interface Server {
  /** The full address that is posted to. */
  readonly url: string
  /** In your words: the model, its revision. */
  readonly name: string
  /** Sent as a bearer token; it is in no error and no log. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** How often a failure that may pass is tried again; 0 is off. Default 5. */
  readonly retries?: number | undefined
  /** For one answer. Default 1 minute. */
  readonly timeout?: Duration.Input | undefined
}

export interface Options extends Server {
  /** What is posted, as JSON. */
  readonly body: (prompt: Prompt, text: string) => unknown
  /** The reward in an answer; a text says what is wrong with it instead, and quotes nothing of it. */
  readonly read: (answer: unknown) => number | string
}

/** The server's address without what may be secret in it. */
const placeOf = (url: string): string => {
  const { host, pathname, protocol } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

/** Too long, or not to be read: another text may pass. */
const REFUSALS = [400, 413, 422]

const advices: Readonly<Record<number, string>> = {
  401: "Give a valid `apiKey`.",
  403: "Give an `apiKey` with the right to it.",
  404: "Check `url` and the model's name.",
  424: "Serve a sequence classifier there."
}

const failedWith =
  (server: Server) =>
  (error: HttpClientError | { readonly _tag: "TimeoutError" }): PreferencesError => {
    const place = placeOf(server.url)
    const status = "response" in error ? error.response?.status : undefined
    if (status === undefined)
      return rewardFailed({
        problem: `${place} gives no answer that can be read.`,
        advice: "See that it runs, and gives JSON."
      })
    return REFUSALS.includes(status)
      ? rewardRefused({
          problem: `${place} refused a text (${status}).`,
          advice: "It may be too long: draw shorter drafts."
        })
      : rewardFailed({ problem: `${place} answered ${status}.`, advice: advices[status] ?? "See what its log says." })
  }

const post = ({ apiKey, retries = 5, timeout = "1 minute", url }: Server, body: unknown) =>
  Effect.gen(function* () {
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.filterStatusOk,
      HttpClient.transformResponse(Effect.timeout(timeout)),
      HttpClient.retryTransient({
        times: retries,
        schedule: Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("10 seconds")]).pipe(
          Schedule.jittered
        )
      })
    )
    const request = HttpClientRequest.post(url).pipe(
      HttpClientRequest.acceptJson,
      HttpClientRequest.bodyJsonUnsafe(body)
    )
    const response = yield* client.execute(
      apiKey === undefined ? request : HttpClientRequest.bearerToken(request, apiKey)
    )
    return yield* Effect.timeout(response.json, timeout)
  })

/** A reward by any server: what is posted and what is read of the answer is up to you. Throws for an invalid `url`. */
export const make = (options: Options): Model<PreferencesError, HttpClient.HttpClient> => {
  const place = placeOf(options.url)
  return {
    name: options.name,
    reward: (prompt, text) =>
      post(options, options.body(prompt, text)).pipe(
        Effect.mapError(failedWith(options)),
        Effect.flatMap((answer) => {
          const said = options.read(answer)
          return typeof said === "number"
            ? Effect.succeed(said)
            : rewardRefused({ problem: `${place} gave no reward: ${said}.`, advice: "See what it answers by hand." })
        })
      )
  }
}

const textOf = (prompt: Prompt): string => {
  if (typeof prompt === "string") return prompt
  if (prompt.length === 1) return prompt[0]?.content ?? ""
  return prompt.map(({ content, role }) => `${role}: ${content}`).join("\n\n")
}

export interface ClassifierOptions extends Server {
  /**
   * `tei`: Text Embeddings Inference, at `/predict`. `huggingface`: an Inference Endpoint or provider of text classification.
   */
  readonly kind: "tei" | "huggingface"
  /** What it reads: one text, or two of a cross-encoder. Default: the prompt and the answer, as two. */
  readonly render?: ((prompt: Prompt, text: string) => string | readonly [string, string]) | undefined
  /** The label whose score, before any softmax, is the reward. Needed where there are several. */
  readonly label?: string | undefined
}

const bodies = {
  tei: (inputs: string | readonly [string, string]) => ({ inputs, raw_scores: true, truncate: false }),
  huggingface: (inputs: string | readonly [string, string]) => ({
    inputs: typeof inputs === "string" ? inputs : { text: inputs[0], text_pair: inputs[1] },
    parameters: { function_to_apply: "none" }
  })
}

const scoresOf = (answer: unknown): ReadonlyMap<string, number> | undefined => {
  if (!Array.isArray(answer)) return undefined
  const all: ReadonlyArray<unknown> = answer.flat()
  const isScore = (one: unknown): one is { readonly label: string; readonly score: number } =>
    typeof one === "object" && one !== null && "label" in one && "score" in one && typeof one.score === "number"
  return all.length > 0 && all.every(isScore) ? new Map(all.map(({ label, score }) => [label, score])) : undefined
}

const read =
  (label: string | undefined) =>
  (answer: unknown): number | string => {
    const scores = scoresOf(answer)
    if (scores === undefined) return "the answer is no list of labels and scores"
    const score = label === undefined && scores.size === 1 ? [...scores.values()][0] : scores.get(label ?? "")
    return score ?? `it has the labels ${[...scores.keys()].join(", ")}; name one by \`label\``
  }

/** A sequence classifier's logit, by a server of Hugging Face's. */
export const classifier = (options: ClassifierOptions): Model<PreferencesError, HttpClient.HttpClient> => {
  const { kind, label, render = (prompt, text) => [textOf(prompt), text] as const } = options
  return make({ ...options, body: (prompt, text) => bodies[kind](render(prompt, text)), read: read(label) })
}

export interface JudgeOptions extends Server {
  /** The model's name, as the server calls it. */
  readonly model: string
  /** What the judge is told. Default: to rate from 0 to 10. It must ask for a number alone. */
  readonly instructions?: string | undefined
}

/** What a judge is told by default. */
export const INSTRUCTIONS =
  "You are given a conversation and an answer. Rate how helpful, correct and complete the answer is, from 0 (worthless) to 10 (could not be better). Reply with the number alone."

const numberIn = (answer: unknown): number | string => {
  const said = (answer as { readonly choices?: ReadonlyArray<{ readonly message?: { readonly content?: unknown } }> })
    ?.choices?.[0]?.message?.content
  const found = typeof said === "string" ? /^\s*\**(-?\d+(?:\.\d+)?)(?![\d.])/.exec(said)?.[1] : undefined
  return found === undefined ? "the judge's reply begins with no number" : Number(found)
}

/** A language model as the judge, at an OpenAI-compatible `/v1/chat/completions`. */
export const judge = (options: JudgeOptions): Model<PreferencesError, HttpClient.HttpClient> => {
  const { instructions = INSTRUCTIONS, model } = options
  return make({
    ...options,
    body: (prompt, text) => ({
      model,
      temperature: 0,
      max_tokens: 16,
      messages: [
        { role: "system", content: instructions },
        { role: "user", content: `# Conversation\n\n${textOf(prompt)}\n\n# Answer\n\n${text}` }
      ]
    }),
    read: numberIn
  })
}
