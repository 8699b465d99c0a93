import { assert, describe, it } from "@effect/vitest"
import type { Token } from "@mulligan/core"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { asking, before, except, opened, until } from "./edges.ts"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

/** vLLM lists the drawn token first, and then the likeliest. */
const listing = (drawn: readonly [id: number, probability: number], likeliest: ReadonlyArray<number>) => {
  const all = [drawn, ...likeliest.map((probability, i) => [10 + i, probability] as const)]
  const top = Object.fromEntries(all.map(([id, probability]) => [`token_id:${id}`, Math.log(probability)]))
  return RawServer.json(200, {
    choices: [{ index: 0, text: "", logprobs: { top_logprobs: [top] }, finish_reason: "length" }]
  })
}

const versioned = (version: RawServer.Reply, reply: RawServer.Reply) =>
  Effect.flatMap(RawServer.start(except("/version", version, Speech.engine("vllm", reply))), (server) =>
    before(server, "vllm")
  )

describe("a question to vLLM", () => {
  // Twenty are listed with 0.04 each, so 0.2 is left: a label that is not listed may well have 0.03.
  const likeliest = Array.from({ length: 20 }, () => 0.04)
  const old: RawServer.Reply = (connection, seen) =>
    listing(seen.json.temperature === 0 ? [10, 0.04] : [40, 1e-5], likeliest)(connection, seen)

  it.live("that lists the likeliest alone: the bounds hold what is not listed", () =>
    Effect.gen(function* () {
      const { backend, server } = yield* versioned(RawServer.json(200, { version: "0.25.1" }), old)
      const { labels } = yield* backend.logProbs(asking)
      for (const { lower, upper } of labels) {
        assert.isAtLeast(Math.exp(upper), 0.03)
        assert.isAtMost(Math.exp(lower), 0.03)
      }
      const [{ json }] = Speech.work(server) as [RawServer.Seen]
      assert.strictEqual(json.temperature, 0)
      assert.isFalse(json.logprob_token_ids.some((id: number) => id < 41))
    }).pipe(Effect.scoped)
  )

  it.live.each([
    ["new", RawServer.json(200, { version: "0.33.0" })],
    ["of an unknown version", RawServer.json(404, {})]
  ] as const)("that is %s and lists none of the labels: it has no log-probabilities", ([, version]) =>
    Effect.gen(function* () {
      const { backend } = yield* versioned(version, listing([40, 0.001], []))
      const { reason } = yield* Effect.flip(backend.logProbs(asking))
      assert.isTrue(reason._tag === "Unsupported" && reason.capability === "logProbs")
    }).pipe(Effect.scoped)
  )
})

describe("labels with no question", () => {
  const told = listing([Speech.idsOf("A")[0]!, 0.5], [0.25])
  const drawn = [{ id: Speech.idsOf("4")[0]!, text: "4", logProb: -1 }]
  const sentFor = (prefix: ReadonlyArray<Token.Token>) =>
    Effect.gen(function* () {
      const { backend, server } = yield* versioned(RawServer.json(200, { version: "0.25.1" }), told)
      yield* backend.logProbs({ prompt: Speech.prompt, prefix, labels: ["No", "Yes"] })
      return Speech.work(server).map(({ json }) => json.prompt)
    }).pipe(Effect.scoped)

  it.live("are read behind the answer so far", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* sentFor(drawn), [[...Speech.promptIds, ...Speech.idsOf("4")]])
    })
  )

  it.live("are read where an answer ended, not behind its end of text", () =>
    Effect.gen(function* () {
      const ended = [...drawn, { id: Speech.END, text: "", logProb: -1, end: "stop" as const }]
      assert.deepStrictEqual(yield* sentFor(ended), [[...Speech.promptIds, ...Speech.idsOf("4")]])
    })
  )

  it.live("are read behind a stop string's last token, which is part of what was drawn", () =>
    Effect.gen(function* () {
      const stopped = [...drawn, { id: Speech.idsOf("\n")[0]!, text: "", logProb: -1, end: "stop" as const }]
      assert.deepStrictEqual(yield* sentFor(stopped), [[...Speech.promptIds, ...Speech.idsOf("4\n")]])
    })
  )
})

describe("a server that says it is done and keeps the connection", () => {
  it.live("has answered a question: nobody waits for the connection's end", () =>
    Effect.gen(function* () {
      const reply = Speech.stream([Speech.toldLabels, Speech.DONE], Speech.hang)
      const { backend, server } = yield* opened("openai", reply, { idleTimeout: "1 minute" })
      const answer = yield* Effect.timeoutOption(backend.logProbs(asking), "10 seconds")
      assert.isTrue(Option.isSome(answer))
      yield* until(() => server.open() === 0)
    }).pipe(Effect.scoped)
  )
})
