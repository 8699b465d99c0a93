import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { EventEmitter } from "node:events"
import { Worker } from "node:worker_threads"
import { inThread, inWorker } from "../src/internal/renderer.ts"
import type { Threads } from "../src/internal/threads.ts"
import { origin, run } from "./models.ts"

const tokens = { bos_token: "<s>", eos_token: "</s>" }
const template = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
const say = (content: string) => [{ role: "user" as const, content }]

/** Threads that cannot be had, and how often one was tried. */
type Lacking = readonly [threads: Threads, tried: () => number]

const throwing = (): Lacking => {
  let tried = 0
  const started = () => {
    tried++
    throw new Error("no threads here")
  }
  return [
    {
      parentPort: null,
      Worker: function () {
        started()
      } as unknown as Threads["Worker"]
    },
    () => tried
  ]
}

const failing = (): Lacking => {
  let tried = 0
  class Failing extends EventEmitter {
    constructor() {
      super()
      tried++
      setImmediate(() => this.emit("error", new Error("no such file")))
    }
    readonly postMessage = () => {}
    readonly unref = () => {}
    readonly terminate = () => Promise.resolve()
  }
  return [{ parentPort: null, Worker: Failing as unknown as Threads["Worker"] }, () => tried]
}

const withoutFile = (): Lacking => {
  let tried = 0
  class Bundled extends Worker {
    constructor() {
      super(new URL("left-out-by-a-bundler.js", import.meta.url))
      tried++
    }
  }
  return [{ parentPort: null, Worker: Bundled as unknown as Threads["Worker"] }, () => tried]
}

describe("a program that can have no thread", () => {
  const table: ReadonlyArray<readonly [string, () => Lacking]> = [
    ["because starting one throws", throwing],
    ["because it fails before it is ready", failing],
    ["because a bundler left its file out", withoutFile]
  ]

  it.each(table)("%s renders in its own, and tries no second time", async (_, make) => {
    const [threads, tried] = make()
    const texts = await Effect.gen(function* () {
      const render = yield* inWorker(threads, template, tokens, origin)
      return [yield* render(say("a")), yield* render(say("b"))]
    }).pipe(Effect.scoped, run)
    assert.deepStrictEqual(texts, ["<s>a", "<s>b"])
    assert.strictEqual(tried(), 1)
  })

  it.each(table)("%s says what is wrong with a template as any other does", async (_, make) => {
    const wrong = "{{ raise_exception('no system turn') }}"
    const failed = await Effect.gen(function* () {
      const render = yield* inWorker(make()[0], wrong, tokens, origin)
      return yield* Effect.flip(render(say("a")))
    }).pipe(Effect.scoped, run)
    const known = await run(Effect.flip(inThread(wrong, tokens, origin)(say("a"))))
    assert.strictEqual(failed.message, known.message)
  })
})
