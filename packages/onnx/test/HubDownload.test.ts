import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cutsAfter, ends, hangsAfter, sha256 } from "./hubServer.ts"
import {
  asked,
  blob,
  bytes,
  cdn,
  DATA,
  isRight,
  leftovers,
  files,
  read,
  weights,
  type World,
  world
} from "./hubWorld.ts"

const partial = (at: World, content: Buffer) => {
  mkdirSync(join(at.cache, "blobs"), { recursive: true })
  writeFileSync(`${blob(at)}.incomplete`, content)
}

describe("a file that broke off is gone on with", () => {
  it.live("in the same call, from the byte on that is missing", () =>
    Effect.gen(function* () {
      const at = yield* world()
      at.hub.faults.push({ ...cdn(), act: cutsAfter(100_000) })
      yield* at.fetch()
      const [, first, , second] = asked(at, DATA)
      assert.strictEqual(first, "cdn all")
      assert.match(second!, /^cdn bytes=([1-9]\d*)-$/)
      assert.isAtMost(Number(second!.match(/\d+/)![0]), 100_000)
      isRight(at)
      assert.deepStrictEqual(leftovers(at), [])
    })
  )

  it.live("though the answer seemed to come to its end", () =>
    Effect.gen(function* () {
      const at = yield* world()
      at.hub.faults.push({
        ...cdn(),
        act: (response) => void response.writeHead(200).end(weights.subarray(0, 100_000))
      })
      yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA).slice(2), ["hub bytes=100000-", "cdn bytes=100000-"])
      isRight(at)
    })
  )

  it.live("in a later call, though this one gave up", () =>
    Effect.gen(function* () {
      const at = yield* world()
      at.hub.faults.push({ ...cdn(), act: cutsAfter(100_000) })
      const error = yield* Effect.flip(at.fetch({ retries: 0 }))
      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.isFalse(existsSync(blob(at)))
      const { length } = read(`${blob(at)}.incomplete`)
      assert.isAbove(length, 0)
      at.hub.seen.length = 0
      yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA), [`hub bytes=${length}-`, `cdn bytes=${length}-`])
      isRight(at)
      assert.deepStrictEqual(leftovers(at), [])
    })
  )

  it.live("from what another library has left", () =>
    Effect.gen(function* () {
      const at = yield* world()
      partial(at, weights.subarray(0, 123_456))
      yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA), ["hub bytes=123456-", "cdn bytes=123456-"])
      isRight(at)
    })
  )

  it.live("without a request where only the renaming was missing", () =>
    Effect.gen(function* () {
      const at = yield* world()
      partial(at, weights)
      yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA), [])
      isRight(at)
    })
  )

  it.live.each([
    ["other bytes", Buffer.alloc(123_456, 7), ["hub bytes=123456-", "cdn bytes=123456-", "hub all", "cdn all"]],
    ["as many, but other bytes", Buffer.alloc(weights.length, 7), ["hub all", "cdn all"]],
    ["more than there are", Buffer.alloc(weights.length + 1, 7), ["hub all", "cdn all"]]
  ] as const)("unless it is %s: then from the start", ([, content, requests]) =>
    Effect.gen(function* () {
      const at = yield* world()
      partial(at, content)
      yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA), [...requests])
      isRight(at)
    })
  )

  it.live("a server that knows no ranges sends all of it again", () =>
    Effect.gen(function* () {
      const at = yield* world()
      partial(at, Buffer.alloc(123_456, 7))
      at.hub.faults.push({ ...cdn(), act: (response) => void response.writeHead(200).end(weights) })
      yield* at.fetch()
      assert.strictEqual(asked(at, DATA).length, 2)
      isRight(at)
    })
  )

  it.live("no compression is asked for: its bytes could not be counted", () =>
    Effect.gen(function* () {
      const at = yield* world()
      const encodings: Array<unknown> = []
      const act = (_: unknown, { headers }: { headers: NodeJS.Dict<string | string[]> }) => {
        encodings.push(headers["accept-encoding"])
        return false as const
      }
      at.hub.faults.push({ on: /resolve|^cdn/, times: Infinity, act })
      yield* at.fetch()
      assert.deepStrictEqual([...new Set(encodings)], ["identity"])
    })
  )

  it.live("a server that sends another part than asked is asked again", () =>
    Effect.gen(function* () {
      const at = yield* world()
      partial(at, weights.subarray(0, 1000))
      const elsewhere = { "content-range": `bytes 2000-${weights.length - 1}/${weights.length}` }
      at.hub.faults.push({ ...cdn(), act: (r) => void r.writeHead(206, elsewhere).end(weights.subarray(2000)) })
      yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA).slice(2), ["hub bytes=1000-", "cdn bytes=1000-"])
      isRight(at)
    })
  )
})

