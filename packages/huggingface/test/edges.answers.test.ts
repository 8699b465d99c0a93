import { assert, describe, it } from "@effect/vitest"
import { RunError } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { before, begun, message, opened, request } from "./edges.ts"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

const textOf = (tokens: ReadonlyArray<{ readonly text: string }>) => tokens.map(({ text }) => text).join("")

/** SGLang keeps room for two tokens and refuses inputs that leave fewer than seven. */
const narrow =
  (context: number): RawServer.Reply =>
  (connection, seen) => {
    const read: number = seen.json.input_ids.length
    if (read >= context - 6) {
      const words = `Input length (${read} tokens) exceeds the maximum allowed length (${context - 6} tokens).`
      return Speech.events({ error: { message: words, type: "invalid_request_error", code: 400 } })(connection, seen)
    }
    const length = Math.min(seen.json.sampling_params.max_new_tokens, context - read - 2)
    const output_ids = Array.from({ length }, () => Speech.idsOf("a")[0])
    const output_token_logprobs = output_ids.map((id) => [-0.25, id, null])
    const counts = { prompt_tokens: read, completion_tokens: length, output_token_logprobs }
    return Speech.events({ output_ids, meta_info: { finish_reason: { type: "length", length }, ...counts } })(
      connection,
      seen
    )
  }

