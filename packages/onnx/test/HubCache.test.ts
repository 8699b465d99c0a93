import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, lstatSync, statSync, symlinkSync, mkdirSync, realpathSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { hashOf } from "./hubServer.ts"
import { files, needed, tree, weights, world } from "./hubWorld.ts"

describe("names lead nowhere", () => {
  it.live.each(["../x", "a/../b", "a/b/c", "/etc", "a//b", ".", "a--b/c", "", "a/b?x", "a b/c", "\\\\host\\x", "C:/x"])(
    "model %j",
    (name) =>
      Effect.gen(function* () {
        const { fetch, hub, home } = yield* world()
        assert.match((yield* Effect.flip(fetch({ model: name }))).message, /no name of a model on the Hub/)
        assert.strictEqual(hub.seen.length, 0)
        assert.deepStrictEqual(tree(home), [])
      })
  )

  it.live.each([{ revision: "../../x" }, { revision: "" }, { subfolder: "../.." }, { subfolder: "/etc" }])(
    "%j",
    (option) =>
      Effect.gen(function* () {
        const { fetch, hub } = yield* world()
        assert.match((yield* Effect.flip(fetch(option))).message, /is no (revision|folder of a repository)/)
        assert.strictEqual(hub.seen.length, 0)
      })
  )

  it.live("files of a repository with names that lead out are not touched", () =>
    Effect.gen(function* () {
      const evil = { "../../evil.json": "x", "/evil": "x", "onnx/../../../config.json": "x", "onnx\\..\\..\\evil": "x" }
      const { fetch, home } = yield* world({ ...files, ...evil })
      const { folder } = yield* fetch()
      assert.deepStrictEqual(tree(folder), needed.toSorted())
      assert.isFalse(tree(home).some((path) => path.includes("evil")))
    })
  )

  it.live("nor is a folder of graphs that leads out", () =>
    Effect.gen(function* () {
      const there = ["genai_config.json", "tokenizer.json", "model.onnx"].map((file) => [`../../evil/${file}`, "{}"])
      const { fetch, home } = yield* world(Object.fromEntries(there))
      assert.match((yield* Effect.flip(fetch())).message, /holds no ONNX decoder/)
      assert.deepStrictEqual(tree(home), [])
    })
  )

  it.live("a commit or a hash that leads out is no answer of the Hub's", () =>
    Effect.gen(function* () {
      const { fetch, home, hub } = yield* world()
      const says = (on: RegExp, body: unknown) =>
        hub.faults.push({ on, times: 1, act: (response) => void response.end(JSON.stringify(body)) })
      const refused = Effect.map(Effect.flip(fetch()), ({ message }) =>
        assert.match(message, /answers something else than the Hub does/)
      )
      says(/\/revision\//, { sha: "../../../evil" })
      yield* refused
      for (const entry of [{ oid: "../../evil", size: 1 }, { oid: "1".repeat(40), size: -1 }, { size: 1 }, {}]) {
        says(/\/tree\//, [{ type: "file", path: "config.json", ...entry }])
        yield* refused
      }
      says(/\/tree\//, { no: "list" })
      yield* refused
      hub.faults.push({ on: /\/tree\//, times: 1, act: (response) => void response.end("<html>") })
      yield* refused
      assert.deepStrictEqual(tree(home), [])
    })
  )
})

describe("what others have put into the cache", () => {
  it.live("is found, and completed", () =>
    Effect.gen(function* () {
      const { cache, fetch, hub } = yield* world()
      mkdirSync(join(cache, "blobs"), { recursive: true })
      for (const path of ["config.json", "onnx/model.onnx_data"])
        writeFileSync(join(cache, "blobs", hashOf(path, files[path]!)), files[path]!)
      yield* fetch()
      const asked = hub.seen.filter(({ path }) => path.includes("/resolve/")).map(({ path }) => path.split("/").at(-1))
      assert.isFalse(asked.includes("config.json") || asked.includes("model.onnx_data"))
      assert.isTrue(asked.includes("model.onnx"))
    })
  )

  it.live("a ref that leads out is none", () =>
    Effect.gen(function* () {
      const { cache, fetch, home } = yield* world()
      yield* fetch()
      for (const path of needed) {
        mkdirSync(join(home, "evil", path, ".."), { recursive: true })
        writeFileSync(join(home, "evil", path), files[path]!)
      }
      writeFileSync(join(cache, "refs/main"), "../../../evil")
      assert.match((yield* Effect.flip(fetch({}, { HF_HUB_OFFLINE: "1" }))).message, /no whole copy/)
    })
  )

  it.live("where links are not allowed: files in the snapshot itself, without blobs", () =>
    Effect.gen(function* () {
      const { cache, fetch, hub } = yield* world()
      const folder = join(cache, "snapshots", hub.commit(files))
      for (const path of needed) {
        mkdirSync(join(folder, path, ".."), { recursive: true })
        writeFileSync(join(folder, path), files[path]!)
      }
      assert.strictEqual((yield* fetch()).folder, folder)
      assert.isFalse(hub.seen.some(({ path }) => path.includes("/resolve/")))
      assert.isFalse(existsSync(join(cache, "blobs")))
      mkdirSync(join(cache, "blobs"))
      const offline = { HF_HUB_OFFLINE: "1" }
      // Without a blob nothing tells the hash.
      for (const verify of [false, true])
        assert.strictEqual((yield* fetch({ revision: hub.commit(files), verify }, offline)).folder, folder)
      for (const path of needed) assert.isTrue(lstatSync(join(folder, path)).isFile(), path)
    })
  )

  it.live("the store that repositories share: a blob that is a link becomes a file, which costs no room", () =>
    Effect.gen(function* () {
      const { cache, fetch, home } = yield* world()
      const store = join(home, "hub/blobs/ab")
      const [shared, blob] = [join(store, "ab".repeat(32)), join(cache, "blobs", hashOf("x.onnx", weights))]
      for (const path of [store, join(cache, "blobs")]) mkdirSync(path, { recursive: true })
      writeFileSync(shared, weights, { mode: 0o444 })
      symlinkSync(`../../blobs/ab/${"ab".repeat(32)}`, blob)
      const { folder } = yield* fetch()
      assert.isTrue(lstatSync(blob).isFile())
      assert.strictEqual(statSync(blob).ino, statSync(shared).ino)
      assert.strictEqual(realpathSync(join(folder, "onnx/model.onnx_data")), realpathSync(blob))
    })
  )
})
