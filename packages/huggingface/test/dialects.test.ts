import { assert, describe, it } from "@effect/vitest"
import { type Backend, type Token, Usage } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import { Scorers } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { ask, describeBackend, draw, engine, posts, served, using } from "./engines/client.ts"
import * as Chat from "./engines/chat.ts"
import * as Llama from "./engines/llama.ts"
import * as Model from "./engines/model.ts"
import * as Vllm from "./engines/vllm.ts"
import { probabilitiesAfter, prompt, question } from "./subjects.ts"

const known: ReadonlyArray<readonly [name: string, dialect: string, prefix: string, version: string | undefined]> = [
  ["vllm", "vllm", "same tokens", "0.33.0"],
  ["sglang", "sglang", "same tokens", "0.5.23"],
  ["llama.cpp", "llama.cpp", "same tokens", "b11669-Debian"],
  ["tgi", "tgi", "same text", "3.3.6-dev0"],
  ["openai", "openai", "prefix not guaranteed", undefined],
  ["transformers", "transformers", "no continuation", undefined]
]

describe("recognition", () => {
  it.live.each(known)("%s is recognised as %s", ([name, dialect, prefix, version]) =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      const said = yield* using(fake, describeBackend)
      assert.deepStrictEqual([said.dialect, said.prefix, said.version], [dialect, prefix, version])
      assert.strictEqual(said.context, prefix.startsWith("same") ? 256 : undefined)
      // Nothing is asked twice.
      const paths = fake.calls.map(({ path }) => path)
      assert.deepStrictEqual(paths.filter((path) => path === "/v1/models").length, 1)
    })
  )

  const learnt = [
    ["openai", { logProbs: "processed", labels: "interval", listed: 20, seeds: false }],
    ["openai, 5 listed", { logProbs: "processed", labels: "interval", listed: 5, seeds: false }],
    ["openai, no logprobs", { logProbs: "none", labels: "none", listed: undefined, seeds: false }],
    ["openai, logprobs ignored", { logProbs: "none", labels: "none", listed: undefined, seeds: false }],
    ["vllm", { logProbs: "model", labels: "vocabulary", listed: undefined, seeds: true }],
    ["vllm 0.25", { logProbs: "model", labels: "interval", listed: 20, seeds: true }],
    ["sglang", { logProbs: "processed", labels: "vocabulary", listed: undefined, seeds: false }],
    ["sglang, deterministic", { logProbs: "processed", labels: "vocabulary", listed: undefined, seeds: true }],
    ["transformers", { logProbs: "none", labels: "none", listed: undefined, seeds: true }]
  ] as const
  it.live.each(learnt)("what %s can do is found out", ([name, can]) =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      const said = yield* using(fake, describeBackend)
      const { labels, listed, logProbs, seeds } = said.can
      assert.deepStrictEqual({ logProbs, labels, listed, seeds }, can)
    })
  )

  it.live("a model that is not served is named in one sentence, with those that are", () =>
    Effect.gen(function* () {
      for (const name of ["vllm", "openai", "transformers"]) {
        const fake = yield* engine(name)
        const error = yield* Effect.flip(using(fake, describeBackend, { model: "nope" }))
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.strictEqual(error.reason.problem, `${fake.url} does not serve the model nope.`)
        assert.strictEqual(error.reason.advice, "It serves pocket: name one of these.")
        assert.deepStrictEqual(posts(fake), [])
      }
    })
  )

  it.live("a dialect that does not exist is answered with those that do, before anything is asked", () =>
    Effect.gen(function* () {
      const fake = yield* served(() => Vllm.start())
      const error = yield* Effect.flip(using(fake, describeBackend, { dialect: "vlm" }))
      assert.strictEqual(error.reason.problem, 'No dialect is called "vlm".')
      assert.include(error.reason.advice, "llama.cpp, vllm, sglang, tgi, transformers, router, openai")
      assert.deepStrictEqual(fake.calls, [])
    })
  )

  it.live("a server that forbids paths which it does not have is recognised by those that it has", () =>
    Effect.gen(function* () {
      const fake = yield* served(() => Chat.start({ missing: 403 }))
      assert.strictEqual((yield* using(fake, describeBackend)).dialect, "openai")
    })
  )

  it.live("the router is asked for nothing but what a provider can do", () =>
    Effect.gen(function* () {
      const fake = yield* served(() => Chat.start({ most: 5 }))
      const there: typeof fetch = (url, init) =>
        fetch(String(url).replace("https://router.huggingface.co", fake.url), init)
      const routed = HuggingFaceBackend.layer({
        model: "pocket",
        provider: "together",
        accessToken: "hf_x",
        fetch: there
      })
      const said = yield* Effect.provide(describeBackend, routed)
      assert.deepStrictEqual([said.dialect, said.model, said.can.listed], ["router", "pocket:together", 5])
      assert.deepStrictEqual(
        fake.calls.map(({ headers, path }) => [path, headers.authorization]),
        Array.from({ length: 2 }, () => ["/v1/chat/completions", "Bearer hf_x"])
      )
    })
  )
})

