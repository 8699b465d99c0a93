import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { existsSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Progress } from "@mulligan/onnx/Hub"
import { gitHash, hashOf } from "./hubServer.ts"
import { files, graph as graphWith, model, needed, read, tree, weights, world } from "./hubWorld.ts"

describe("a model is fetched into the cache of Hugging Face's libraries", () => {
  it.live("what is needed and nothing else, byte for byte, found by folder and graph", () =>
    Effect.gen(function* () {
      const { cache, fetch } = yield* world()
      const { folder, graph } = yield* fetch()
      assert.deepStrictEqual(tree(folder), needed.toSorted())
      for (const path of needed) assert.isTrue(read(folder, path).equals(Buffer.from(files[path]!)), path)
      assert.strictEqual(graph, join(folder, "onnx/model.onnx"))
      assert.isTrue(folder.startsWith(join(cache, "snapshots/")))
    })
  )

  it.live("blobs by their hash, relative links from the snapshot, the commit as the revision's ref", () =>
    Effect.gen(function* () {
      const { cache, fetch, hub } = yield* world()
      const { folder } = yield* fetch()
      const commit = hub.commit(files)
      assert.strictEqual(folder, join(cache, "snapshots", commit))
      assert.strictEqual(read(cache, "refs/main").toString(), commit)
      assert.deepStrictEqual(
        tree(join(cache, "blobs")),
        [...new Set(needed.map((path) => hashOf(path, files[path]!)))].toSorted()
      )
      assert.strictEqual(readlinkSync(join(folder, "config.json")), `../../blobs/${gitHash(files["config.json"]!)}`)
      const data = `../../../blobs/${hashOf("onnx/model.onnx_data", weights)}`
      assert.strictEqual(readlinkSync(join(folder, "onnx/model.onnx_data")), data)
    })
  )

  it.live("what is there is not fetched again; another commit brings what changed", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      const first = yield* fetch()
      hub.seen.length = 0
      assert.deepStrictEqual(yield* fetch(), first)
      assert.isFalse(hub.seen.some(({ path }) => path.includes("/resolve/")))
      hub.commit({ ...files, "config.json": "[]" })
      const second = yield* fetch()
      assert.deepStrictEqual(
        hub.seen.filter(({ path }) => path.includes("/resolve/")).map(({ path }) => path.split("/").at(-1)),
        ["config.json"]
      )
      assert.notStrictEqual(second.folder, first.folder)
      assert.strictEqual(read(second.folder, "config.json").toString(), "[]")
      assert.strictEqual(read(first.folder, "config.json").toString(), files["config.json"])
    })
  )

  it.live("a commit is its own revision; a branch with slashes has a ref in folders", () =>
    Effect.gen(function* () {
      const { cache, fetch, hub } = yield* world()
      const old = hub.commit(files)
      hub.commit({ ...files, "config.json": "[]" })
      const { folder } = yield* fetch({ revision: old })
      assert.strictEqual(folder, join(cache, "snapshots", old))
      assert.isFalse(existsSync(join(cache, "refs")))
      hub.faults.push({
        on: /revision\/refs%2Fpr%2F1$/,
        times: 1,
        act: (response) => void response.end(JSON.stringify({ sha: old }))
      })
      assert.strictEqual((yield* fetch({ revision: "refs/pr/1" })).folder, folder)
      assert.strictEqual(read(cache, "refs/refs/pr/1").toString(), old)
    })
  )

  it.live("a GenAI folder is the model's folder, with and without the network", () =>
    Effect.gen(function* () {
      const within = "cpu_and_mobile/cpu-int4"
      const names = ["genai_config.json", "tokenizer.json", "model.onnx", "model.onnx.data"]
      const content = (name: string) => (name === "model.onnx" ? graphWith("model.onnx.data") : name)
      const there = names.map((name) => [`${within}/${name}`, content(name)])
      const { cache, fetch } = yield* world({ "README.md": "x", ...Object.fromEntries(there) })
      const found = yield* fetch()
      assert.strictEqual(found.folder, join(cache, "snapshots", read(cache, "refs/main").toString(), within))
      assert.strictEqual(found.graph, join(found.folder, "model.onnx"))
      assert.deepStrictEqual(tree(found.folder), names.toSorted())
      assert.deepStrictEqual(yield* fetch({ subfolder: `${within}/` }, { HF_HUB_OFFLINE: "1" }), found)
    })
  )

  it.live("progress counts the bytes of all files, never fewer, up to all of them", () =>
    Effect.gen(function* () {
      const { fetch } = yield* world()
      const seen: Array<Progress> = []
      yield* fetch({ onProgress: (progress) => void seen.push(progress) })
      const total = needed.reduce((sum, path) => sum + Buffer.byteLength(files[path]!), 0)
      assert.isTrue(seen.every(({ totalBytes }) => totalBytes === total))
      assert.isTrue(seen.every(({ receivedBytes }, i) => i === 0 || receivedBytes >= seen[i - 1]!.receivedBytes))
      assert.strictEqual(seen.at(-1)?.receivedBytes, total)
      assert.deepStrictEqual([...new Set(seen.map(({ file }) => file))].toSorted(), needed.toSorted())
      assert.isAbove(seen.filter(({ file }) => file === "onnx/model.onnx_data").length, 2)
      const again: Array<Progress> = []
      yield* fetch({ onProgress: (progress) => void again.push(progress) })
      assert.strictEqual(again.at(-1)?.receivedBytes, total)
    })
  )
})

