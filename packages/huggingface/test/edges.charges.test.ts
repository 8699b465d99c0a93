import { assert, describe, it } from "@effect/vitest"
import { Usage } from "@mulligan/core"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { asking, message, opened, request, silent, until } from "./edges.ts"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

describe("a draft", () => {
  it.live("that was left while it waited for another costs nothing: nothing was sent", () =>
    Effect.gen(function* () {
      const { backend, server } = yield* opened("vllm", silent, { concurrency: 1 })
      const first = yield* Effect.forkChild(Stream.runDrain(backend.generate(request)))
      yield* until(() => Speech.work(server).length === 1)
      const waiting = Effect.gen(function* () {
        const second = yield* Effect.forkChild(Stream.runDrain(backend.generate({ ...request, seed: 2 })))
        yield* Effect.sleep(50)
        yield* Fiber.interrupt(second)
      })
      const [usage] = yield* Usage.measure(waiting)
      assert.strictEqual(Speech.work(server).length, 1)
      assert.deepStrictEqual([usage.promptTokens, usage.drawnTokens], [0, 0])
      yield* Fiber.interrupt(first)
    }).pipe(Effect.scoped)
  )

  it.live("that was left after it was sent costs its prompt", () =>
    Effect.gen(function* () {
      const { backend, server } = yield* opened("vllm", silent)
      const sent = Effect.gen(function* () {
        const draft = yield* Effect.forkChild(Stream.runDrain(backend.generate(request)))
        yield* until(() => Speech.work(server).length === 1)
        yield* Fiber.interrupt(draft)
      })
      const [usage] = yield* Usage.measure(sent)
      assert.strictEqual(usage.promptTokens, Speech.promptIds.length)
    }).pipe(Effect.scoped)
  )

  it.live("of chat costs what the server drew for it, also what never came, as reasoning does not", () =>
    Effect.gen(function* () {
      const reasoning = Array.from({ length: 50 }, () => message({ reasoning_content: "hm" }))
      const usage = { choices: [], usage: { prompt_tokens: 5, completion_tokens: 5000 } }
      const reply = Speech.events(...reasoning, message({ content: "Yes it is" }), message({}, "stop"), usage)
      const { backend } = yield* opened("openai", reply)
      const [spent, exit] = yield* Usage.measure(Stream.runCollect(backend.generate(request)))
      const tokens = yield* exit
      assert.strictEqual(tokens.map(({ text }) => text).join(""), "Yes it is")
      assert.strictEqual(spent.drawnTokens, 5000 - tokens.length)
      assert.strictEqual(spent.promptTokens, 5)
    }).pipe(Effect.scoped)
  )

  it.live("of chat of which all came costs nothing more", () =>
    Effect.gen(function* () {
      const usage = { choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } }
      const reply = Speech.events(message({ content: "Yes" }), message({ content: "!" }), message({}, "stop"), usage)
      const { backend } = yield* opened("openai", reply)
      const [spent] = yield* Usage.measure(Stream.runDrain(backend.generate(request)))
      assert.strictEqual(spent.drawnTokens, 0)
    }).pipe(Effect.scoped)
  )
})

describe("a question of two calls whose second fails", () => {
  /** Tokens of the question, and the one that had to be drawn. */
  const [READ, DRAWN] = [40, 1]
  const first: RawServer.Reply = (connection, seen) => {
    const [id] = seen.json.logit_bias[0]
    const answer = {
      tokens: [id],
      stop: true,
      stop_type: "limit",
      tokens_predicted: 1,
      timings: { prompt_n: READ },
      completion_probabilities: [{ id, logprob: -1, top_logprobs: [{ id, logprob: -1 }] }]
    }
    return RawServer.json(200, answer)(connection, seen)
  }
  const reply: RawServer.Reply = (connection, seen) =>
    (seen.json.post_sampling_probs === true ? RawServer.json(503, {}) : first)(connection, seen)

  it.live.each([0, 2])("costs what was read for the first, each time: %i retries", (retries) =>
    Effect.gen(function* () {
      const { backend, server } = yield* opened("llama.cpp", reply, { retries })
      const [usage, exit] = yield* Usage.measure(Effect.flip(backend.logProbs(asking)))
      assert.strictEqual((yield* exit).reason._tag, "Unavailable")
      assert.strictEqual(Speech.work(server).length, 2 * (retries + 1))
      assert.strictEqual(usage.readTokens, (READ + DRAWN) * (retries + 1))
    }).pipe(Effect.scoped)
  )
})
