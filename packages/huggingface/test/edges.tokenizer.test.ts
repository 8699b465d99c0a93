import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { before, opened, request, told } from "./edges.ts"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

/** A folder of tokenizer files; some are answered in another way. */
const folder = (others: Readonly<Record<string, RawServer.Reply>> = {}) => {
  const files: Readonly<Record<string, RawServer.Reply>> = {
    "tokenizer.json": RawServer.json(200, Speech.tokenizer.tokenizer),
    "tokenizer_config.json": RawServer.json(200, Speech.tokenizer.config),
    ...others
  }
  return RawServer.start((connection, seen) => {
    const name = seen.path.replace(/\?.*/, "").split("/").at(-1)!
    return (files[name] ?? RawServer.json(404, {}))(connection, seen)
  })
}
const asked = (files: RawServer.RawServer, name: string) =>
  files.requests.filter(({ path }) => path.replace(/\?.*/, "").endsWith(name)).length

/** What the backend sends for a prompt whose tokenizer is at this address. */
const idsSent = (tokenizer: string) =>
  Effect.gen(function* () {
    const { backend, server } = yield* opened("vllm", Speech.good("vllm", "Hi"), { tokenizer })
    yield* Stream.runDrain(backend.generate(request))
    return Speech.work(server)[0]!.json.prompt
  })

describe("a chat template in a file of its own", () => {
  const template = RawServer.whole(200, "{% for m in messages %}{{ m['content'] }}{% endfor %}?")

  it.live("is asked for again where its source is busy, and used", () =>
    Effect.gen(function* () {
      const busy = Speech.inTurn([RawServer.json(503, {}), template])
      const files = yield* folder({ "chat_template.jinja": busy })
      assert.deepStrictEqual(yield* idsSent(files.url), Speech.idsOf("Go.?"))
      assert.strictEqual(asked(files, "chat_template.jinja"), 2)
    }).pipe(Effect.scoped)
  )

  it.live("is none where there is no such file: the configuration's is used", () =>
    Effect.gen(function* () {
      const files = yield* folder()
      assert.deepStrictEqual(yield* idsSent(files.url), Speech.promptIds)
      assert.strictEqual(asked(files, "chat_template.jinja"), 1)
    }).pipe(Effect.scoped)
  )

  it.live("that never comes is a failure, and not another template", () =>
    Effect.gen(function* () {
      const files = yield* folder({ "chat_template.jinja": RawServer.json(503, {}) })
      const error = yield* Effect.flip(idsSent(files.url))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.strictEqual(asked(files, "chat_template.jinja"), 3)
    }).pipe(Effect.scoped)
  )
})

describe("a secret in a tokenizer's address", () => {
  const query = "/dir?sig=SECRET"

  it.live("stays at the end where it is a query", () =>
    Effect.gen(function* () {
      const files = yield* folder()
      assert.deepStrictEqual(yield* idsSent(files.url + query), Speech.promptIds)
      assert.sameMembers(
        files.requests.map(({ path }) => path),
        ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"].map((name) => `/dir/${name}?sig=SECRET`)
      )
    }).pipe(Effect.scoped)
  )

  const replies: ReadonlyArray<readonly [what: string, file: string, reply: RawServer.Reply]> = [
    ["is absent", "tokenizer.json", RawServer.json(404, {})],
    ["is refused", "tokenizer.json", RawServer.json(403, {})],
    ["never comes", "tokenizer.json", RawServer.json(503, {})],
    ["is no JSON", "tokenizer.json", RawServer.whole(200, "<html>")],
    ["is no tokenizer", "tokenizer.json", RawServer.json(200, {})],
    ["is no configuration", "tokenizer_config.json", RawServer.json(200, { bos_token: 7 })],
    ["is no template", "chat_template.jinja", RawServer.whole(200, "{% for")]
  ]
  it.live.each(replies)("is in no error: a file %s", ([, file, reply]) =>
    Effect.gen(function* () {
      const files = yield* folder({ [file]: reply })
      assert.notInclude(told(yield* Effect.flip(idsSent(files.url + query))), "SECRET")
    }).pipe(Effect.scoped)
  )

  it.live("is refused where it is a password, and neither sent nor quoted", () =>
    Effect.gen(function* () {
      const files = yield* folder()
      const error = yield* Effect.flip(idsSent(files.url.replace("//", "//user:SECRET@")))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.notInclude(told(error), "SECRET")
      assert.strictEqual(files.requests.length, 0)
    }).pipe(Effect.scoped)
  )
})

describe("a tokenizer that comes slowly", () => {
  const [PIECES, EVERY] = [15, 100]
  const body = Buffer.from(JSON.stringify(Speech.tokenizer.tokenizer))
  const part = (i: number) =>
    body.subarray(Math.floor((i * body.length) / PIECES), Math.floor(((i + 1) * body.length) / PIECES))
  const slow: RawServer.Reply = async (connection) => {
    const length = String(body.length)
    await connection.write(RawServer.head(200, { "content-type": "application/json", "content-length": length }))
    for (let i = 0; i < PIECES; i++) {
      await connection.write(part(i))
      await RawServer.sleep(EVERY)
    }
    connection.end()
  }

  it.live("is whole in the end: a time-out is for silence", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(Speech.engine("vllm", Speech.good("vllm", "Hi")))
      const files = yield* folder({ "tokenizer.json": slow })
      yield* before(server, "vllm", { tokenizer: files.url, idleTimeout: "1 second" })
      assert.strictEqual(asked(files, "tokenizer.json"), 1)
    }).pipe(Effect.scoped)
  )
})
