import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { vi } from "vitest"
import { asking, before, except, opened, request, silent, until } from "./edges.ts"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

const LONGEST_TIMER = 2 ** 31 - 1

/** Times of the timers that are set meanwhile. */
const timers = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => vi.spyOn(globalThis, "setTimeout")),
    (spy) => Effect.sync(() => spy.mockRestore())
  ),
  (spy) => () => spy.mock.calls.map(([, wait]) => wait ?? 0)
)

describe("a time-out for silence", () => {
  const setFor = (idleTimeout: Duration.Input) =>
    Effect.gen(function* () {
      const { backend, server } = yield* opened("vllm", silent, { idleTimeout })
      const waits = yield* timers
      const draft = yield* Effect.forkChild(Stream.runDrain(backend.generate(request)))
      yield* until(() => Speech.work(server).length === 1)
      yield* Effect.sleep(50)
      assert.isUndefined(draft.pollUnsafe())
      yield* Fiber.interrupt(draft)
      return waits().filter((wait) => wait >= LONGEST_TIMER)
    }).pipe(Effect.scoped)

  it.live("that is infinite sets no timer", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* setFor(Duration.infinity), [])
    })
  )

  it.live("that is longer than timers hold sets one that they hold", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* setFor("60 days"), [LONGEST_TIMER])
    })
  )
})

describe("the layer's end", () => {
  it.live.each([0, 2])("ends a draft under way and closes its socket: %i retries", (retries) =>
    Effect.gen(function* () {
      const part = Speech.data(Speech.speech.vllm.text("a"))
      const server = yield* RawServer.start(Speech.engine("vllm", Speech.stream([part], Speech.drip(part, 5))))
      const scope = yield* Scope.make()
      const { backend } = yield* Scope.provide(before(server, "vllm", { retries }), scope)
      let tokens = 0
      const work = Stream.runForEach(backend.generate(request), () => Effect.sync(() => void tokens++))
      const draft = yield* Effect.forkChild(Effect.exit(work))
      yield* until(() => tokens > 3)
      yield* Scope.close(scope, Exit.void)
      const over = yield* Effect.timeoutOption(Fiber.join(draft), "5 seconds")
      assert.isTrue(Option.isSome(over) && Exit.isFailure(over.value))
      yield* until(() => server.open() === 0)
      const drawn = tokens
      yield* Effect.sleep(100)
      assert.deepStrictEqual([tokens, server.open(), Speech.work(server).length], [drawn, 0, 1])
    }).pipe(Effect.scoped)
  )

  it.live("is told to whoever draws or asks after it, and nothing is sent", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(Speech.engine("vllm", Speech.good("vllm", "Hi")))
      const { backend } = yield* Effect.scoped(before(server, "vllm"))
      for (const work of [Stream.runDrain(backend.generate(request)), backend.logProbs(asking)]) {
        const { reason } = yield* Effect.flip(Effect.asVoid(work))
        assert.strictEqual(reason._tag, "InvalidRequest")
        assert.include(reason.problem, "closed")
      }
      assert.strictEqual(Speech.work(server).length, 0)
    }).pipe(Effect.scoped)
  )

  it.live("keeps no socket on which SGLang was told that a draft is over, and said nothing", () =>
    Effect.gen(function* () {
      const part = Speech.data(Speech.speech.sglang.text("a"))
      const reply = except("/abort_request", silent, Speech.stream([part], Speech.hang))
      const server = yield* RawServer.start(Speech.engine("sglang", reply))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { backend } = yield* before(server, "sglang")
          yield* Stream.runDrain(Stream.take(backend.generate(request), 1))
          yield* until(() => server.requests.some(({ path }) => path === "/abort_request"))
        })
      )
      yield* until(() => server.open() === 0)
    }).pipe(Effect.scoped)
  )
})

describe("a place without crypto.randomUUID", () => {
  it.live("draws, and each draft has a name of its own", () =>
    Effect.gen(function* () {
      const getRandomValues = crypto.getRandomValues.bind(crypto)
      yield* Effect.acquireRelease(
        Effect.sync(() => vi.stubGlobal("crypto", { getRandomValues })),
        () => Effect.sync(() => vi.unstubAllGlobals())
      )
      const { backend, server } = yield* opened("sglang", Speech.good("sglang", "Hi"))
      for (let i = 0; i < 3; i++) yield* Stream.runDrain(backend.generate(request))
      assert.strictEqual(new Set(Speech.work(server).map(({ json }) => json.rid)).size, 3)
    }).pipe(Effect.scoped)
  )
})

describe("a listener for the server's words that throws", () => {
  it.live("changes nothing: a token that was refused is refused, and not sent again", () =>
    Effect.gen(function* () {
      let heard = 0
      const onServerMessage = () => {
        heard++
        throw new Error("the user's own")
      }
      const refusal = RawServer.json(401, { error: "Unauthorized" })
      const { backend, server } = yield* opened("vllm", refusal, { onServerMessage })
      const error = yield* Effect.flip(Stream.runDrain(backend.generate(request)))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.include(error.reason.problem, "refused the access token")
      assert.deepStrictEqual([heard, Speech.work(server).length], [1, 1])
    }).pipe(Effect.scoped)
  )
})

describe("what a server tells of itself", () => {
  it.live.each([0, -1, 1.5])("%d slots are no number of slots: it draws all the same", (total_slots) =>
    Effect.gen(function* () {
      const props = RawServer.json(200, { default_generation_settings: { n_ctx: 256 }, total_slots })
      const engine = except("/props", props, Speech.engine("llama.cpp", Speech.good("llama.cpp", "Hi")))
      const { backend } = yield* before(yield* RawServer.start(engine), "llama.cpp")
      const tokens = yield* Effect.timeoutOption(Stream.runCollect(backend.generate(request)), "5 seconds")
      assert.strictEqual(Option.getOrElse(tokens, () => []).length, 3)
    }).pipe(Effect.scoped)
  )

  const TOKEN = "hf_SECRET"
  it.live.each([`0.33 Bearer ${TOKEN}`, TOKEN, `0.33.0+${TOKEN}`, "0.33 for somebody", "3".repeat(65)])(
    "is no version where it holds the token or looks like none: %s",
    (version) =>
      Effect.gen(function* () {
        const says = RawServer.json(200, { version })
        const engine = except("/version", says, Speech.engine("vllm", Speech.good("vllm", "Hi")))
        const { describe } = yield* before(yield* RawServer.start(engine), "vllm", { accessToken: TOKEN })
        assert.isUndefined((yield* describe).version)
      }).pipe(Effect.scoped)
  )

  it.live("is its version where it looks like one", () =>
    Effect.gen(function* () {
      const { describe } = yield* opened("vllm", silent, { accessToken: TOKEN })
      assert.strictEqual((yield* describe).version, "0.33.0")
    }).pipe(Effect.scoped)
  )
})
