import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { parquetWriteBuffer } from "hyparquet-writer"
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as AlpacaEval from "@mulligan/lab/tasks/AlpacaEval"
import * as Gsm8k from "@mulligan/lab/tasks/Gsm8k"
import * as Math500 from "@mulligan/lab/tasks/Math500"
import { folder, lines, refuses } from "./files.ts"
import { type Files, gitHash, serve, sha256 } from "./hubServer.ts"

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
    const hub = yield* serve(name, files)
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
      assert.isTrue(hub.seen.some((request) => request.startsWith("cdn GET")))
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
  it.live("blobs by their hash, links from the snapshot, the commit as the revision's ref", () =>
    Effect.gen(function* () {
      const { answer, cache, hub } = yield* world()
      yield* answer()
      const commit = hub.commit(math("1"))
      const hash = gitHash(math("1")["test.jsonl"]!)
      assert.deepStrictEqual(readdirSync(join(cache, "blobs")), [hash])
      assert.strictEqual(readlinkSync(join(cache, "snapshots", commit, "test.jsonl")), join("../../blobs", hash))
      assert.strictEqual(readFileSync(join(cache, "refs/main"), "utf8"), commit)
    })
  )

  it.live("a file in LFS by its SHA-256, in the snapshot's own folders", () =>
    Effect.gen(function* () {
      const path = "main/test-00000-of-00001.parquet"
      const bytes = parquetOf([{ question: "q", answer: "#### 7" }])
      const { cache, hub, within } = yield* world({ [path]: bytes }, "openai/gsm8k")
      yield* within()(Gsm8k.load())
      const commit = hub.commit({ [path]: bytes })
      assert.strictEqual(readlinkSync(join(cache, "snapshots", commit, path)), join("../../../blobs", sha256(bytes)))
    })
  )

  it.live("what is there is not fetched again; a new commit is, and an old one stays to be had", () =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      const old = hub.commit(math("1"))
      yield* answer()
      hub.seen.length = 0
      assert.strictEqual(yield* answer(), "1")
      assert.strictEqual(hub.seen.length, 1)
      hub.commit(math("2"))
      assert.strictEqual(yield* answer(), "2")
      assert.strictEqual(yield* answer({ revision: old }), "1")
      hub.seen.length = 0
      assert.strictEqual(yield* answer({ revision: old }), "1")
      assert.strictEqual(hub.seen.length, 0)
    })
  )

  it.live("HF_HUB_CACHE goes before HF_HOME", () =>
    Effect.gen(function* () {
      const { answer, home } = yield* world()
      const elsewhere = yield* folder
      yield* answer({}, { HF_HUB_CACHE: elsewhere })
      assert.deepStrictEqual(readdirSync(elsewhere), ["datasets--HuggingFaceH4--MATH-500"])
      assert.deepStrictEqual(readdirSync(home), [])
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
  it.live("is the option's, else HF_TOKEN, else the saved one; the Hub alone sees it", () =>
    Effect.gen(function* () {
      const rows = parquetOf([{ question: "q", answer: "#### 7" }])
      const { hub, home, within } = yield* world({ "main/test-00000-of-00001.parquet": rows }, "openai/gsm8k")
      const shown = (options: Gsm8k.Options, env: Record<string, string>) =>
        Effect.gen(function* () {
          rmSync(join(home, "hub"), { recursive: true, force: true })
          hub.seen.length = 0
          yield* within(env)(Gsm8k.load(options))
          const told = (host: string) => [
            ...new Set(
              hub.seen.filter((request) => request.startsWith(host)).map((r) => r.split(" ").slice(3).join(" "))
            )
          ]
          assert.deepStrictEqual(told("cdn"), ["nobody"])
          return told("hub").join()
        })
      assert.strictEqual(yield* shown({}, {}), "nobody")
      writeFileSync(join(home, "token"), "hf_saved\n")
      assert.strictEqual(yield* shown({}, {}), "Bearer hf_saved")
      assert.strictEqual(yield* shown({}, { HF_TOKEN: "hf_env" }), "Bearer hf_env")
      const token = Redacted.make("hf_option")
      assert.strictEqual(yield* shown({ token }, { HF_TOKEN: "hf_env" }), "Bearer hf_option")
    })
  )

  it.live("is in no error", () =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      hub.fault = { on: /./, times: Infinity, act: (r) => void r.writeHead(403).end("your token hf_secret may not") }
      const error = yield* Effect.flip(answer({}, { HF_TOKEN: "hf_secret" }))
      assert.notInclude(JSON.stringify(error), "hf_secret")
      yield* refuses(answer({}, { HF_TOKEN: "hf_secret\nx: y" }), "Refused", "has characters that none has")
    })
  )
})

