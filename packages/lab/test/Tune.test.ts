import { assert, describe, it } from "@effect/vitest"
import { Evaluate, Grades, Offline, Setting, Spaces, Tune } from "@mulligan/lab"
import type { Recording } from "@mulligan/lab"
import * as Effect from "effect/Effect"
import { count, plan, script, task } from "./evaluated.ts"
import { recorded } from "./harness.ts"

const many = Array.from({ length: 160 }, (_, i) => `problem ${"x".repeat(i % 7)} ${i}`)
const tuned = { ...task, problems: many.map((prompt, i) => ({ id: String(i), prompt })) }
const recording = Effect.cached(recorded({ ...plan, prompts: many }, script)).pipe(Effect.runSync)
const settings = Spaces.all({ count, cuts: [2, 3], annealed: true })["adaptive sampling (ours)"]!
const answer: Setting.Answer = (c) => c.tokens[0]?.text

const meanOf = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Every setting on all problems of a recording. */
const exhaustive = (all: Recording.Recording) =>
  Effect.gen(function* () {
    const grades = yield* Grades.make(tuned, all)
    const offline = Offline.make(all)
    const of = (setting: Setting.Setting) =>
      Effect.map(Evaluate.outcomes(offline, grades, Setting.toPolicy(setting, answer)), (own) => ({
        accuracy: meanOf(own.accuracy),
        cost: meanOf(own.drawnTokens.map((drawn, i) => drawn + 0.25 * own.readTokens[i]!))
      }))
    return yield* Effect.forEach(settings, of)
  })

describe("Tune.tune", () => {
  it.live("finds what trying everything on the same problems finds", () =>
    Effect.gen(function* () {
      const all = yield* recording
      const options = { task: tuned, settings, goal: { share: 0.9 }, first: 20 } as const
      const found = yield* Tune.tune(all, options)
      // With all problems in the first round nothing is left out.
      const plain = yield* Tune.tune(all, { ...options, first: 1000 })
      assert.isTrue(found.isReached)
      assert.deepStrictEqual(found.chosenOn.cost.value, plain.chosenOn.cost.value)
      assert.isAtLeast(found.chosenOn.share.value, 0.9)
    })
  )

  it.live("reports on problems that it did not choose by, and counts what it tried", () =>
    Effect.gen(function* () {
      const all = yield* recording
      const found = yield* Tune.tune(all, { task: tuned, settings, goal: { share: 0.9 } })
      const whole = yield* exhaustive(all)
      const own = whole[settings.indexOf(found.setting)]!
      // The two halves are all problems, each once.
      assert.closeTo((found.chosenOn.accuracy.value + found.heldOut.accuracy.value) / 2, own.accuracy, 1e-9)
      assert.closeTo((found.chosenOn.cost.value + found.heldOut.cost.value) / 2, own.cost, 1e-9)
      assert.strictEqual(found.tried, settings.length)
    })
  )

  it.live("chooses by the problems that it says, and exhaustive by the others", () =>
    Effect.gen(function* () {
      const all = yield* recording
      const [ours, theirs] = [
        [0, 0],
        [0, 0]
      ]
      const few = Spaces.all({ count })["best of N, self-evaluation"]!
      for (const seed of [0, 1, 2, 3, 4, 5]) {
        const options = { task: tuned, settings: few, goal: { share: 0.75 }, seed, first: 1000, split: 0.1 }
        const [chosen, best] = [yield* Tune.tune(all, options), yield* Tune.exhaustive(all, options)]
        if (chosen.chosenOn.share.value >= 0.75) ours[0]!++
        if (chosen.heldOut.share.value >= 0.75) ours[1]!++
        if (best.chosenOn.share.value >= 0.75) theirs[0]!++
        if (best.heldOut.share.value >= 0.75) theirs[1]!++
      }
      // What reaches the goal by choice and not by luck.
      assert.deepStrictEqual([ours[0], theirs[1]], [6, 6])
      assert.isBelow(ours[1]! + theirs[0]!, 12)
    })
  )

  it.live("finds the most accurate for a budget, and keeps to it", () =>
    Effect.gen(function* () {
      const all = yield* recording
      const cheap = yield* Tune.tune(all, { task: tuned, settings, goal: { budget: 8 } })
      const dear = yield* Tune.tune(all, { task: tuned, settings, goal: { budget: 12 } })
      assert.isAtMost(cheap.chosenOn.cost.value, 8)
      assert.isAtMost(dear.chosenOn.cost.value, 12)
      assert.isAtLeast(dear.chosenOn.accuracy.value, cheap.chosenOn.accuracy.value)
    })
  )

  it.live("says so where the goal cannot be reached, and gives what comes nearest", () =>
    Effect.gen(function* () {
      const all = yield* recording
      const found = yield* Tune.tune(all, { task: tuned, settings, goal: { share: 5 } })
      assert.isFalse(found.isReached)
      const most = yield* Tune.tune(all, { task: tuned, settings, goal: { budget: Infinity } })
      assert.strictEqual(found.chosenOn.accuracy.value, most.chosenOn.accuracy.value)
    })
  )

  it.live("chooses the same again, by another seed from other problems", () =>
    Effect.gen(function* () {
      const all = yield* recording
      const of = (seed: number) => Tune.tune(all, { task: tuned, settings, goal: { share: 0.9 }, seed })
      assert.deepStrictEqual((yield* of(1)).heldOut, (yield* of(1)).heldOut)
      assert.notDeepEqual((yield* of(1)).heldOut, (yield* of(2)).heldOut)
    })
  )

  it.live.each([
    [{ settings: [] }, /no settings/],
    [{ goal: { share: -1 } }, /from 0 up, not -1/],
    [{ goal: { budget: NaN } }, /not NaN/],
    [{ split: 1 }, /split/],
    [{ first: 0 }, /first/]
  ] as const)("refuses %o", ([bad, message]) =>
    Effect.gen(function* () {
      const all = yield* recording
      const options = { task: tuned, settings, goal: { share: 0.9 }, ...bad }
      const exit = yield* Effect.exit(Tune.tune(all, options))
      assert.match(String(exit), message)
    })
  )
})
