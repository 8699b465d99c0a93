import { assert, describe, it } from "@effect/vitest"
import { type Backend, Prompt } from "@mulligan/core"
import * as Effect from "effect/Effect"
import * as Seed from "../src/internal/Seed.ts"
import { ask, draw, engine, posts, using } from "./engines/client.ts"
import type { Fake } from "./engines/http.ts"
import * as Model from "./engines/model.ts"
import { labels, prompt, question } from "./subjects.ts"

type Draw = Partial<Backend.GenerateRequest>

/** The last request that was sent, but for what is another each time. */
const sent = ({ calls }: Fake) => {
  const last = calls.findLast(({ path }) => path !== "/abort_request")!
  const { rid, ...body } = last.body as Record<string, unknown>
  assert.strictEqual(rid !== undefined, last.path === "/generate" && body["stream"] === true)
  return { path: last.path, body }
}

const P = Model.rendered(prompt)
const Q = [...P, ...Model.encode(`<|end|><|user|>${question}<|end|><|assistant|>`)]
const text = "<|user|>Make 93 from 3, 6, 6 and 14.<|end|><|assistant|>"
const messages = [{ role: "user", content: "Make 93 from 3, 6, 6 and 14." }]
const asked = [...messages, { role: "assistant", content: "" }, { role: "user", content: question }]
const seed = Seed.at(5, 0)
const [no, yes] = labels.map(Model.tokenizer.spellings)
const spellings = [...no!, ...yes!]

const all: Draw = { temperature: 0.7, topP: 0.9, topK: 5, minP: 0.1, repetitionPenalty: 1.1 }
const three: Draw = { temperature: 0.7, topP: 0.9, topK: 5, repetitionPenalty: 1.1 }

