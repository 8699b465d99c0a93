/**
 * Each engine as the backend finds it, with what the laws are checked on: the truth is computed from the engines' model.
 */
import * as Effect from "effect/Effect"
import type { Layer } from "effect/Layer"
import type { Backend, BackendError } from "@mulligan/core"
import { Prompt } from "@mulligan/core"
import type { BadRequest, Reference, Subject } from "@mulligan/core/testing/BackendLaws"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import * as Chat from "./engines/chat.ts"
import type { Fake } from "./engines/http.ts"
import * as Llama from "./engines/llama.ts"
import * as Model from "./engines/model.ts"
import * as Sglang from "./engines/sglang.ts"
import * as Tgi from "./engines/tgi.ts"
import * as Transformers from "./engines/transformers.ts"
import * as Vllm from "./engines/vllm.ts"

const MAX_TOKENS = 12
/** Tokens on their way when nobody wants them any more: a millisecond each. */
const AHEAD = 10

export const prompt = Prompt.user("Make 93 from 3, 6, 6 and 14.")
export const question = "Would you do better if you started over?"
export const labels = ["No", "Yes"]

const promptIds = Model.rendered(prompt)
const answer = Model.greedy(promptIds, MAX_TOKENS)
const questionIds = Model.encode(`<|end|><|user|>${question}<|end|><|assistant|>`)

/** Of all spellings: `No` and ` No`; `Not` is another word. */
export const probabilitiesAfter = (count: number): ReadonlyArray<number> => {
  const context = [...promptIds, ...answer.slice(0, count), ...questionIds]
  return labels.map((label) => Model.probability(context, Model.tokenizer.spellings(label)))
}

const known = [0, 1, 5, MAX_TOKENS].map((after) => ({ after, probabilities: probabilitiesAfter(after) }))
const byIds: Reference = { greedy: answer, labels: known }
const byText: Reference = { text: Model.textOf(answer), labels: known }

const refuse = (name: string, generate: Extract<BadRequest, { generate: unknown }>["generate"]): BadRequest => ({
  name,
  generate
})
const tooLong = refuse("a prompt over the context", { prompt: Prompt.user("6 ".repeat(300)) })
const noMinP = refuse("minP", { minP: 0.1 })
const noRaw = refuse("a raw text", { prompt: "24 =" })
const chatOnly = [noMinP, noRaw, refuse("topK", { topK: 2 }), refuse("repetitionPenalty", { repetitionPenalty: 1.1 })]

const common = {
  prompt,
  others: [Prompt.user("Make 24 from 3, 5, 7 and 11.")],
  question,
  labels,
  maxTokens: MAX_TOKENS
}

export interface Engine {
  readonly name: string
  readonly fake: () => Promise<Fake>
  readonly options?: Partial<HuggingFaceBackend.Options> | undefined
  readonly subject: Pick<Subject, "reference" | "refusals" | "seeds" | "ahead">
}

const ids = { reference: byIds, refusals: [tooLong], seeds: "request", ahead: AHEAD } as const
const chats = { reference: byText, refusals: chatOnly, seeds: "none", ahead: AHEAD } as const

export const engines: ReadonlyArray<Engine> = [
  { name: "vllm", fake: () => Vllm.start(), subject: ids },
  {
    name: "vllm, token by token",
    fake: () => Vllm.start(),
    options: { stepTokens: 1 },
    subject: { ...ids, seeds: "position", ahead: 0 }
  },
  { name: "vllm 0.25", fake: () => Vllm.start({ version: "0.25.1", tellsCache: false }), subject: ids },
  { name: "sglang", fake: () => Sglang.start(), subject: { ...ids, seeds: "none" } },
  { name: "sglang, incremental", fake: () => Sglang.start({ incremental: true }), subject: { ...ids, seeds: "none" } },
  { name: "sglang, deterministic", fake: () => Sglang.start({ deterministic: true }), subject: ids },
  { name: "llama.cpp", fake: () => Llama.start(), subject: ids },
  { name: "llama.cpp, by ratio", fake: () => Llama.start(), options: { mass: false }, subject: ids },
  { name: "tgi", fake: () => Tgi.start(), subject: { ...ids, refusals: [tooLong, noMinP] } },
  { name: "openai", fake: () => Chat.start(), subject: chats },
  { name: "openai, 5 listed", fake: () => Chat.start({ most: 5 }), subject: chats },
  { name: "openai, no logprobs", fake: () => Chat.start({ logProbs: "refused" }), subject: chats },
  { name: "openai, logprobs ignored", fake: () => Chat.start({ logProbs: "ignored" }), subject: chats },
  { name: "transformers", fake: () => Transformers.start(), subject: { ...chats, seeds: "request" } }
]

export interface Started {
  readonly fake: Fake
  readonly layer: Layer<Backend.Backend | HuggingFaceBackend.HuggingFace, BackendError.BackendError>
  readonly subject: Subject
  readonly stop: () => Promise<void>
}

/** Starts an engine of its own. */
export const start = async ({ fake, options, subject }: Engine): Promise<Started> => {
  const running = await fake()
  const { engine, stop, url } = running
  return {
    fake: running,
    layer: HuggingFaceBackend.layer({ model: "pocket", endpointUrl: url, tokenizer: Model.files, ...options }),
    subject: {
      ...common,
      ...subject,
      openRows: Effect.sync(() => engine.open),
      drawnTokens: Effect.sync(() => engine.drawn)
    },
    stop
  }
}
