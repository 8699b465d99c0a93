import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Candidate } from "@mulligan/core"
import { Offline, Report } from "@mulligan/lab"
import { count } from "../evaluated.ts"
import { hostile, options, policies, recording, report } from "./fixture.ts"

const meanOf = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
const gradeOf = (text: string) => (text.startsWith("a") ? 1 : 0)

const made = (more: object) => Effect.flatMap(recording, (all) => Report.make(all, { ...options, ...more }))

/** By the examples' policy on every problem: how much better its choice is than a draft at random. */
const gains = Effect.gen(function* () {
  const { policy } = yield* report
  const all = yield* recording
  const own = policies[policy] ?? { count }
  const { chosen } = yield* Offline.decide(Offline.make(all), own)
  return all.problems.map(({ drafts }, i) => {
    const grades = drafts.filter(({ temperature }) => temperature === 1).map(({ tokens }) => gradeOf(tokens[0]!.text))
    const pick = chosen[i]
    return {
      id: hostile.problems[i]!.id,
      gain: (pick === undefined ? 0 : gradeOf(Candidate.text(pick))) - meanOf(grades)
    }
  })
})

describe("examples", () => {
  it.live("are the greatest gains, the worst misses and some at random, none twice", () =>
    Effect.gen(function* () {
      const { examples } = yield* report
      const ids = (why: Report.Why) => examples.filter((one) => one.why === why).map(({ problem }) => problem.id)
      const sorted = (yield* gains).toSorted((a, b) => b.gain - a.gain)
      const losses = sorted.toReversed().filter(({ gain }) => gain < 0)
      assert.deepStrictEqual(
        ids("gain"),
        sorted.slice(0, 3).map(({ id }) => id)
      )
      assert.deepStrictEqual(
        ids("miss"),
        losses.slice(0, 3).map(({ id }) => id)
      )
      assert.strictEqual(ids("random").length, 3)
      assert.strictEqual(new Set(examples.map(({ problem }) => problem.id)).size, examples.length)
    })
  )

  it.live("are all problems, each once, where all are wanted", () =>
    Effect.gen(function* () {
      const { examples } = yield* made({ examples: 40 })
      const ids = examples.map(({ problem }) => problem.id)
      assert.deepStrictEqual(ids.toSorted(), hostile.problems.map(({ id }) => id).toSorted())
    })
  )

  it.live("are as many as wanted, the same for the same seed", () =>
    Effect.gen(function* () {
      const ids = (self: Report.Report) => self.examples.map(({ problem }) => problem.id)
      assert.deepStrictEqual(ids(yield* made({ examples: 0 })), [])
      const [a, b, c] = [yield* made({ seed: 1 }), yield* made({ seed: 1 }), yield* made({ seed: 2 })]
      assert.deepStrictEqual(ids(a), ids(b))
      assert.notDeepEqual(ids(a), ids(c))
    })
  )

  it.live("tell what became of each draft, and its scores where they were recorded", () =>
    Effect.gen(function* () {
      const all = yield* recording
      const { examples, policy } = yield* report
      for (const { drafts, problem } of examples) {
        const i = hostile.problems.findIndex(({ id }) => id === problem.id)
        const { chosen, samples } = yield* Offline.decide(Offline.make(all), policies[policy] ?? { count })
        for (const { candidate, end, grade, readings } of drafts) {
          assert.strictEqual(end === "chosen", candidate.index === chosen[i]?.index)
          assert.strictEqual(end === "undrawn", candidate.index >= samples[i]!)
          assert.strictEqual(grade, gradeOf(Candidate.text(candidate)))
          const recorded = all.problems[i]!.drafts.find(
            (draft) => draft.temperature === 1 && draft.index === candidate.index
          )!
          const told = recorded.readings.map(({ after, answer }) => ({
            after,
            score: Math.exp(answer.labels[0]!.lower)
          }))
          for (const { after, score } of readings) {
            assert.closeTo(score, told.find((one) => one.after === after)!.score, 1e-9)
          }
          assert.deepStrictEqual(
            readings.map(({ after }) => after),
            [...new Set(told.map(({ after }) => after))].toSorted((a, b) => a - b)
          )
        }
      }
    })
  )

  it.live("say where a draft was dropped", () =>
    Effect.gen(function* () {
      const own = { "prunes half": policies["prunes <b>half</b>"]! }
      const all = yield* recording
      // All grades are equal, so the cheapest of equals is looked at.
      const { examples, policy } = yield* Report.make(all, {
        ...options,
        policies: own,
        task: { ...hostile, grade: () => 1 }
      })
      assert.strictEqual(policy, "prunes half")
      for (const { drafts } of examples) {
        const dropped = drafts.filter(({ end }) => typeof end === "object")
        assert.strictEqual(dropped.length, count / 2)
        for (const { end } of dropped) assert.deepStrictEqual(end, { dropped: 3 })
      }
    })
  )

  it.live("refuses numbers that cannot be meant", () =>
    Effect.gen(function* () {
      for (const bad of [{ examples: -1 }, { examples: 1.5 }, { readPrice: NaN }, { readPrice: -1 }]) {
        const exit = yield* Effect.exit(made(bad))
        assert.strictEqual(exit._tag, "Failure")
        assert.match(String(exit), /from 0 up/)
      }
    })
  )
})