describe("interruption", () => {
  it.live("closes the connection and keeps what has arrived", () =>
    Effect.gen(function* () {
      const at = yield* world()
      const closed = Promise.withResolvers<void>()
      at.hub.faults.push({
        ...cdn(),
        act: (response, request, body) => {
          request.socket.on("close", closed.resolve)
          hangsAfter(200_000)(response, request, body)
        }
      })
      const fiber = yield* Effect.forkChild(at.fetch())
      const arrived = () =>
        existsSync(join(at.cache, "blobs")) &&
        leftovers(at).some((name) => read(at.cache, "blobs", name).length === 200_000)
      while (!arrived()) yield* Effect.sleep(5)
      yield* Fiber.interrupt(fiber)
      assert.include(leftovers(at), `${sha256(weights)}.incomplete`)
      for (const name of leftovers(at)) assert.match(name, /^[0-9a-f]+\.incomplete$/)
      yield* Effect.promise(() => closed.promise)
      at.hub.seen.length = 0
      yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA), ["hub bytes=200000-", "cdn bytes=200000-"])
      isRight(at)
    })
  )

  it.live("works while the Hub says nothing at all", () =>
    Effect.gen(function* () {
      const at = yield* world()
      const closed = Promise.withResolvers<void>()
      at.hub.faults.push({
        on: /\/revision\//,
        times: 1,
        act: (_, request) => void request.socket.on("close", closed.resolve)
      })
      assert.isTrue((yield* Effect.timeoutOption(at.fetch(), 100))._tag === "None")
      yield* Effect.promise(() => closed.promise)
    })
  )

  it.live("a progress function that throws ends the download, as a defect, and keeps what has arrived", () =>
    Effect.gen(function* () {
      const at = yield* world()
      const onProgress = ({ receivedBytes }: { receivedBytes: number }) => {
        if (receivedBytes > 150_000) throw new Error("no more")
      }
      const exit = yield* Effect.exit(at.fetch({ onProgress }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.isTrue(existsSync(`${blob(at)}.incomplete`))
    })
  )
})

describe("what may pass is tried again, and not for ever", () => {
  it.live("as often as retries say", () =>
    Effect.gen(function* () {
      for (const retries of [0, 2]) {
        const at = yield* world()
        at.hub.faults.push({ ...cdn(Infinity), act: ends(503) })
        const error = yield* Effect.flip(at.fetch({ retries }))
        assert.match(error.message, /onnx\/model\.onnx_data of .* could not be fetched \(status 503\).*Try again later/)
        assert.strictEqual(asked(at, DATA).length, 2 * (retries + 1))
      }
    })
  )

  it.live("a mebibyte of progress begins the count anew", () =>
    Effect.gen(function* () {
      const long = bytes(5 * 2 ** 20)
      const at = yield* world({ ...files, "onnx/model.onnx_data": long })
      at.hub.faults.push({ ...cdn(3), act: cutsAfter(1.3 * 2 ** 20) })
      yield* at.fetch({ retries: 1 })
      assert.strictEqual(asked(at, DATA).length, 8)
      assert.isTrue(read(at.cache, "blobs", sha256(long)).equals(long))
    })
  )

  it.live("a Hub that stops sending, or never begins, is given up after idleTimeout", () =>
    Effect.gen(function* () {
      const at = yield* world()
      at.hub.faults.push({ ...cdn(), act: hangsAfter(100_000) }, { ...cdn(), act: () => {} })
      yield* at.fetch({ idleTimeout: 300 })
      assert.deepStrictEqual(asked(at, DATA).slice(3), ["cdn bytes=100000-", "hub bytes=100000-", "cdn bytes=100000-"])
      isRight(at)
    })
  )

  it.live("a signed address that ran out is asked for anew", () =>
    Effect.gen(function* () {
      const at = yield* world()
      at.hub.faults.push({ ...cdn(), act: ends(403) })
      yield* at.fetch()
      assert.deepStrictEqual(asked(at, DATA), ["hub all", "cdn all", "hub all", "cdn all"])
    })
  )
})
