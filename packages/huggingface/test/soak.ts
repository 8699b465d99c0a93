/**
 * Many drafts at once, some of them interrupted, and many in a row: what is left of them must be nothing.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Backend, type Prompt } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"

export interface Soak {
  readonly prompt: Prompt.Prompt
  readonly maxTokens: number
  /** Drafts at the same time; three of ten are interrupted. */
  readonly atOnce: number
  /** Drafts one after the other. */
  readonly inARow: number
}

export interface Soaked {
  readonly completed: number
  readonly interrupted: number
  /** Uninterrupted drafts that did not come to their end. */
  readonly failed: number
  /** Bytes of heap, after a collection, that the second half of the row left behind. */
  readonly growth: number
  /** Handles that keep the process alive, by kind: more than before. */
  readonly left: Readonly<Record<string, number>>
  readonly description: HuggingFaceBackend.Description
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const heap = Effect.promise(async () => {
  for (let i = 0; i < 3; i++) {
    await new Promise((done) => void setTimeout(done, 20))
    collect()
  }
  return process.memoryUsage().heapUsed
})

const handles = (): Readonly<Record<string, number>> => {
  const count: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) count[name] = (count[name] ?? 0) + 1
  return count
}

const more = (now: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(now).flatMap(([name, count]) =>
      count > (before[name] ?? 0) ? [[name, count - (before[name] ?? 0)]] : []
    )
  )

/** Clients keep connections for some seconds, so what is left is what is left after those. */
const settled = (before: Readonly<Record<string, number>>) =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 100 && Object.keys(more(handles(), before)).length > 0; tries++)
      yield* Effect.sleep(100)
    return more(handles(), before)
  })

const isInterrupted = (seed: number): boolean => seed % 10 < 3

const draft = ({ maxTokens, prompt }: Soak, seed: number) =>
  Effect.flatMap(Backend.Backend, (backend) => {
    const request = { prompt, prefix: [], temperature: 1, seed, maxTokens }
    return Effect.map(Stream.runCollect(backend.generate(request)), (tokens) => tokens.length > 0)
  })

const crowd = (soak: Soak) =>
  Effect.forEach(
    Array.from({ length: soak.atOnce }, (_, seed) => seed),
    (seed) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.result(draft(soak, seed)))
        if (!isInterrupted(seed)) return (yield* Fiber.join(fiber))._tag === "Success"
        yield* Effect.sleep(seed % 7)
        yield* Fiber.interrupt(fiber)
        return undefined
      }),
    { concurrency: "unbounded" }
  )

const row = (soak: Soak, from: number, to: number) =>
  Effect.forEach(
    Array.from({ length: to - from }, (_, i) => from + i),
    (seed) => Effect.map(Effect.result(draft(soak, seed)), ({ _tag }) => _tag === "Success")
  )

export const run = (soak: Soak) =>
  Effect.gen(function* () {
    yield* Effect.sleep(1)
    const before = handles()
    const together = yield* crowd(soak)
    const half = Math.floor(soak.inARow / 2)
    const first = yield* row(soak, 0, half)
    const middle = yield* heap
    const second = yield* row(soak, half, soak.inARow)
    const growth = (yield* heap) - middle
    const results = [...together, ...first, ...second]
    const { describe } = yield* HuggingFaceBackend.HuggingFace
    const soaked: Soaked = {
      completed: results.filter((result) => result === true).length,
      interrupted: results.filter((result) => result === undefined).length,
      failed: results.filter((result) => result === false).length,
      growth,
      left: yield* settled(before),
      description: yield* describe
    }
    return soaked
  })