const vllm = {
  model: "pocket",
  return_tokens_as_token_ids: true,
  return_token_ids: true,
  add_special_tokens: false
}
const llama = {
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
const llamaDraw = {
  ...llama,
  prompt: P,
  n_predict: 3,
  seed,
  repeat_last_n: P.length + 3,
  samplers: ["penalties", "temperature", "top_k", "top_p", "min_p"],
  n_probs: 1,
  return_tokens: true,
  return_progress: true,
  stream: true
}
const llamaAsk = {
  ...llama,
  prompt: Q,
  n_predict: 1,
  temperature: 1,
  samplers: ["temperature"],
  seed: 0,
  logit_bias: spellings.map((id) => [id, 100]),
  stream: false
}
const off = { top_p: 1, min_p: 0, repetition_penalty: 1 }
const streaming = { stream: true, stream_options: { include_usage: true } }
const warm = { temperature: 0.7, top_p: 0.9, top_k: 5, min_p: 0.1, repetition_penalty: 1.1 }
const vllmAsk = { ...vllm, prompt: Q, max_tokens: 1, temperature: 0, ...off, top_k: 0, seed: 0, stream: false }
const tgi = { details: true, return_full_text: false }
const sglang = { stream: true, return_logprob: true, logprob_start_len: -1, input_ids: P }
const openai = { model: "pocket", messages, max_tokens: 3, ...streaming }

interface Shape {
  readonly name: string
  readonly path: string
  readonly knobs: Draw
  readonly full: object
  readonly greedy: object
  readonly judged?: object
  /** Where it is another request than `judged`. */
  readonly ratio?: object
}

const shapes: ReadonlyArray<Shape> = [
  {
    name: "vllm",
    path: "/v1/completions",
    knobs: all,
    full: {
      ...warm,
      ...vllm,
      prompt: P,
      max_tokens: 3,
      seed,
      logprobs: 0,
      ...streaming
    },
    greedy: { ...vllm, prompt: P, max_tokens: 3, temperature: 0, ...off, top_k: 0, seed, logprobs: 0, ...streaming },
    judged: {
      ...vllmAsk,
      logprobs: 0,
      logprob_token_ids: spellings
    }
  },
  {
    name: "vllm 0.25",
    path: "/v1/completions",
    knobs: {},
    full: { ...vllm, prompt: P, max_tokens: 3, temperature: 0, ...off, top_k: 0, seed, logprobs: 0, ...streaming },
    greedy: { ...vllm, prompt: P, max_tokens: 3, temperature: 0, ...off, top_k: 0, seed, logprobs: 0, ...streaming },
    judged: { ...vllmAsk, logprobs: 20, logprob_token_ids: spellings }
  },
  {
    name: "sglang",
    path: "/generate",
    knobs: all,
    full: {
      ...sglang,
      sampling_params: { ...warm, max_new_tokens: 3, sampling_seed: seed }
    },
    greedy: {
      ...sglang,
      sampling_params: { max_new_tokens: 3, temperature: 0, ...off, top_k: -1, sampling_seed: seed }
    },
    judged: {
      ...sglang,
      input_ids: Q,
      stream: false,
      token_ids_logprob: spellings,
      sampling_params: { max_new_tokens: 1, temperature: 0, ...off, top_k: -1 }
    }
  },
  {
    name: "llama.cpp",
    path: "/completion",
    knobs: all,
    full: { ...llamaDraw, temperature: 0.7, top_p: 0.9, top_k: 5, min_p: 0.1, repeat_penalty: 1.1 },
    greedy: { ...llamaDraw, temperature: 0, top_p: 1, top_k: 0, min_p: 0, repeat_penalty: 1 },
    judged: { ...llamaAsk, n_probs: 64 },
    ratio: { ...llamaAsk, n_probs: spellings.length, post_sampling_probs: true }
  },
  {
    name: "tgi",
    path: "/generate_stream",
    knobs: three,
    full: {
      inputs: text,
      parameters: {
        ...tgi,
        max_new_tokens: 3,
        repetition_penalty: 1.1,
        do_sample: true,
        temperature: 0.7,
        seed,
        top_p: 0.9,
        top_k: 5
      }
    },
    greedy: {
      inputs: text,
      parameters: { ...tgi, max_new_tokens: 3, do_sample: false }
    },
    judged: {
      inputs: `${text}<|end|><|user|>${question}<|end|><|assistant|>`,
      parameters: {
        ...tgi,
        max_new_tokens: 1,
        do_sample: false,
        top_n_tokens: 5,
        grammar: { type: "regex", value: " ?(No|Yes)\\.?" }
      }
    }
  },
  {
    name: "openai",
    path: "/v1/chat/completions",
    knobs: { temperature: 0.7, topP: 0.9 },
    full: { ...openai, temperature: 0.7, top_p: 0.9, seed, logprobs: true },
    greedy: { ...openai, temperature: 0, seed, logprobs: true },
    judged: { ...openai, messages: asked, max_tokens: 1, temperature: 1, logprobs: true, top_logprobs: 20 }
  },
  {
    name: "transformers",
    path: "/v1/chat/completions",
    knobs: { temperature: 0.7, topP: 0.9 },
    full: { ...openai, temperature: 0.7, top_p: 0.9, seed },
    greedy: { ...openai, temperature: 0, seed }
  }
]

describe.each(shapes)("what $name is sent", ({ full, greedy, judged, knobs, name, path, ratio }) => {
  it.live("to draw with every knob that it has", () =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      assert.strictEqual((yield* using(fake, draw(knobs))).length, 3)
      assert.deepStrictEqual(sent(fake), { path, body: full as Record<string, unknown> })
    })
  )

  it.live("to draw greedily", () =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      yield* using(fake, draw())
      assert.deepStrictEqual(sent(fake), { path, body: greedy as Record<string, unknown> })
    })
  )

  it.live.each(judged === undefined ? [] : [true, false])("to judge, with the labels' mass: %s", (mass) =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      yield* using(fake, ask(), { mass })
      const body = (mass ? judged : (ratio ?? judged)) as Record<string, unknown>
      assert.deepStrictEqual(sent(fake), { path, body })
    })
  )
})

const missing: ReadonlyArray<readonly [name: string, knob: keyof Backend.GenerateRequest & string, value: number]> = [
  ["tgi", "minP", 0.1],
  ["openai", "topK", 5],
  ["openai", "minP", 0.1],
  ["openai", "repetitionPenalty", 1.1],
  ["transformers", "topK", 5],
  ["transformers", "minP", 0.1],
  ["transformers", "repetitionPenalty", 1.1]
]

