import { assert, describe, it } from "@effect/vitest"
import { BackendError, RunError, Scorer } from "@mulligan/core"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { collectFacts, draws, indexes, scripted } from "./harness.ts"

const tooLong = BackendError.overContext("s", "Too long.", "Draw less.")
const tries: Array<number> = []

/** The question has no room behind those drafts. */
const behind = (isLong: (index: number) => boolean, options: Candidates.ScoreOptions = {}) =>
  draws(3).pipe(
    Candidates.score((c) => {
      tries.push(c.index)
      return isLong(c.index) ? Effect.fail(tooLong) : Effect.succeed(Scorer.exact(c.index))
    }, options),
    Stream.runCollect
  )

describe("a draft that leaves its question no room", () => {
  it.live("is dropped alone, and not asked again", () =>
    Effect.gen(function* () {
      tries.length = 0
      const [[facts, all]] = yield* scripted(collectFacts(behind((index) => index === 1)))
      assert.deepStrictEqual(indexes(all), [0, 2])
      assert.deepStrictEqual(tries.toSorted(), [0, 1, 2])
      assert.strictEqual(facts.filter(({ _tag }) => _tag === "Failed").length, 1)
    })
  )

  it.live("is the failure of all where all are so", () =>
    Effect.gen(function* () {
      const [error] = yield* scripted(Effect.flip(behind(() => true)))
      assert.isTrue(error instanceof RunError.RunError && error.reason._tag === "AllFailed")
      assert.match(String(error), /Too long. Draw less./)
    })
  )

  it.live("fails a strict stage", () =>
    Effect.gen(function* () {
      const [error] = yield* scripted(Effect.flip(behind((index) => index === 1, { strict: true })))
      assert.strictEqual(error, tooLong)
    })
  )
})