describe("the end of a draft", () => {
  it.live("on SGLang, which keeps some room for itself, is the model's limit and no failure", () =>
    Effect.gen(function* () {
      const { backend } = yield* opened("sglang", narrow(256))
      const tokens = yield* Stream.runCollect(backend.generate(request))
      assert.strictEqual(tokens.at(-1)!.end, "length")
      assert.isTrue(tokens.slice(0, -1).every(({ end }) => end === undefined))
      assert.strictEqual(textOf(tokens), "a".repeat(256 - 2 - Speech.promptIds.length))
    }).pipe(Effect.scoped)
  )

  it.live("on SGLang, where not one token fits, is a refusal", () =>
    Effect.gen(function* () {
      const { backend, server } = yield* opened("sglang", narrow(Speech.promptIds.length + 6))
      const error = yield* Effect.flip(Stream.runDrain(backend.generate(request)))
      assert.isTrue(error.reason._tag === "InvalidRequest" && error.reason.overContext)
      assert.strictEqual(Speech.work(server).length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("is not where chat stopped at the caller's limit, though a chunk holds several tokens", () =>
    Effect.gen(function* () {
      const usage = { choices: [], usage: { prompt_tokens: 5, completion_tokens: 6 } }
      const parts = [message({ content: "one two three four" }), message({ content: " five six" })]
      const { backend, server } = yield* opened("openai", Speech.events(...parts, message({}, "length"), usage))
      const tokens = yield* Stream.runCollect(backend.generate({ ...request, maxTokens: 6 }))
      assert.deepStrictEqual(
        tokens.map(({ end, text }) => [text, end]),
        [
          ["one two three four", undefined],
          [" five six", undefined]
        ]
      )
      assert.strictEqual(Speech.work(server).length, 1)
    }).pipe(Effect.scoped)
  )

  it.live.each([
    [0, 1],
    [2, 3]
  ])("that never comes is a failure after %i retries: %i requests", ([retries, requests]) =>
    Effect.gen(function* () {
      const unended = Speech.stream([Speech.data(Speech.speech.vllm.text("a")), Speech.DONE])
      const { backend, server } = yield* opened("vllm", unended, { retries })
      const error = yield* Effect.flip(Stream.runDrain(backend.generate(request)))
      assert.strictEqual(error._tag, "BackendError")
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.strictEqual(Speech.work(server).length, requests)
    }).pipe(Effect.scoped)
  )
})

const transformers = (reply: RawServer.Reply, options: Partial<HuggingFaceBackend.Options> = {}) =>
  Effect.flatMap(
    RawServer.start((connection, seen) => {
      if (seen.path === "/openapi.json") return RawServer.json(200, { paths: { "/load_model": {} } })(connection, seen)
      if (seen.method === "GET") return RawServer.json(200, { data: [{ id: Speech.MODEL }] })(connection, seen)
      return reply(connection, seen)
    }),
    (server) => before(server, "openai", { ...options, dialect: "transformers" })
  )

describe("an answer on an engine that cannot go on with one", () => {
  it.live("is asked for in one request, whatever a step is", () =>
    Effect.gen(function* () {
      const parts = [message({ content: "a" }), message({ content: "b" }), message({}, "length")]
      const { backend, server } = yield* transformers(Speech.events(...parts), { stepTokens: 2 })
      const tokens = yield* Stream.runCollect(backend.generate(request))
      assert.deepStrictEqual([textOf(tokens), tokens.at(-1)!.end], ["ab", "length"])
      assert.strictEqual(Speech.work(server).length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("is refused where the user began it, before anything is sent", () =>
    Effect.gen(function* () {
      const { backend, server } = yield* transformers(Speech.good("openai", "Hi"))
      const error = yield* Effect.flip(Stream.runDrain(backend.generate({ ...request, prompt: begun })))
      assert.isTrue(error.reason._tag === "Unsupported" && error.reason.capability === "continuation")
      assert.strictEqual(Speech.work(server).length, 0)
    }).pipe(Effect.scoped)
  )
})

describe("an answer that the user began", () => {
  const ids = [...Speech.promptIds, ...Speech.idsOf("I")]

  it.live.each([
    ["vllm", "prompt"],
    ["sglang", "input_ids"],
    ["llama.cpp", "prompt"]
  ] as const)("is gone on with: the ids that %s gets do not close its turn", ([name, field]) =>
    Effect.gen(function* () {
      const { backend, server } = yield* opened(name, Speech.good(name, "Hi"))
      yield* Stream.runDrain(backend.generate({ ...request, prompt: begun }))
      assert.deepStrictEqual(Speech.work(server)[0]!.json[field], ids)
    }).pipe(Effect.scoped)
  )
})

describe("a chat draft that breaks off under a strategy", () => {
  const part = (content: string) => Speech.data(message({ content }))
  const broken = Speech.stream([part("The"), part(" answer")], Speech.reset)
  const good = Speech.events(message({ content: "It is 4." }), message({}, "stop"))
  const drawn = (count: number) =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(Speech.engine("openai", Speech.inTurn([broken, good])))
      const candidates = Candidates.fromPrompt(Speech.prompt, { count, seed: 1 }).pipe(Candidates.generate())
      const exit = yield* Effect.result(
        Effect.provide(
          Stream.runCollect(candidates),
          HuggingFaceBackend.layer(Speech.optionsFor(server, "openai", { concurrency: 1 }))
        )
      )
      return { exit, bodies: Speech.work(server).map(({ json }) => json.messages) }
    })

  it.live("is dropped: it is not asked for again, and no second answer is joined to it", () =>
    Effect.gen(function* () {
      const { bodies, exit } = yield* drawn(1)
      assert.isTrue(exit._tag === "Failure" && exit.failure instanceof RunError.RunError)
      assert.isTrue(exit._tag === "Failure" && exit.failure.reason._tag === "AllFailed")
      assert.deepStrictEqual(bodies, [[{ role: "user", content: "Go." }]])
    }).pipe(Effect.scoped)
  )

  it.live("takes no other with it", () =>
    Effect.gen(function* () {
      const { bodies, exit } = yield* drawn(2)
      const candidates = exit._tag === "Success" ? exit.success : []
      assert.deepStrictEqual(
        candidates.map(({ index, tokens }) => [index, textOf(tokens)]),
        [[1, "It is 4."]]
      )
      assert.strictEqual(bodies.length, 2)
    }).pipe(Effect.scoped)
  )
})