describe("numbers", () => {
  const lists = ["vllm 0.25", "openai", "openai, 5 listed"]
  it.live.each(lists)("%s: the interval contains the truth, also of a label that is not among the likeliest", (name) =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      const { labels, over } = yield* using(fake, ask({ labels: ["No", "Would"] }))
      assert.strictEqual(over, "vocabulary")
      const context = [...Model.rendered(prompt), ...Model.encode(`<|end|><|user|>${question}<|end|><|assistant|>`)]
      const truth = ["No", "Would"].map((label) =>
        Math.log(Model.probability(context, Model.tokenizer.spellings(label)))
      )
      labels.forEach(({ lower, upper }, i) => {
        assert.isAtMost(lower, truth[i]! + 1e-9)
        assert.isAtLeast(upper, truth[i]! - 1e-9)
      })
      assert.strictEqual(labels[1]!.lower, -Infinity)
    })
  )

  const processed = ["sglang, deterministic", "tgi", "openai"]
  it.live.each(processed)(
    "%s: numbers after temperature are marked so, and no scorer takes them for the model's",
    (name) =>
      Effect.gen(function* () {
        const fake = yield* engine(name)
        const [own, hot, cut] = yield* using(
          fake,
          Effect.all([draw({ temperature: 1 }), draw({ temperature: 1.5 }), draw({ temperature: 1, topP: 0.5 })])
        )
        assert.isTrue(own.every(({ logProb, processed }) => logProb !== undefined && processed === undefined))
        for (const tokens of [hot, cut]) assert.isTrue(tokens.every(({ processed }) => processed === true))
        const scored = (tokens: ReadonlyArray<Token.Token>) =>
          Scorers.meanLogProb({ index: 0, prompt, tokens, seed: 1, temperature: 1 })
        assert.isBelow((yield* scored(own)).value, 0)
        const error = yield* Effect.flip(scored(hot))
        assert.strictEqual(error.reason._tag, "Unsupported")
      })
  )

  it.live.each(["vllm", "llama.cpp"])("%s: numbers are the model's own at any temperature", (name) =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      const tokens = yield* using(fake, draw({ temperature: 1.5, topK: 30, repetitionPenalty: 1.2 }))
      const context = [...Model.rendered(prompt)]
      for (const { id, logProb, processed } of tokens) {
        assert.closeTo(logProb!, Model.logSoftmax(Model.logits(context))[id!]!, 1e-9)
        assert.isUndefined(processed)
        context.push(id!)
      }
    })
  )

  it.live("what labels weigh together is the model's own, and is left out where only their ratio is asked for", () =>
    Effect.gen(function* () {
      const fake = yield* served(() => Llama.start())
      const truth = probabilitiesAfter(0)
      const whole = yield* using(fake, ask())
      whole.labels.forEach(({ lower }, i) => assert.closeTo(Math.exp(lower), truth[i]!, 1e-9))
      const ratio = yield* using(fake, ask(), { mass: false })
      assert.strictEqual(ratio.over, "labels")
      assert.closeTo(Math.exp(ratio.labels[0]!.lower), truth[0]! / (truth[0]! + truth[1]!), 1e-9)
      // A label that is far down the list is told by its ratio to one that is not.
      const far = yield* using(fake, ask({ labels: ["No", "Would"] }))
      assert.strictEqual(posts(fake).length, 1 + 1 + 2)
      const id = Model.tokenizer.spellings("Would")
      const context = [...Model.rendered(prompt), ...Model.encode(`<|end|><|user|>${question}<|end|><|assistant|>`)]
      assert.closeTo(far.labels[1]!.lower, Math.log(Model.probability(context, id)), 1e-3)
    })
  )
})

/** Tokens that each engine reads anew: for a draft, for the same again, and for a question. */
const anew: ReadonlyArray<readonly [name: string, first: number, again: number, asked: number]> = [
  // Blocks of 16, and one token is always computed.
  ["vllm", 19, 3, 32 - 16 + 1],
  // It does not say what its cache knew.
  ["vllm 0.25", 19, 19, 32 + 1],
  ["sglang", 19, 1, 32 - 19 + 1],
  ["sglang, incremental", 19, 1, 32 - 19 + 1],
  ["llama.cpp", 19, 1, 32 - 19 + 1],
  ["tgi", 19, 19, 32 + 1],
  // Blocks of 128.
  ["openai", 19, 19, 32 + 1],
  ["transformers", 19, 19, 0]
]

describe("charges", () => {
  it.live.each(anew)("%s: what was read anew, and the token that a judgement draws", ([name, first, again, asked]) =>
    Effect.gen(function* () {
      const fake = yield* engine(name)
      const cost = (self: Effect.Effect<unknown, unknown, Backend.Backend | HuggingFaceBackend.HuggingFace>) =>
        Effect.map(Usage.measure(self), ([{ promptTokens, readTokens }]) => [promptTokens, readTokens] as const)
      const [a, b, c] = yield* using(fake, Effect.all([cost(draw()), cost(draw()), cost(ask())]))
      assert.deepStrictEqual(
        [a, b, c],
        [
          [first, 0],
          [again, 0],
          [0, asked]
        ]
      )
    })
  )
})
