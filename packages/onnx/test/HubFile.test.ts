import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { existsSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cutsAfter, ends, type Files, gitHash, sha256, spoils } from "./hubServer.ts"
import { asked, bytes, dataset, model, read, tree, world } from "./hubWorld.ts"

const LINES = "test.jsonl"
const TABLE = "main/test.parquet"
const lines = '{ "question": "q" }\n'
const table = bytes(300_000)
const there: Files = { "README.md": "not needed", [LINES]: lines, [TABLE]: table }

/** A Hub with one dataset, and its folder of an empty cache. */
const data = (content: Files = there) =>
  Effect.map(world(content, `datasets/${dataset}`), (at) => ({
    ...at,
    data: join(at.home, "hub/datasets--some-owner--some-data")
  }))

const offline = { HF_HUB_OFFLINE: "1" }
const fetches = ({ hub }: { readonly hub: { readonly seen: ReadonlyArray<{ readonly path: string }> } }) =>
  hub.seen.filter(({ path }) => path.includes("/resolve/")).length

describe("one file of a dataset is fetched into the cache of Hugging Face's libraries", () => {
  it.live.each([
    [LINES, gitHash(lines), lines, "../../blobs"],
    [TABLE, sha256(table), table, "../../../blobs"]
  ] as const)(
    "%s: a blob by its hash, a relative link, the commit as the revision's ref",
    ([path, hash, content, up]) =>
      Effect.gen(function* () {
        const { data: folder, file, hub } = yield* data()
        const found = yield* file(path)
        const commit = hub.commit(there)
        assert.strictEqual(found, join(folder, "snapshots", commit, path))
        assert.isTrue(read(found).equals(Buffer.from(content)))
        assert.strictEqual(readlinkSync(found), `${up}/${hash}`)
        assert.strictEqual(read(folder, "refs/main").toString(), commit)
        assert.deepStrictEqual(tree(folder), [`blobs/${hash}`, "refs/main", `snapshots/${commit}/${path}`])
      })
  )

  it.live("and of a model, where fetchModel finds it and the other way round", () =>
    Effect.gen(function* () {
      const at = yield* world()
      const options = { repo: model, repoType: undefined }
      const found = yield* at.file("config.json", options)
      assert.isTrue(found.startsWith(at.cache))
      const { folder } = yield* at.fetch()
      assert.strictEqual(asked(at, "config.json").length, 1)
      at.hub.seen.length = 0
      assert.strictEqual(yield* at.file("onnx/model.onnx_data", options), join(folder, "onnx/model.onnx_data"))
      assert.strictEqual(fetches(at), 0)
    })
  )

  it.live("what is there is not fetched again; a new commit is; a commit that is there is not even asked for", () =>
    Effect.gen(function* () {
      const at = yield* data()
      const old = at.hub.commit(there)
      const first = yield* at.file(LINES)
      at.hub.seen.length = 0
      assert.strictEqual(yield* at.file(LINES), first)
      assert.strictEqual(at.hub.seen.length, 1)
      at.hub.commit({ ...there, [LINES]: "{}\n" })
      assert.strictEqual(read(yield* at.file(LINES)).toString(), "{}\n")
      at.hub.seen.length = 0
      assert.strictEqual(yield* at.file(LINES, { revision: old }), first)
      assert.deepStrictEqual(at.hub.seen, [])
    })
  )

  it.live("a revision that has become a commit which is there is noted", () =>
    Effect.gen(function* () {
      const at = yield* data()
      const old = at.hub.commit(there)
      at.hub.commit({ ...there, [LINES]: "{}\n" })
      yield* at.file(LINES)
      const found = yield* at.file(LINES, { revision: old })
      at.hub.commit(there)
      yield* at.file(LINES)
      assert.strictEqual(yield* at.file(LINES, {}, offline), found)
    })
  )

  it.live("one that broke off is gone on with", () =>
    Effect.gen(function* () {
      const at = yield* data()
      at.hub.faults.push({ on: /^cdn/, times: 1, act: cutsAfter(100_000) })
      const found = yield* at.file(TABLE)
      assert.match(asked(at, "test.parquet").at(-1)!, /^cdn bytes=[1-9]\d*-$/)
      assert.isTrue(read(found).equals(table))
    })
  )

  it.live("one that is spoiled is fetched once more, and never kept", () =>
    Effect.gen(function* () {
      const at = yield* data()
      at.hub.faults.push({ on: /resolve/, times: 3, act: spoils })
      const error = yield* Effect.flip(at.file(LINES))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.match(error.message, /test\.jsonl of some-owner\/some-data has other bytes than the Hub says/)
      assert.deepStrictEqual(tree(at.data), [])
      assert.strictEqual(read(yield* at.file(LINES)).toString(), lines)
    })
  )

  it.live("several at once fetch it once", () =>
    Effect.gen(function* () {
      const at = yield* data()
      const found = yield* Effect.all([at.file(TABLE), at.file(TABLE), at.file(TABLE)], { concurrency: "unbounded" })
      assert.strictEqual(new Set(found).size, 1)
      assert.strictEqual(fetches(at), 1)
    })
  )
})

