import { assert, describe, it } from "@effect/vitest"
import { BackendError, RunError, Scorer } from "@mulligan/core"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { indexes, permanent, scripted, transient } from "./harness.ts"

const tooLong = BackendError.overContext("s", "Too long.", "Draw less.")

type Failure = (index: number) => BackendError.BackendError | undefined

/** Rounds of 1, 1 and 2 drafts, judged by their index, of which some fail when they are judged. */
const judged = (failure: Failure, sizes: ReadonlyArray<number> = [1, 1, 2]) =>
  Candidates.fromPrompt("p").pipe(
    Candidates.rounds(sizes, (round) =>
      round.pipe(
        Candidates.generate(),
        Candidates.score(
          (c) => {
            const error = failure(c.index)
            return error === undefined ? Effect.succeed(Scorer.exact(c.index)) : Effect.fail(error)
          },
          { retries: 0 }
        )
      )
    )
  )

describe("a round of which nothing is left", () => {
  it.live.each([
    ["for a reason that may pass", transient],
    ["for want of room", tooLong]
  ] as const)("%s is dropped, and the others' drafts are there", ([, error]) =>
    Effect.gen(function* () {
      const lost = (index: number) => (index === 1 ? error : undefined)
      const [all, log] = yield* scripted(Stream.runCollect(judged(lost)))
      assert.deepStrictEqual(indexes(all), [0, 2, 3])
      assert.strictEqual(log.generateCalls, 4)
      const [best] = yield* scripted(Candidates.runBest(judged((index) => (index > 1 ? error : undefined))))
      assert.strictEqual(best.index, 1)
    })
  )

  it.live("fails where the cause is permanent, at once", () =>
    Effect.gen(function* () {
      const [error, log] = yield* scripted(
        Effect.flip(Stream.runCollect(judged((i) => (i === 1 ? permanent : undefined))))
      )
      assert.strictEqual(error, permanent)
      assert.strictEqual(log.generateCalls, 2)
    })
  )

  it.live("is the failure of the run where every round is so, told by the first cause and the number of drafts", () =>
    Effect.gen(function* () {
      const [error] = yield* scripted(Effect.flip(Stream.runCollect(judged(() => transient))))
      assert.isTrue(error instanceof RunError.RunError && error.reason._tag === "AllFailed")
      assert.include(String(error), transient.message)
      assert.match(String(error), /All 4 candidates failed/)
    })
  )
})
