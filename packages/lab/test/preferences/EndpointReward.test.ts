import { assert, describe, it } from "@effect/vitest"
import type { Prompt } from "@mulligan/core"
import * as EndpointReward from "@mulligan/lab/preferences/EndpointReward"
import * as Reward from "@mulligan/lab/preferences/Reward"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type { HttpClient } from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

interface Seen {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}
type Answer = readonly [status: number, body: unknown] | "never"

/** A server that gives these answers one after the other, the last for ever, and keeps what it was asked. */
const serving = (...answers: ReadonlyArray<Answer>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly seen: Array<Seen>; readonly close: () => void }>((resume) => {
      const seen: Array<Seen> = []
      const server = createServer((request, response) => {
        let text = ""
        request.on("data", (part) => (text += part))
        request.on("end", () => {
          seen.push({ path: request.url ?? "", headers: request.headers, body: JSON.parse(text) })
          const answer = answers[Math.min(seen.length, answers.length) - 1] ?? "never"
          if (answer === "never") return
          response.writeHead(answer[0], { "content-type": "application/json" }).end(JSON.stringify(answer[1]))
        })
      }).listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = () => void server.close().closeAllConnections()
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}/predict`, seen, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const prompt: ReadonlyArray<Prompt.Message> = [{ role: "user", content: "Why?" }]
const ask = <E>(model: Reward.Model<E, HttpClient>, of: Prompt.Prompt = prompt) =>
  Effect.provide(Reward.judge(model, of, "So."), FetchHttpClient.layer)
const reasonOf = <E>(model: Reward.Model<E, HttpClient>) => Effect.map(Effect.flip(ask(model)), ({ reason }) => reason)

describe("EndpointReward.classifier", () => {
  it.live("asks Text Embeddings Inference for the raw score of a pair", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* serving([200, [{ label: "LABEL_0", score: -1.25 }]])
      const apiKey = Redacted.make("s3cret")
      assert.strictEqual(yield* ask(EndpointReward.classifier({ kind: "tei", url, name: "rm", apiKey })), -1.25)
      assert.deepStrictEqual(seen[0]?.body, { inputs: ["Why?", "So."], raw_scores: true, truncate: false })
      assert.strictEqual(seen[0]?.headers.authorization, "Bearer s3cret")
      assert.strictEqual(seen[0]?.path, "/predict")
    })
  )

  it.live("asks an Inference Endpoint for the logit, and reads lists in lists", () =>
    Effect.gen(function* () {
      const both = [
        { label: "good", score: 2 },
        { label: "bad", score: 3 }
      ]
      const { seen, url } = yield* serving([200, [both]])
      const server = { kind: "huggingface", url, name: "rm" } as const
      assert.strictEqual(yield* ask(EndpointReward.classifier({ ...server, label: "good" })), 2)
      assert.deepStrictEqual(seen[0]?.body, {
        inputs: { text: "Why?", text_pair: "So." },
        parameters: { function_to_apply: "none" }
      })
      assert.isUndefined(seen[0]?.headers.authorization)
      const render = (_: Prompt.Prompt, text: string) => `<${text}>`
      yield* ask(EndpointReward.classifier({ ...server, label: "good", render }))
      assert.deepInclude(seen[1]?.body, { inputs: "<So.>" })
      const reason = yield* reasonOf(EndpointReward.classifier(server))
      assert.include(reason.problem, "the labels good, bad; name one by `label`")
    })
  )

  it.live("writes a longer conversation out by its roles", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* serving([200, [{ label: "x", score: 1 }]])
      const long = [{ role: "system", content: "Be brief." }, ...prompt] as const
      yield* ask(EndpointReward.classifier({ kind: "tei", url, name: "rm" }), long)
      assert.deepInclude(seen[0]?.body, { inputs: ["system: Be brief.\n\nuser: Why?", "So."] })
    })
  )
})

describe("EndpointReward.judge", () => {
  const reply = (content: string) => [200, { choices: [{ message: { content } }] }] as const

  it.live.each([
    ["7", 7],
    [" 8.5 because", 8.5],
    ["**10**", 10],
    ["-1", -1]
  ] as const)("reads %j", ([said, expected]) =>
    Effect.gen(function* () {
      const { seen, url } = yield* serving(reply(said))
      assert.strictEqual(yield* ask(EndpointReward.judge({ url, name: "judge", model: "large" })), expected)
      assert.deepInclude(seen[0]?.body, {
        model: "large",
        temperature: 0,
        messages: [
          { role: "system", content: EndpointReward.INSTRUCTIONS },
          { role: "user", content: "# Conversation\n\nWhy?\n\n# Answer\n\nSo." }
        ]
      })
    })
  )

  it.live.each(["I would say 7", "", "1.2.3"])("takes %j for no number, which costs this prompt alone", (said) =>
    Effect.gen(function* () {
      const { url } = yield* serving(reply(said))
      const reason = yield* reasonOf(EndpointReward.judge({ url, name: "judge", model: "large" }))
      assert.strictEqual(reason._tag, "RewardRefused")
    })
  )
})

describe("EndpointReward", () => {
  const of = (url: string, more: Partial<EndpointReward.ClassifierOptions> = {}) =>
    EndpointReward.classifier({ kind: "tei", url, name: "rm", retries: 0, ...more })

  it.live("tries again what may pass", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* serving([503, {}], [429, {}], [200, [{ label: "x", score: 1 }]])
      assert.strictEqual(yield* ask(of(url, { retries: 2 })), 1)
      assert.strictEqual(seen.length, 3)
      assert.deepStrictEqual(seen[0]?.body, seen[2]?.body)
    })
  )

  it.live("tries again where no answer comes in time", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* serving("never", [200, [{ label: "x", score: 1 }]])
      assert.strictEqual(yield* ask(of(url, { retries: 1, timeout: "100 millis" })), 1)
      assert.strictEqual(seen.length, 2)
    })
  )

  it.live.each([
    [401, "RewardFailed", "`apiKey`"],
    [404, "RewardFailed", "`url`"],
    [500, "RewardFailed", "log"],
    [413, "RewardRefused", "too long"],
    [422, "RewardRefused", "too long"]
  ] as const)("says of %d what to do, without the key or what the server quotes", ([status, tag, advice]) =>
    Effect.gen(function* () {
      const { url } = yield* serving([status, { error: "So. is not a text; s3cret" }])
      const reason = yield* reasonOf(of(`${url}?key=s3cret`, { apiKey: Redacted.make("s3cret") }))
      assert.strictEqual(reason._tag, tag)
      assert.include(reason.problem, `${url}`)
      assert.include(reason.problem, String(status))
      assert.include(reason.advice, advice)
      assert.notMatch(JSON.stringify(reason), /s3cret|So\./)
    })
  )

  it.live("says that nobody answers, or not in JSON", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.scoped(serving([200, []]))
      const reason = yield* reasonOf(of(gone.url))
      assert.deepStrictEqual([reason._tag, reason.advice], ["RewardFailed", "See that it runs, and gives JSON."])
      const { url } = yield* serving([200, { text: "fine" }])
      assert.include((yield* reasonOf(of(url))).problem, "no list of labels and scores")
    })
  )

  it("throws for an address that is none", () => assert.throws(() => of("nowhere"), TypeError))
})