describe("without the network", () => {
  it.live("HF_HUB_OFFLINE asks nobody, and says what the cache lacks", () =>
    Effect.gen(function* () {
      const at = yield* data()
      const lacks = (options: object = {}) =>
        Effect.map(Effect.flip(at.file(LINES, options, offline)), ({ message, reason }) => {
          assert.strictEqual(reason._tag, "InvalidRequest")
          assert.match(
            message,
            /HF_HUB_OFFLINE is set, and .*some-data has no test\.jsonl at revision .* Unset it once/
          )
        })
      yield* lacks()
      const found = yield* at.file(LINES)
      at.hub.seen.length = 0
      assert.strictEqual(yield* at.file(LINES, {}, offline), found)
      yield* lacks({ revision: "other" })
      rmSync(join(at.data, "blobs"), { recursive: true })
      yield* lacks()
      assert.deepStrictEqual(at.hub.seen, [])
    })
  )

  it.live(
    "a Hub that is down, or ill, is replaced by the cache at once, with a warning; without one it is asked again",
    () =>
      Effect.gen(function* () {
        const at = yield* data()
        const ill = () => at.hub.faults.push({ on: /\/(revision|paths-info)\//, times: 1, act: ends(503) })
        ill()
        const found = yield* at.file(LINES)
        ill()
        at.hub.seen.length = 0
        assert.strictEqual(yield* at.file(LINES), found)
        assert.strictEqual(at.hub.seen.length, 1)
        assert.match(at.logged.join(), /status 503.* Using what the cache has of some-owner\/some-data/)
        at.hub.stop()
        assert.strictEqual(yield* at.file(LINES), found)
        const error = yield* Effect.flip(at.file(TABLE, { retries: 0 }))
        assert.strictEqual(error.reason._tag, "Unavailable")
      })
  )

  it.live("a new commit that cannot be fetched leaves the old one in use", () =>
    Effect.gen(function* () {
      const at = yield* data()
      const found = yield* at.file(LINES)
      at.hub.commit({ ...there, [LINES]: "{}\n" })
      at.hub.faults.push({ on: /resolve/, times: Infinity, act: ends(503) })
      assert.strictEqual(yield* at.file(LINES, { retries: 0 }), found)
    })
  )
})

describe("what is refused", () => {
  it.live.each([
    ["repo", { repo: "../x" }, "no name of a dataset on the Hub"],
    ["repo", { repo: "datasets/a/b" }, "no name of a dataset on the Hub"],
    ["revision", { revision: "../../x" }, "is no revision"],
    ["path", { path: "../../x" }, "is no file of a repository"],
    ["path", { path: "/etc/passwd" }, "is no file of a repository"],
    ["path", { path: "" }, "is no file of a repository"]
  ] as const)("a %s that leads elsewhere: %j", ([, options, said]) =>
    Effect.gen(function* () {
      const { file, home, hub } = yield* data()
      assert.include((yield* Effect.flip(file(LINES, options))).message, said)
      assert.deepStrictEqual(hub.seen, [])
      assert.deepStrictEqual(tree(home), [])
    })
  )

  it.live.each([
    [
      "another dataset",
      { repo: "some-owner/other" },
      /knows no dataset some-owner\/other\. Check its name.*set HF_TOKEN/
    ],
    ["a model of that name", { repoType: "model" }, /knows no model some-owner\/some-data/],
    ["another revision", { revision: "none" }, /some-owner\/some-data has no revision none/],
    ["another file", { path: "no.jsonl" }, /some-owner\/some-data at revision main has no file no\.jsonl/]
  ] as const)("%s", ([, options, message]) =>
    Effect.gen(function* () {
      const { file, home } = yield* data()
      const error = yield* Effect.flip(file(LINES, options))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.match(error.message, message)
      assert.deepStrictEqual(tree(home), [])
    })
  )

  it.live("a folder, though the cache has it", () =>
    Effect.gen(function* () {
      const { file } = yield* data()
      yield* file(TABLE)
      assert.match((yield* Effect.flip(file("main"))).message, /at revision main has no file main/)
      assert.match((yield* Effect.flip(file("main", {}, offline))).message, /has no main at revision main/)
    })
  )

  it.live("a gated dataset, with the address of its terms", () =>
    Effect.gen(function* () {
      const { file, hub } = yield* data()
      hub.faults.push({ on: /resolve/, times: 1, act: ends(403, { "x-error-code": "GatedRepo" }) })
      const { message } = yield* Effect.flip(file(LINES))
      assert.include(message, `Accept its terms at ${hub.url}/datasets/${dataset}, and set HF_TOKEN`)
    })
  )

  it.live.each([
    ["no list", { no: "list" }],
    ["no hash", [{ type: "file", path: LINES, size: 1 }]],
    ["a hash that leads out", [{ type: "file", path: LINES, size: 1, oid: "../../evil" }]],
    ["no size", [{ type: "file", path: LINES, oid: "1".repeat(40) }]]
  ] as const)("an answer with %s", ([, body]) =>
    Effect.gen(function* () {
      const { file, home, hub } = yield* data()
      hub.faults.push({ on: /paths-info/, times: 1, act: (response) => void response.end(JSON.stringify(body)) })
      assert.match((yield* Effect.flip(file(LINES))).message, /answers something else than the Hub does/)
      assert.deepStrictEqual(tree(home), [])
    })
  )

  it.live("an answer about another file is not taken for this one's", () =>
    Effect.gen(function* () {
      const { file, home, hub } = yield* data()
      const other = [{ type: "file", path: "README.md", size: 10, oid: gitHash("not needed") }]
      hub.faults.push({ on: /paths-info/, times: 1, act: (response) => void response.end(JSON.stringify(other)) })
      assert.match((yield* Effect.flip(file(LINES))).message, /has no file test\.jsonl/)
      assert.deepStrictEqual(tree(home), [])
    })
  )
})

describe("the token", () => {
  it.live("goes to the Hub and not to where it redirects", () =>
    Effect.gen(function* () {
      const { file, hub } = yield* data()
      hub.token = "hf_option"
      yield* file(TABLE, { token: Redacted.make("hf_option") })
      const heard = (of: "hub" | "cdn") => [
        ...new Set(hub.seen.filter(({ host }) => host === of).map(({ authorization }) => authorization))
      ]
      assert.deepStrictEqual(heard("hub"), ["Bearer hf_option"])
      assert.deepStrictEqual(heard("cdn"), [undefined])
    })
  )

  it.live("an empty HF_TOKEN is none: the saved one is shown; an empty option shows nobody", () =>
    Effect.gen(function* () {
      const at = yield* data()
      writeFileSync(join(at.home, "token"), "hf_saved\n")
      const env = { HF_TOKEN: " ", HF_ENDPOINT: at.hub.url, HF_HUB_CACHE: "", HUGGINGFACE_HUB_CACHE: " " }
      yield* at.file(LINES, {}, env)
      assert.isTrue(existsSync(at.data))
      yield* at.file(TABLE, { token: Redacted.make("") }, env)
      const heard = at.hub.seen.filter(({ host }) => host === "hub").map(({ authorization }) => authorization)
      assert.deepStrictEqual([...new Set(heard)], ["Bearer hf_saved", undefined])
    })
  )
})

it.live("interrupting closes the connection", () =>
  Effect.gen(function* () {
    const { file, hub } = yield* data()
    const begun = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const act = (response: { on: (event: "close", then: () => void) => void }) => {
      response.on("close", closed.resolve)
      begun.resolve()
    }
    hub.faults.push({ on: /./, times: 1, act })
    const fiber = yield* Effect.forkChild(file(LINES))
    yield* Effect.promise(() => begun.promise)
    yield* Fiber.interrupt(fiber)
    yield* Effect.promise(() => closed.promise)
  })
)
