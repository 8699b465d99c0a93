import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Files, sha256, spoils } from "./hubServer.ts"
import { asked, blob, bytes, cdn, DATA, isRight, leftovers, files, read, weights, world } from "./hubWorld.ts"

const small = Object.entries(files as Files)
  .filter(([path]) => !path.includes("_data"))
  .map(([path, content]) => ({ type: "file", path, oid: "1".repeat(40), size: content.length }))

describe("every file is checked", () => {
  it.live("spoiled bytes are fetched once more, large files and small", () =>
    Effect.gen(function* () {
      const at = yield* world()
      at.hub.faults.push({ ...cdn(), act: spoils }, { on: /hub GET .*\/tokenizer.json$/, times: 1, act: spoils })
      const { folder } = yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA), ["hub all", "cdn all", "hub all", "cdn all"])
      assert.strictEqual(asked(at, "tokenizer.json").length, 2)
      isRight(at)
      assert.strictEqual(read(folder, "tokenizer.json").toString(), files["tokenizer.json"])
    })
  )

  it.live("what stays spoiled is an error, and nothing of it is kept", () =>
    Effect.gen(function* () {
      const at = yield* world()
      at.hub.faults.push({ ...cdn(Infinity), act: spoils })
      const error = yield* Effect.flip(at.fetch())
      assert.match(
        error.message,
        /onnx\/model\.onnx_data of .* has other bytes than the Hub says, after another try too.*damaged file/
      )
      assert.strictEqual(asked(at, DATA).length, 4)
      assert.isFalse(existsSync(blob(at)))
      // Other files may have been under way, and are gone on with.
      assert.isFalse(leftovers(at).some((name) => name.startsWith(sha256(weights))))
      assert.isFalse(existsSync(join(at.cache, "refs")))
    })
  )

  it.live("one that is longer than the Hub says is not written to the disk beyond that", () =>
    Effect.gen(function* () {
      const at = yield* world()
      const act = (response: { end: (bytes: Buffer) => void }) =>
        response.end(Buffer.concat([weights, bytes(1_000_000)]))
      at.hub.faults.push({ ...cdn(Infinity), act })
      assert.match((yield* Effect.flip(at.fetch({ retries: 1 }))).message, /is longer than the Hub says/)
      for (const name of leftovers(at)) assert.isAtMost(read(at.cache, "blobs", name).length, weights.length)
    })
  )

  it.live("in the cache by its size, and with verify by its hash, without the network too", () =>
    Effect.gen(function* () {
      const at = yield* world()
      yield* at.fetch()
      const again = (options?: object, env?: Record<string, string>) => {
        at.hub.seen.length = 0
        return Effect.map(at.fetch(options, env), () => asked(at, DATA).length)
      }
      truncateSync(blob(at), 1000)
      assert.strictEqual(yield* again(), 2)
      isRight(at)
      writeFileSync(blob(at), Buffer.alloc(weights.length))
      assert.strictEqual(yield* again(), 0)
      const offline = { HF_HUB_OFFLINE: "1" }
      assert.match((yield* Effect.flip(again({ verify: true }, offline))).message, /no whole copy/)
      assert.strictEqual(yield* again({ verify: true }), 2)
      isRight(at)
      assert.strictEqual(yield* again({ verify: true }), 0)
      assert.strictEqual(yield* again({ verify: true }, offline), 0)
    })
  )
})

describe("the disk", () => {
  it.live("without room is noticed before a byte is fetched", () =>
    Effect.gen(function* () {
      const at = yield* world()
      const size = 2 ** 52
      const huge = { type: "file", path: "onnx/model_q4.onnx_data", oid: "1".repeat(40), size }
      at.hub.faults.push({ on: /\/tree\/.*/, times: 1, act: (r) => void r.end(JSON.stringify([...small, huge])) })
      const error = yield* Effect.flip(at.fetch({ precision: "q4" }))
      assert.match(error.message, /no room for the 4503599.6 GB that are missing.*Free some, or set HF_HOME/)
      assert.isFalse(at.hub.seen.some(({ path }) => path.includes("/resolve/")))
    })
  )

  it.live.skipIf(!existsSync("/dev/full"))("that fills up says so", () =>
    Effect.gen(function* () {
      const at = yield* world()
      mkdirSync(join(at.cache, "blobs"), { recursive: true })
      symlinkSync("/dev/full", `${blob(at)}.incomplete`)
      const error = yield* Effect.flip(at.fetch())
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.match(error.message, /has no room.*Free some, or set HF_HOME or HF_HUB_CACHE to a folder on another disk/)
    })
  )

  it.live("that cannot be written says so", () =>
    Effect.gen(function* () {
      const at = yield* world()
      writeFileSync(join(at.home, "file"), "")
      const error = yield* Effect.flip(at.fetch({}, { HF_HOME: join(at.home, "file") }))
      assert.match(error.message, /cannot be written \((ENOTDIR|EEXIST)\).*set HF_HOME/)
    })
  )
})
