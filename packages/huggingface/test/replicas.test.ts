import { assert, describe, it } from "@effect/vitest"
import { Backend, Prompt } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { invalid, unavailable } from "../src/internal/errors.ts"
import { type Replica, Replicas, replica, type Work } from "../src/internal/Replicas.ts"
import type { Wire } from "../src/internal/Wire.ts"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

const wire = { requests: () => 0, open: () => 0 } as Wire
const three = (perMinute = 0, concurrency = 9) =>
  new Replicas(
    ["a", "b", "c"].map((origin) => replica(origin, wire, concurrency)),
    perMinute
  )
const named = (all: ReadonlyArray<Replica>) => all.map(({ origin }) => origin).join("")
const busy = Exit.fail(unavailable("It is busy.", "Wait."))
const take = (replicas: Replicas, prompt: number, tokens = 1, work: Work = "draw") =>
  Effect.map(replicas.acquire(prompt, work, tokens), (place) => place.replica)

describe("which server gets a request", () => {
  it.effect("that with the fewest tokens outstanding, whatever the count of requests", () =>
    Effect.gen(function* () {
      const replicas = three()
      const chosen = [yield* take(replicas, 1, 100), yield* take(replicas, 2, 50), yield* take(replicas, 3, 70)]
      chosen.push(yield* take(replicas, 4, 10), yield* take(replicas, 5, 15), yield* take(replicas, 6, 1))
      assert.strictEqual(named(chosen), "abcbbc")
    }).pipe(Effect.scoped)
  )

  it.effect("tokens count no longer once a request is over", () =>
    Effect.gen(function* () {
      const replicas = three()
      yield* Effect.scoped(take(replicas, 1, 100))
      assert.strictEqual((yield* take(replicas, 2)).origin, "a")
    }).pipe(Effect.scoped)
  )

  it.effect("all drafts and questions of a prompt go to one", () =>
    Effect.gen(function* () {
      const replicas = three()
      const first = yield* take(replicas, 7, 1000)
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* take(replicas, 7, 1000), first)
      assert.strictEqual(yield* take(replicas, 7, 10, "ask"), first)
      assert.notStrictEqual(yield* take(replicas, 8), first)
    }).pipe(Effect.scoped)
  )

  it.effect("one that fails is set aside, each time for longer, and then tried again", () =>
    Effect.gen(function* () {
      const replicas = three()
      for (const wait of [1000, 2000, 4000]) {
        const chosen = yield* take(replicas, 1)
        assert.strictEqual(chosen.origin, "a")
        yield* replicas.settle(chosen, busy)
        assert.strictEqual((yield* replicas.state)[0]!.isAside, true)
        assert.notStrictEqual((yield* take(replicas, 100 + wait)).origin, "a")
        yield* TestClock.adjust(wait - 1)
        assert.strictEqual((yield* replicas.state)[0]!.isAside, true)
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* replicas.state)[0]!.isAside, false)
      }
      yield* replicas.settle(replicas.all[0]!, Exit.void)
      yield* replicas.settle(replicas.all[0]!, busy)
      yield* TestClock.adjust(1000)
      assert.strictEqual((yield* replicas.state)[0]!.isAside, false)
    }).pipe(Effect.scoped)
  )

  it.effect("the drafts of a server that was set aside move to another together", () =>
    Effect.gen(function* () {
      const replicas = three()
      yield* replicas.settle(yield* take(replicas, 1), busy)
      const moved = yield* take(replicas, 1, 500)
      assert.notStrictEqual(moved.origin, "a")
      assert.strictEqual(yield* take(replicas, 1, 500), moved)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* take(replicas, 1, 500), moved)
    }).pipe(Effect.scoped)
  )

  it.effect("where all are set aside, that which is back first", () =>
    Effect.gen(function* () {
      const replicas = three()
      for (const one of replicas.all) {
        yield* replicas.settle(one, busy)
        yield* TestClock.adjust(10)
      }
      assert.strictEqual((yield* take(replicas, 1)).origin, "a")
    }).pipe(Effect.scoped)
  )

  it.effect("a request that can never work says nothing of the server", () =>
    Effect.gen(function* () {
      const replicas = three()
      yield* replicas.settle(replicas.all[0]!, Exit.fail(invalid("Too long.", "Shorten it.")))
      assert.strictEqual((yield* replicas.state)[0]!.isAside, false)
    })
  )

  it.effect("an interruption says nothing of the server: it neither sets it aside nor forgives it", () =>
    Effect.gen(function* () {
      const replicas = three()
      const [one] = replicas.all
      yield* replicas.settle(one!, Exit.interrupt(1))
      assert.strictEqual((yield* replicas.state)[0]!.isAside, false)
      yield* replicas.settle(one!, busy)
      yield* TestClock.adjust(1000)
      yield* replicas.settle(one!, Exit.interrupt(1))
      yield* replicas.settle(one!, busy)
      yield* TestClock.adjust(1999)
      assert.strictEqual((yield* replicas.state)[0]!.isAside, true)
    })
  )

  it.effect("no more at once than may be, drawing and judging apart; the next as soon as one is over", () =>
    Effect.gen(function* () {
      const replicas = new Replicas([replica("a", wire, 2)], 0)
      let running = 0
      const work = Effect.scoped(
        Effect.andThen(
          take(replicas, 1),
          Effect.andThen(
            Effect.sync(() => running++),
            Effect.sleep(100)
          )
        )
      )
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(work))
      yield* TestClock.adjust(1)
      assert.strictEqual(running, 2)
      yield* Effect.scoped(replicas.acquire(1, "ask", 1))
      yield* TestClock.adjust(100)
      assert.strictEqual(running, 3)
      yield* TestClock.adjust(100)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(replicas.all[0]!.outstanding, 0)
    })
  )

  it.effect("requests are evenly spaced to each server", () =>
    Effect.gen(function* () {
      const replicas = new Replicas([replica("a", wire, 9)], 60)
      let sent = 0
      const work = Effect.scoped(
        Effect.andThen(
          take(replicas, 1),
          Effect.sync(() => sent++)
        )
      )
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(work))
      for (const [wait, count] of [
        [0, 1],
        [999, 1],
        [1, 2],
        [999, 2],
        [1, 3]
      ] as const) {
        yield* TestClock.adjust(wait)
        assert.strictEqual(sent, count)
      }
      yield* Effect.forEach(fibers, Fiber.join)
    })
  )
})

