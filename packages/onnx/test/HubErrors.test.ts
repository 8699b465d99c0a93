import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { ends } from "./hubServer.ts"
import { files, model, world } from "./hubWorld.ts"

const code = (name: string) => ({ "x-error-code": name })
const login = "set HF_TOKEN, or give `token`, to an access token that may read it"

describe("what the Hub refuses, and what to do", () => {
  it.live.each([
    [
      "a gated model",
      401,
      code("GatedRepo"),
      /is gated\. Accept its terms at http:\S+some-owner\/some-model, and set HF_TOKEN/
    ],
    ["a gated model and a token without the right", 403, code("GatedRepo"), /is gated\. Accept its terms/],
    [
      "a private or missing model",
      401,
      code("RepoNotFound"),
      /knows no model some-owner\/some-model.*if it is private, set HF_TOKEN/
    ],
    ["a missing model", 404, code("RepoNotFound"), /knows no model .*Check its name \(owner\/name\)/],
    ["a missing model, by a mirror", 404, {}, /knows no model/],
    ["a right that is missing", 403, {}, /does not give some-owner\/some-model: it is private or gated/],
    ["a token that is none", 401, {}, /does not give some-owner\/some-model/],
    ["a missing revision", 404, code("RevisionNotFound"), /has no revision main\. Check `revision`/],
    ["anything else", 400, {}, /did not accept the request .*\(status 400\)\. Check HF_ENDPOINT/]
  ] as const)("%s", ([, status, headers, message]) =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      hub.faults.push({ on: /\/revision\//, times: 1, act: ends(status, headers) })
      const error = yield* Effect.flip(fetch())
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.match(error.message, message)
      assert.strictEqual(hub.seen.length, 1)
    })
  )

  it.live("a file that the Hub lists and does not have", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      hub.faults.push({ on: /resolve\/.*_data$/, times: 1, act: ends(404, code("EntryNotFound")) })
      assert.match((yield* Effect.flip(fetch())).message, /at revision main has no file onnx\/model\.onnx_data/)
    })
  )

  it.live("too many requests: waited for as long as the Hub says", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      hub.faults.push({ on: /\/tree\//, times: 1, act: ends(429, { "retry-after": "1" }) })
      const [time] = yield* Effect.timed(fetch())
      assert.isAtLeast(Duration.toMillis(time), 1000)
    })
  )

  it.live.each([
    ["in seconds", { "retry-after": "3600" }, 3600],
    ["as a date", { "retry-after": new Date(Date.now() + 3_600_000).toUTCString() }, 3600],
    ["as what is left of a window", { ratelimit: '"api";r=0;t=299' }, 299]
  ] as const)("too many requests for too long, %s: an error that says how long", ([, headers, seconds]) =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      hub.faults.push({ on: /\/tree\//, times: Infinity, act: ends(429, headers) })
      const { reason } = yield* Effect.flip(fetch())
      assert.isTrue(reason._tag === "RateLimited")
      const told = "retryAfter" in reason ? Duration.toSeconds(reason.retryAfter!) : 0
      assert.isTrue(told > seconds - 20 && told <= seconds + 1, String(told))
      assert.strictEqual(hub.seen.length, 2)
    })
  )

  it.live("no Hub at all", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      hub.stop()
      const error = yield* Effect.flip(fetch({ retries: 1 }))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.match(error.message, /no connection to http:.*Check the network and HF_ENDPOINT/)
    })
  )

  it.live.each(["not an address", "ftp://x", "https://user:secret@x", "https://x?secret"])(
    "HF_ENDPOINT %j",
    (endpoint) =>
      Effect.gen(function* () {
        const { fetch } = yield* world()
        const { message } = yield* Effect.flip(fetch({}, { HF_ENDPOINT: endpoint }))
        assert.match(message, /HF_ENDPOINT is no address of a Hub/)
        assert.notInclude(message, "secret")
      })
  )
})

describe("a token is told to nobody", () => {
  const token = "hf_averysecretone"
  it.live("in no error, and in no log, whatever goes wrong", () =>
    Effect.gen(function* () {
      const { fetch, hub, logged } = yield* world()
      hub.token = token
      yield* fetch({ token: Redacted.make(token) })
      const on = /hub GET/
      const echo = { "x-error-code": token, "www-authenticate": `Bearer ${token}` }
      for (const status of [400, 401, 403, 404, 429, 500]) hub.faults.push({ on, times: 1, act: ends(status, echo) })
      hub.faults.push({ on, times: 1, act: (response) => void response.end(token) })
      hub.faults.push({ on, times: 1, act: (response) => void response.destroy() })
      const said: Array<string> = []
      for (let i = 0; i < 8; i++) {
        const exit = yield* Effect.exit(
          fetch({ token: Redacted.make(token), revision: i % 2 ? "main" : "other", retries: 0 })
        )
        said.push(JSON.stringify(exit), String(exit))
      }
      assert.isAbove(logged.length, 0)
      assert.notInclude([...said, ...logged].join(), token)
      assert.include(said.join(), "some-owner")
    })
  )

  it.live.each(["hf_two\nlines", "hf_ü", "hf_a b"])("not even one that cannot be sent: %j", (odd) =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      const error = yield* Effect.flip(fetch({ token: Redacted.make(odd) }))
      assert.match(error.message, /access token has characters that none has\. Check HF_TOKEN or `token`/)
      assert.notInclude(error.message, odd)
      assert.strictEqual(hub.seen.length, 0)
    })
  )

  it.live("the Hub that wants one hears it, and gives what it has", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      hub.token = token
      assert.include((yield* Effect.flip(fetch())).message, login)
      yield* fetch({}, { HF_TOKEN: token })
    })
  )
})

it.live("a repository without a graph or a tokenizer is refused before anything is fetched", () =>
  Effect.gen(function* () {
    const { "tokenizer.json": _, ...others } = files
    for (const [there, message] of [
      [others, /has no tokenizer\.json\. Use another export/],
      [
        { "config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "x" },
        /holds no ONNX decoder\. Use an ONNX export/
      ]
    ] as const) {
      const { fetch, hub } = yield* world(there)
      assert.match((yield* Effect.flip(fetch())).message, message)
      assert.isFalse(hub.seen.some(({ path }) => path.startsWith(`/${model}/resolve`)))
    }
  })
)