const lists: ReadonlyArray<readonly [name: string, asked: object, most: number]> = [
  ["vllm", { logprobs: 3 }, 20],
  ["sglang", { top_logprobs_num: 3 }, 128],
  ["llama.cpp", { n_probs: 3 }, 1024],
  ["tgi", { top_n_tokens: 3 }, 5],
  ["openai", { logprobs: true, top_logprobs: 3 }, 20],
  ["openai, 5 listed", { logprobs: true, top_logprobs: 3 }, 5]
]

describe("a confidence over 3 tokens", () => {
  it.live.each(lists)("%s is asked for so many, and tells what they say of each token", ([name, asked]) =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      const tokens = yield* using(fake, draw({ temperature: 1, confidence: 3 }))
      const { body } = sent(fake)
      assert.deepInclude(name === "tgi" ? (body["parameters"] as object) : body, asked)
      const ids = [...P]
      for (const { confidence, text } of tokens) {
        const likeliest = Model.logSoftmax(Model.logits(ids)).toSorted().slice(-3)
        assert.closeTo(confidence!, -likeliest.reduce((a, b) => a + b, 0) / 3, 1e-9)
        ids.push(...Model.encode(text))
      }
    })
  )

  it.live.each([...lists, ["transformers", {}, 0], ["openai, no logprobs", {}, 0]] as const)(
    "%s: more than it lists, and certainty, are refused before anything is sent",
    ([name, , most]) =>
      Effect.gen(function* () {
        const fake = yield* engine(name)
        const refused = Effect.gen(function* () {
          const before = fake.calls.length
          const more = yield* Effect.flip(draw({ confidence: most + 1 }))
          assert.strictEqual(more.reason._tag === "Unsupported" && more.reason.capability, "confidence")
          assert.include(more.message, most === 0 ? "no likeliest tokens" : `confidence of ${most} or less`)
          const { reason } = yield* Effect.flip(draw({ certainty: true }))
          assert.strictEqual(reason._tag === "Unsupported" && reason.capability, "certainty")
          assert.strictEqual(fake.calls.length, before)
        })
        yield* using(fake, refused)
      })
  )
})

describe("knobs that an engine has not", () => {
  it.live.each(missing)("%s: %s is refused by its name before anything is sent", ([name, knob, value]) =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      const refused = Effect.gen(function* () {
        const before = fake.calls.length
        const { reason } = yield* Effect.flip(draw({ [knob]: value }))
        assert.strictEqual(reason._tag === "Unsupported" ? reason.capability : undefined, knob)
        assert.include(reason.problem, knob)
        assert.strictEqual(fake.calls.length, before)
      })
      yield* using(fake, refused)
    })
  )

  it.live("the value that switches a knob off is taken everywhere", () =>
    Effect.gen(function* () {
      for (const { name } of shapes) {
        const fake = yield* engine(name)
        yield* using(fake, draw({ topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 }))
      }
    })
  )
})

describe("a draft without a limit", () => {
  it.live("on llama.cpp is penalised for all of its tokens, not for the prompt's alone", () =>
    Effect.gen(function* () {
      const fake = yield* engine("llama.cpp")
      yield* using(fake, draw({ maxTokens: undefined, repetitionPenalty: 1.1 }))
      const { n_predict, repeat_last_n } = sent(fake).body
      assert.isAtLeast(Number(repeat_last_n), P.length + Number(n_predict))
      assert.isAtLeast(Number(repeat_last_n), 256)
    })
  )
})

describe("sessions", () => {
  it.live("vLLM hears one session for each prompt, so that its drafts and questions stay together", () =>
    Effect.gen(function* () {
      const fake = yield* engine("vllm")
      const other = Prompt.user("Make 24 from 3, 5, 7 and 11.")
      yield* using(fake, Effect.all([draw(), draw({ seed: 2 }), ask(), draw({ prompt: other })]))
      const sessions = posts(fake).map(({ headers }) => headers["x-session-id"])
      assert.strictEqual(new Set(sessions.slice(0, 3)).size, 1)
      assert.strictEqual(new Set(sessions).size, 2)
    })
  )
})