const backend = (servers: ReadonlyArray<RawServer.RawServer>, options: Partial<HuggingFaceBackend.Options> = {}) =>
  Effect.map(
    Layer.build(
      HuggingFaceBackend.layer(
        Speech.optionsFor(servers[0]!, "vllm", { endpointUrl: servers.map(({ url }) => url), ...options })
      )
    ),
    (context) => ({
      generate: Context.get(context, Backend.Backend).generate,
      describe: Context.get(context, HuggingFaceBackend.HuggingFace).describe
    })
  )
const start = (reply: RawServer.Reply) => RawServer.start(Speech.engine("vllm", reply))
const draft = (text: string, seed = 1) => ({ prompt: Prompt.user(text), prefix: [], temperature: 1, seed })
const good = Speech.good("vllm", "Hi")
const counts = (servers: ReadonlyArray<RawServer.RawServer>) => servers.map((server) => Speech.work(server).length)

describe("several servers", () => {
  it.live("drafts of one prompt stay together, drafts of many are spread", () =>
    Effect.gen(function* () {
      // Nobody is answered before all have asked.
      let asked = 0
      const together: RawServer.Reply = async (connection, seen) => {
        asked++
        await RawServer.eventually(() => asked % 6 === 0, 10_000)
        await good(connection, seen)
      }
      const servers = [yield* start(together), yield* start(together)]
      const { generate } = yield* backend(servers)
      const many = (requests: ReadonlyArray<ReturnType<typeof draft>>) =>
        Effect.forEach(requests, (one) => Stream.runDrain(generate(one)), { concurrency: "unbounded" })
      yield* many(Array.from({ length: 6 }, (_, seed) => draft("same", seed)))
      assert.deepStrictEqual(counts(servers).toSorted(), [0, 6])
      yield* many(Array.from({ length: 6 }, (_, i) => draft(`other ${i}`)))
      assert.deepStrictEqual(counts(servers).toSorted(), [3, 9])
    }).pipe(Effect.scoped)
  )

  it.live("a draft whose server breaks goes on with another, from its tokens", () =>
    Effect.gen(function* () {
      const broken = yield* start(Speech.stream(Speech.answer("vllm", "Hi").slice(0, 1), Speech.reset))
      const whole = yield* start(Speech.stream(Speech.answer("vllm", "Hi").slice(1)))
      const { describe, generate } = yield* backend([broken, whole])
      const tokens = yield* Stream.runCollect(generate(draft("Go.")))
      assert.strictEqual(tokens.map(({ text }) => text).join(""), "Hi")
      assert.deepStrictEqual(counts([broken, whole]), [1, 1])
      assert.deepStrictEqual(
        (yield* describe).servers.map(({ isAside }) => isAside),
        [true, false]
      )
    }).pipe(Effect.scoped)
  )

  it.live("one that cannot be reached at the start is no obstacle", () =>
    Effect.gen(function* () {
      const dead = yield* Effect.scoped(start(good))
      const servers = [dead, yield* start(good)]
      const { generate } = yield* backend(servers, { retries: 1 })
      yield* Stream.runDrain(generate(draft("Go.")))
      assert.deepStrictEqual(counts(servers), [0, 1])
    }).pipe(Effect.scoped)
  )

  it.live("a server never sees more at once than `concurrency`", () =>
    Effect.gen(function* () {
      let [running, most] = [0, 0]
      const server = yield* start(async (connection, seen) => {
        most = Math.max(most, ++running)
        await RawServer.sleep(10)
        running--
        await good(connection, seen)
      })
      const { generate } = yield* backend([server], { concurrency: 3 })
      const drafts = Array.from({ length: 20 }, (_, seed) => Stream.runDrain(generate(draft("Go.", seed))))
      yield* Effect.all(drafts, { concurrency: "unbounded" })
      assert.strictEqual(most, 3)
    }).pipe(Effect.scoped)
  )

  it.live("an answer that nobody has taken yet keeps no other waiting, once the server is through with it", () =>
    Effect.gen(function* () {
      const server = yield* start(good)
      const { generate } = yield* backend([server], { concurrency: 1 })
      // Side by side neither comes to its end before the other has begun.
      const pairs = Stream.zip(generate(draft("Go.", 1)), generate(draft("Go.", 2)))
      const taken = yield* Effect.timeoutOption(Stream.runCount(pairs), "5 seconds")
      assert.strictEqual(taken._tag, "Some")
    }).pipe(Effect.scoped)
  )

  it.live("requests come as far apart as `requestsPerMinute` says", () =>
    Effect.gen(function* () {
      const server = yield* start(good)
      const { generate } = yield* backend([server], { requestsPerMinute: 1200 })
      const drafts = Array.from({ length: 5 }, (_, seed) => Stream.runDrain(generate(draft("Go.", seed))))
      yield* Effect.all(drafts, { concurrency: "unbounded" })
      const at = Speech.work(server).map((seen) => seen.at)
      assert.isAtLeast(at.at(-1)! - at[0]!, 4 * 50 - 15)
    }).pipe(Effect.scoped)
  )
})
