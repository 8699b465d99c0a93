import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { fromFailure, invalid, unavailable } from "../src/internal/errors.ts"
import { Failure, retryAfter } from "../src/internal/Failure.ts"
import * as Retry from "../src/internal/Retry.ts"
import * as Seed from "../src/internal/Seed.ts"

/** Milliseconds between tries of something that always fails; `jitter` from 0 to 1. */
const waits = (options: Retry.RetryOptions, error = unavailable("Gone.", "Wait."), jitter = 0.5) =>
  Effect.gen(function* () {
    const at: Array<number> = []
    const work = Effect.andThen(
      Effect.map(Clock.currentTimeMillis, (now) => void at.push(now)),
      Effect.fail(error)
    )
    const random = { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => jitter }
    const retried = Effect.provideService(Effect.flip(Retry.retried(work, options)), Random.Random, random)
    const fiber = yield* Effect.forkChild(retried)
    for (let i = 0; i < 20; i++) yield* TestClock.adjust("1 hour")
    assert.strictEqual(yield* Fiber.join(fiber), error)
    return at.slice(1).map((time, i) => Math.round(time - at[i]!))
  })

const asked = (status: number, milliseconds: number) =>
  fromFailure("http://h", new Failure("refused", { status, retryAfter: milliseconds }))

const table: ReadonlyArray<
  readonly [string, Retry.RetryOptions, ReadonlyArray<number>, Parameters<typeof waits>[1], number?]
> = [
  ["by default: three times, each wait twice the last", {}, [200, 400, 800], undefined],
  ["jitter at its least", {}, [160, 320, 640], undefined, 0],
  ["jitter at its most", {}, [240, 480, 960], undefined, 1],
  ["none", { retries: 0 }, [], undefined],
  ["no wait is longer than the longest", { retries: 4, longestWait: "500 millis" }, [200, 400, 500, 500], undefined],
  ["the server's wait where it is longer", { retries: 2 }, [1100, 1100], asked(429, 1000)],
  ["our own where the server's is shorter", { retries: 2 }, [200, 400], asked(503, 100)],
  ["a wait that is as long as the longest", { retries: 1, longestWait: "1 second" }, [1000], asked(429, 1000)],
  ["no patience for more", { longestWait: "1 second" }, [], asked(429, 1001)],
  ["what will never work is not tried again", {}, [], invalid("No.", "Never.")]
]

describe("waits between tries", () => {
  it.effect.each(table)("%s", ([, options, known, error, jitter]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* waits(options, error, jitter), known)
    })
  )
})

describe("what a server says of waiting", () => {
  const now = Date.UTC(2026, 0, 1)
  it.each([
    [{}, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "2" }, 2000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "-1" }, 0],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:07 GMT" }, 7000],
    [{ "retry-after": "Wed, 31 Dec 2025 23:59:00 GMT" }, 0],
    [{ "retry-after-ms": "150", "retry-after": "9" }, 150],
    [{ "retry-after-ms": "x", "retry-after": "9" }, 9000]
  ] as ReadonlyArray<readonly [Record<string, string>, number | undefined]>)("%j", (headers, known) => {
    assert.strictEqual(retryAfter(new Headers(headers), now), known)
  })
})

describe("seeds of requests", () => {
  it("are the same for the same draft and position, and any 31 bits", () => {
    assert.strictEqual(Seed.at(1, 0), Seed.at(1, 0))
    for (const seed of [0, -1, 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
      assert.isTrue(Number.isInteger(Seed.at(seed, 5)) && Seed.at(seed, 5) >= 0 && Seed.at(seed, 5) < 2 ** 31)
    }
  })

  it("are others for other drafts and other positions", () => {
    const all = Array.from({ length: 100 }, (_, seed) =>
      Array.from({ length: 100 }, (_, at) => Seed.at(seed, at))
    ).flat()
    assert.isAtLeast(new Set(all).size, 9_999)
    assert.notStrictEqual(Seed.at(1, 0), Seed.at(1 + 2 ** 32, 0))
  })
})