describe("what goes wrong is told", () => {
  const source = "test.jsonl of HuggingFaceH4/MATH-500: "

  it.live.each([
    ["RevisionNotFound", { revision: "none" }, "There is no revision none."],
    ["no revision", { revision: "../../etc" }, "../../etc is no revision."]
  ] as const)("%s", ([, options, said]) =>
    Effect.flatMap(world(), ({ answer }) => refuses(answer(options), "Refused", source + said, "a branch, a tag"))
  )

  it.live("a missing file", () =>
    Effect.flatMap(world({ "other.jsonl": "" }), ({ answer }) =>
      refuses(answer(), "Refused", "Revision main has no such file.", "`file`")
    )
  )

  it.live("a missing, private or gated dataset", () =>
    Effect.flatMap(world({}, "somebody/else"), ({ answer, hub }) =>
      refuses(
        answer(),
        "Refused",
        `${hub.url} does not give HuggingFaceH4/MATH-500`,
        "Accept its terms",
        "set HF_TOKEN"
      )
    )
  )

  it.live.each([429, 503])("status %s may pass: it is asked again, then told", (status) =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      const ill = (times: number) => {
        hub.fault = { on: /./, times, act: (response) => void response.writeHead(status).end() }
      }
      ill(3)
      yield* refuses(answer(), "Unavailable", `status ${status}`, "Try again later.")
      ill(2)
      assert.strictEqual(yield* answer(), "1")
    })
  )

  it.live("bytes that are not the Hub's are fetched again, and never kept", () =>
    Effect.gen(function* () {
      const { answer, cache, hub } = yield* world()
      const damage = (times: number) => {
        hub.fault = { on: /resolve/, times, act: (response) => void response.end("<html>log in</html>") }
      }
      damage(Infinity)
      yield* refuses(answer(), "Unavailable", "What came is not what the Hub says it has.")
      assert.isFalse(existsSync(join(cache, "snapshots")))
      damage(2)
      assert.strictEqual(yield* answer(), "1")
    })
  )

  it.live("another kind of server", () =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      hub.fault = { on: /./, times: Infinity, act: (response) => void response.end("<html>log in</html>") }
      yield* refuses(answer(), "Refused", "answers something else than the Hub does", "HF_ENDPOINT")
      yield* refuses(answer({}, { HF_ENDPOINT: "hub" }), "Refused", "HF_ENDPOINT is no address of a Hub.")
    })
  )

  it.live("a cache that cannot be written", () =>
    Effect.gen(function* () {
      const { answer, home } = yield* world()
      writeFileSync(join(home, "file"), "")
      yield* refuses(answer({}, { HF_HUB_CACHE: join(home, "file") }), "Inaccessible", "ENOTDIR")
    })
  )

  it.live("interrupting closes the connection", () =>
    Effect.gen(function* () {
      const { answer, hub } = yield* world()
      const begun = Promise.withResolvers<void>()
      const closed = Promise.withResolvers<void>()
      hub.fault = {
        on: /./,
        times: 1,
        act: (response) => {
          response.on("close", closed.resolve)
          begun.resolve()
        }
      }
      const fiber = yield* Effect.forkChild(answer())
      yield* Effect.promise(() => begun.promise)
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => closed.promise)
    })
  )
})
