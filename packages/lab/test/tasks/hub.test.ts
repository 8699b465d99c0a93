import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { parquetWriteBuffer } from "hyparquet-writer"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as AlpacaEval from "@mulligan/lab/tasks/AlpacaEval"
import * as Gsm8k from "@mulligan/lab/tasks/Gsm8k"
import * as Math500 from "@mulligan/lab/tasks/Math500"
import { ends, type Fault, type Files, serve, spoils } from "../../../onnx/test/hubServer.ts"
import { folder, lines, refuses } from "./files.ts"

const parquetOf = (rows: ReadonlyArray<Readonly<Record<string, string>>>) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: Object.keys(rows[0]!).map((name) => ({
        name,
        data: rows.map((row) => row[name]!),
        type: "STRING" as const
      }))
    })
  )

const math = (answer: string): Files => ({ "test.jsonl": lines([{ problem: "p", answer, unique_id: "u" }]) })

/** A Hub with MATH-500, or another dataset, and an empty cache. */
const world = (files: Files = math("1"), name = "HuggingFaceH4/MATH-500") =>
  Effect.gen(function* () {
    const hub = yield* serve(files, `datasets/${name}`)
    const home = yield* folder
    const logged: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
    const within =
      (env: Record<string, string> = {}) =>
      <A, E>(self: Effect.Effect<A, E>) => {
        const provider = ConfigProvider.fromUnknown({ HF_ENDPOINT: hub.url, HF_HOME: home, ...env })
        return Effect.provide(self, [ConfigProvider.layer(provider), logger])
      }
    const answer = (options: Math500.Options = {}, env?: Record<string, string>) =>
      Math500.load(options).pipe(
        Effect.map(({ problems }) => problems[0]!.reference),
        within(env)
      )
    return { hub, home, logged, within, answer, cache: join(home, "hub", `datasets--${name.replace("/", "--")}`) }
  })

describe("each benchmark comes from its own dataset on the Hub", () => {
  const row = { question: "q", answer: "#### 7" }
  it.live.each(["test", "train"] as const)("GSM8K, %s, as Parquet from the CDN", (split) =>
    Effect.gen(function* () {
      const { hub, within } = yield* world(
        { [`main/${split}-00000-of-00001.parquet`]: parquetOf([row]) },
        "openai/gsm8k"
      )
      const { problems } = yield* within()(Gsm8k.load({ split }))
      assert.deepStrictEqual(problems, [{ id: "1", prompt: Gsm8k.ask("q"), reference: "7" }])
      assert.isTrue(hub.seen.some(({ host }) => host === "cdn"))
    })
  )

  it.live("MATH-500, as JSON Lines", () =>
    Effect.flatMap(world(), ({ answer }) => Effect.map(answer(), (got) => assert.strictEqual(got, "1")))
  )

  it.live("AlpacaEval 2, as a JSON array", () =>
    Effect.gen(function* () {
      const rows = [{ instruction: "i", output: "o", generator: "g", dataset: "d" }]
      const files = { "alpaca_eval_gpt4_baseline.json": JSON.stringify(rows, null, 2) }
      const { within } = yield* world(files, "tatsu-lab/alpaca_eval")
      const { problems } = yield* within()(AlpacaEval.load())
      assert.deepStrictEqual(problems, [
        { id: "1", prompt: [{ role: "user", content: "i" }], reference: "o", about: { dataset: "d" } }
      ])
    })
  )
})

describe("the cache is that of Hugging Face's libraries", () => {
  it.live("what is there is not fetched again; a new commit is, and an old one stays to be had", () =>
    Effect.gen(function* () {
      const { answer, cache, hub } = yield* world()
      const old = hub.commit(math("1"))
      yield* answer()
      assert.isTrue(existsSync(join(cache, "snapshots", old, "test.jsonl")))
      hub.seen.length = 0
      assert.strictEqual(yield* answer(), "1")
      assert.strictEqual(hub.seen.length, 1)
      hub.commit(math("2"))
      assert.strictEqual(yield* answer(), "2")
      hub.seen.length = 0
      assert.strictEqual(yield* answer({ revision: old }), "1")
      assert.strictEqual(hub.seen.length, 0)
    })
  )

  it.live("HF_HUB_OFFLINE asks nobody", () =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      const offline = { HF_HUB_OFFLINE: "1" }
      yield* refuses(answer({}, offline), "Refused", "HF_HUB_OFFLINE is set", "Unset it once")
      yield* answer()
      hub.seen.length = 0
      assert.strictEqual(yield* answer({}, offline), "1")
      assert.deepStrictEqual(hub.seen, [])
      yield* refuses(answer({ revision: "other" }, offline), "Refused", "at revision other")
    })
  )

  it.live("a Hub that cannot be reached is replaced by the cache, with a warning", () =>
    Effect.gen(function* () {
      const { answer, hub, logged } = yield* world()
      yield* answer()
      hub.stop()
      assert.strictEqual(yield* answer(), "1")
      assert.match(logged.join(), /There is no connection to .* Using what the cache has of HuggingFaceH4\/MATH-500/)
    })
  )
})