describe("the environment means what it means to huggingface_hub", () => {
  it.live("HF_HUB_CACHE goes before HF_HOME, HF_HOME before XDG_CACHE_HOME", () =>
    Effect.gen(function* () {
      const { fetch, home } = yield* world()
      const at = (env: Record<string, string>) => Effect.map(fetch({}, env), ({ folder }) => folder)
      const [a, b] = [join(home, "a"), join(home, "b")]
      assert.isTrue((yield* at({ HF_HUB_CACHE: a, HF_HOME: b })).startsWith(join(a, "models--")))
      assert.isTrue((yield* at({ HF_HUB_CACHE: a, HUGGINGFACE_HUB_CACHE: b })).startsWith(join(a, "models--")))
      assert.isTrue((yield* at({ HUGGINGFACE_HUB_CACHE: b, HF_HOME: a })).startsWith(join(b, "models--")))
      assert.isTrue((yield* at({ HF_HOME: b, XDG_CACHE_HOME: a })).startsWith(join(b, "hub/models--")))
      assert.isTrue((yield* at({ HF_HOME: "", XDG_CACHE_HOME: a })).startsWith(join(a, "huggingface/hub/models--")))
    })
  )

  it.live("the token is the option's, else HF_TOKEN, else the saved one; only the Hub hears it", () =>
    Effect.gen(function* () {
      const { cache, fetch, home, hub } = yield* world()
      const token = Redacted.make("hf_option")
      const heard = (options: object, env: Record<string, string> = {}) =>
        Effect.gen(function* () {
          hub.seen.length = 0
          rmSync(cache, { recursive: true, force: true })
          yield* fetch(options, env)
          assert.isTrue(hub.seen.some(({ host, range }) => host === "cdn" && range === undefined))
          assert.isTrue(hub.seen.every(({ authorization, host }) => host === "hub" || authorization === undefined))
          const [one, ...others] = new Set(hub.seen.filter(({ host }) => host === "hub").map((s) => s.authorization))
          assert.deepStrictEqual(others, [])
          return one
        })
      assert.isUndefined(yield* heard({}))
      writeFileSync(join(home, "token"), "hf_saved\n")
      assert.strictEqual(yield* heard({}), "Bearer hf_saved")
      assert.strictEqual(yield* heard({}, { HF_TOKEN: "hf_env" }), "Bearer hf_env")
      assert.strictEqual(yield* heard({ token }, { HF_TOKEN: "hf_env" }), "Bearer hf_option")
    })
  )

  it.live("a list of files that goes on at another host gets no token", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      hub.faults.push({
        on: /hub GET .*\/tree\//,
        times: 1,
        act: (response) => {
          response.setHeader("link", `<${hub.cdn}/more>; rel="next"`)
          response.end("[]")
        }
      })
      hub.faults.push({ on: /cdn GET \/more/, times: 1, act: (response) => void response.end("[]") })
      yield* Effect.flip(fetch({ token: Redacted.make("hf_secret") }))
      assert.deepStrictEqual(
        hub.seen.filter(({ host }) => host === "cdn").map(({ authorization }) => authorization),
        [undefined]
      )
    })
  )

  it.live("HF_ENDPOINT may have a path and a slash at its end", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      assert.isTrue(existsSync((yield* fetch({}, { HF_ENDPOINT: `${hub.url}/` })).graph))
      assert.isTrue(hub.seen.every(({ path }) => !path.startsWith("//")))
    })
  )
})

