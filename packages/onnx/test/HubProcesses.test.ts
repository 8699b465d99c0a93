import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { hangsAfter, sha256 } from "./hubServer.ts"
import { asked, model, read, tree, weights, type World, world } from "./hubWorld.ts"

const DATA = "model.onnx_data"
const HASH = sha256(weights)
const cdn = { on: /^cdn GET .*_data$/, times: 1 }
const blobs = ({ cache }: World) => join(cache, "blobs")
const claims = (at: World) =>
  existsSync(blobs(at))
    ? readdirSync(blobs(at)).filter((name) => name.startsWith(HASH) && name.split(".").length === 5)
    : []

/** Another process that fetches the same model into the same cache; it ends with the test. */
const child = ({ home, hub }: World) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const script = fileURLToPath(new URL("hubChild.ts", import.meta.url))
      const env = { PATH: process.env["PATH"], HF_ENDPOINT: hub.url, HF_HOME: home }
      return spawn(process.execPath, [script, model], { env, stdio: ["ignore", "pipe", "inherit"] })
    }),
    (started) => Effect.sync(() => started.kill("SIGKILL"))
  )
const ended = (started: ChildProcess) =>
  Effect.promise(
    () =>
      new Promise<string>((resolve) => {
        let said = ""
        started.stdout!.on("data", (text) => (said += String(text)))
        started.on("close", () => resolve(said))
      })
  )
const until = (isSo: () => boolean) => Effect.repeat(Effect.sleep(5), { until: isSo })

/** Somebody's claim, last written so many minutes ago. */
const claimed = (at: World, host: string, pid: number, minutes: number) => {
  mkdirSync(blobs(at), { recursive: true })
  const path = join(blobs(at), `${HASH}.${host.replaceAll(/[^\w-]/g, "_")}.${pid}.0a1b2c3d.incomplete`)
  writeFileSync(path, weights.subarray(0, 5000))
  const then = Date.now() / 1000 - 60 * minutes
  utimesSync(path, then, then)
  return path
}

describe("several at once", () => {
  it.live(
    "processes: one fetches, all find it, nothing is fetched twice",
    () =>
      Effect.gen(function* () {
        const at = yield* world()
        // Slow enough for the others to come in the middle.
        at.hub.faults.push({
          ...cdn,
          act: (r, _, body) => {
            r.writeHead(200).write(body.subarray(0, 100_000))
            setTimeout(() => r.end(body.subarray(100_000)), 1500)
          }
        })
        const started = yield* Effect.all([child(at), child(at), child(at)])
        const folders = new Set(yield* Effect.all(started.map(ended), { concurrency: "unbounded" }))
        assert.strictEqual(folders.size, 1)
        assert.isTrue(read([...folders][0]!, "onnx", DATA).equals(weights))
        assert.deepStrictEqual(asked(at, DATA), ["hub all", "cdn all"])
        assert.isTrue(tree(at.cache).every((path) => !/incomplete|tmp/.test(path)))
      }),
    30_000
  )

  it.live("fibers of one process", () =>
    Effect.gen(function* () {
      const at = yield* world()
      yield* Effect.all([at.fetch(), at.fetch(), at.fetch()], { concurrency: "unbounded" })
      assert.deepStrictEqual(asked(at, DATA), ["hub all", "cdn all"])
      assert.isTrue(read(blobs(at), HASH).equals(weights))
    })
  )

  it.live(
    "who was killed is followed at once, from where he was",
    () =>
      Effect.gen(function* () {
        const at = yield* world()
        at.hub.faults.push({ ...cdn, act: hangsAfter(200_000) })
        const started = yield* child(at)
        const end = ended(started)
        yield* until(() => claims(at).some((name) => statSync(join(blobs(at), name)).size === 200_000))
        started.kill("SIGKILL")
        yield* end
        assert.strictEqual(claims(at).length, 1)
        at.hub.seen.length = 0
        yield* at.fetch()
        assert.deepStrictEqual(asked(at, DATA), ["hub bytes=200000-", "cdn bytes=200000-"])
        assert.isTrue(read(blobs(at), HASH).equals(weights))
        assert.deepStrictEqual(claims(at), [])
      }),
    30_000
  )

  it.live("who was taken for dead finds what another made of it, and spoils nothing", () =>
    Effect.gen(function* () {
      const at = yield* world()
      let goOn = () => {}
      at.hub.faults.push({
        ...cdn,
        act: (r, _, body) => {
          r.writeHead(200).write(body.subarray(0, 100_000))
          goOn = () => r.end(body.subarray(100_000))
        }
      })
      const fiber = yield* Effect.forkChild(at.fetch())
      yield* until(() => claims(at).some((name) => statSync(join(blobs(at), name)).size === 100_000))
      renameSync(join(blobs(at), claims(at)[0]!), join(blobs(at), `${HASH}.incomplete`))
      yield* at.fetch()
      goOn()
      yield* Fiber.join(fiber)
      assert.isTrue(read(blobs(at), HASH).equals(weights))
      assert.deepStrictEqual(asked(at, DATA), ["hub all", "cdn all", "hub bytes=100000-", "cdn bytes=100000-"])
    })
  )

  it.live("who waits for another is free to leave, and leaves him alone", () =>
    Effect.gen(function* () {
      const at = yield* world()
      const path = claimed(at, hostname(), process.pid, 0)
      const fiber = yield* Effect.forkChild(at.fetch())
      yield* until(() => existsSync(join(at.cache, "snapshots")) && tree(join(at.cache, "snapshots")).length === 6)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(read(path).length, 5000)
      assert.deepStrictEqual(asked(at, DATA), [])
    })
  )
})

describe("whose claim counts", () => {
  const running = process.pid
  const gone = 2 ** 22 + 1 // above what Linux gives
  it.live.each([
    ["a running process of this machine", hostname(), running, 0, true],
    ["one that has ended", hostname(), gone, 0, false],
    ["one that has not written for too long", hostname(), running, 6, false],
    ["one of another machine", "elsewhere", gone, 4, true],
    ["one of another machine, long ago", "elsewhere", running, 6, false]
  ] as const)("%s", ([, host, pid, minutes, counts]) =>
    Effect.gen(function* () {
      const at = yield* world()
      const path = claimed(at, host, pid, minutes)
      const found = yield* Effect.timeoutOption(at.fetch(), counts ? 400 : 10_000)
      assert.strictEqual(found._tag, counts ? "None" : "Some")
      assert.strictEqual(existsSync(path), counts)
      assert.deepStrictEqual(asked(at, DATA), counts ? [] : ["hub bytes=5000-", "cdn bytes=5000-"])
    })
  )
})