describe("the token", () => {
  it.live("is the option's, else HF_TOKEN", () =>
    Effect.gen(function* () {
      const { answer, cache, hub } = yield* world()
      const shown = (options: Math500.Options) =>
        Effect.gen(function* () {
          rmSync(cache, { recursive: true, force: true })
          hub.seen.length = 0
          yield* answer(options, { HF_TOKEN: "hf_env" })
          return [...new Set(hub.seen.map(({ authorization }) => authorization))]
        })
      assert.deepStrictEqual(yield* shown({}), ["Bearer hf_env"])
      assert.deepStrictEqual(yield* shown({ token: Redacted.make("hf_option") }), ["Bearer hf_option"])
    })
  )

  it.live("is in no error", () =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      const act: Fault = (response) => void response.writeHead(403).end("your token hf_secret may not")
      hub.faults.push({ on: /./, times: Infinity, act })
      const error = yield* Effect.flip(answer({}, { HF_TOKEN: "hf_secret" }))
      assert.notInclude(JSON.stringify(error), "hf_secret")
      yield* refuses(answer({}, { HF_TOKEN: "hf_secret\nx: y" }), "Refused", "has characters that none has")
    })
  )
})

describe("what goes wrong is told, and that a copy will do", () => {
  const source = "test.jsonl of HuggingFaceH4/MATH-500: "
  const copy = "Or give the path of your copy as `file`."

  it.live.each([
    ["none", "HuggingFaceH4/MATH-500 has no revision none."],
    ["../../etc", "../../etc is no revision."]
  ])("a revision that is none: %s", ([revision, said]) =>
    Effect.flatMap(world(), ({ answer }) =>
      refuses(answer({ revision }), "Refused", source + said, "a branch, a tag", copy)
    )
  )

  it.live("a missing file", () =>
    Effect.flatMap(world({ "other.jsonl": "" }), ({ answer }) =>
      refuses(answer(), "Refused", `${source}HuggingFaceH4/MATH-500 at revision main has no file test.jsonl.`, copy)
    )
  )

  it.live("a missing or private dataset", () =>
    Effect.flatMap(world({}, "somebody/else"), ({ answer, hub }) =>
      refuses(answer(), "Refused", `${source}${hub.url} knows no dataset HuggingFaceH4/MATH-500`, "set HF_TOKEN", copy)
    )
  )

  it.live("a gated dataset", () =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      hub.faults.push({ on: /resolve/, times: 1, act: ends(401, { "x-error-code": "GatedRepo" }) })
      yield* refuses(answer(), "Refused", `Accept its terms at ${hub.url}/datasets/HuggingFaceH4/MATH-500`, copy)
    })
  )

  it.live.each([429, 503])("status %s may pass: it is asked again, or told", (status) =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      hub.faults.push({ on: /./, times: 1, act: ends(status, { "retry-after": "3600" }) })
      yield* refuses(answer(), "Unavailable", source, copy)
      hub.faults.push({ on: /./, times: 2, act: ends(status) })
      assert.strictEqual(yield* answer(), "1")
    })
  )

  it.live("bytes that are not the Hub's are fetched again, and never kept", () =>
    Effect.gen(function* () {
      const { answer, cache, hub } = yield* world()
      hub.faults.push({ on: /resolve/, times: 3, act: spoils })
      yield* refuses(answer(), "Unavailable", "has other bytes than the Hub says", copy)
      assert.isFalse(existsSync(join(cache, "snapshots")))
      assert.strictEqual(yield* answer(), "1")
    })
  )

  it.live("another kind of server", () =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      hub.faults.push({ on: /./, times: Infinity, act: (response) => void response.end("<html>log in</html>") })
      yield* refuses(answer(), "Refused", "answers something else than the Hub does", "HF_ENDPOINT")
      yield* refuses(answer({}, { HF_ENDPOINT: "hub" }), "Refused", "HF_ENDPOINT is no address of a Hub.")
    })
  )

  it.live("a cache that cannot be written", () =>
    Effect.gen(function* () {
      const { answer, home } = yield* world()
      writeFileSync(join(home, "file"), "")
      yield* refuses(answer({}, { HF_HUB_CACHE: join(home, "file") }), "Refused", "ENOTDIR", "set HF_HOME", copy)
    })
  )
})