describe("without the network", () => {
  it.live("HF_HUB_OFFLINE asks nobody, and serves what the cache has", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      const found = yield* fetch()
      hub.seen.length = 0
      for (const value of ["1", "ON", "yes", "True"])
        assert.deepStrictEqual(yield* fetch({}, { HF_HUB_OFFLINE: value }), found)
      assert.strictEqual(hub.seen.length, 0)
      yield* fetch({}, { HF_HUB_OFFLINE: "0" })
      assert.isAbove(hub.seen.length, 0)
    })
  )

  it.live("HF_HUB_OFFLINE says so where the cache lacks the model, the revision, the precision or a part of it", () =>
    Effect.gen(function* () {
      const { cache, fetch } = yield* world()
      const offline = { HF_HUB_OFFLINE: "1" }
      const refused = (options: object) =>
        Effect.map(Effect.flip(fetch(options, offline)), (error) => {
          assert.strictEqual(error.reason._tag, "InvalidRequest")
          assert.match(error.message, /HF_HUB_OFFLINE is set, and .* holds no whole copy of .* Unset it once/)
        })
      yield* refused({})
      yield* fetch()
      yield* refused({ revision: "other" })
      yield* refused({ precision: "q4" })
      const { folder } = yield* fetch({}, offline)
      rmSync(join(cache, "blobs", hashOf("", files["tokenizer.json"]!)))
      assert.isFalse(existsSync(join(folder, "tokenizer.json")))
      yield* refused({})
    })
  )

  it.live("a Hub that is down, or ill, is replaced by the cache at once; without one it is asked again", () =>
    Effect.gen(function* () {
      const { fetch, hub, logged } = yield* world()
      hub.faults.push({ on: /\/revision\//, times: 1, act: (response) => void response.destroy() })
      const found = yield* fetch({ retries: 1 })
      assert.strictEqual(hub.seen.filter(({ path }) => path.includes("/revision/")).length, 2)
      for (const status of [503, 429]) {
        hub.faults.push({ on: /\/revision\//, times: 1, act: (response) => void response.writeHead(status).end() })
        hub.seen.length = 0
        assert.deepStrictEqual(yield* fetch(), found)
        assert.strictEqual(hub.seen.length, 1)
        assert.match(logged.splice(0).join(), /(status 503|too many requests).* Using what the cache has of some-owner/)
      }
      hub.stop()
      assert.deepStrictEqual(yield* fetch(), found)
    })
  )

  it.live("a new commit that cannot be fetched leaves the old one in use, until it can", () =>
    Effect.gen(function* () {
      const { cache, fetch, hub } = yield* world()
      const old = yield* fetch()
      const commit = hub.commit({ ...files, "onnx/model.onnx_data": Buffer.from(weights.toReversed()) })
      const down = { on: /^cdn/, times: Infinity, act: (response: { destroy: () => void }) => response.destroy() }
      hub.faults.push(down)
      assert.deepStrictEqual(yield* fetch({ retries: 0 }), old)
      assert.notStrictEqual(read(cache, "refs/main").toString(), commit)
      down.times = 0
      assert.strictEqual((yield* fetch()).folder, join(cache, "snapshots", commit))
      assert.strictEqual(read(cache, "refs/main").toString(), commit)
    })
  )

  it.live("a missing model is not looked for in the cache", () =>
    Effect.gen(function* () {
      const { fetch, hub } = yield* world()
      yield* fetch()
      hub.token = "hf_other"
      assert.match((yield* Effect.flip(fetch())).message, /knows no model|does not give/)
    })
  )
})

it.live(`a name without an owner is one too`, () =>
  Effect.gen(function* () {
    const { fetch, home } = yield* world()
    const { folder } = yield* fetch({ model: model.split("/")[1]! })
    assert.isTrue(folder.startsWith(join(home, "hub/models--some-model")))
  })
)
