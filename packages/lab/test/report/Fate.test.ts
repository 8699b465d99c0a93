import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "fast-check"
import { Fact } from "@mulligan/core"
import { Offline, Policy } from "@mulligan/lab"
import { allDropped } from "../../src/report/Fate.ts"
import type { Fate } from "../../src/report/Fate.ts"
import { count } from "../evaluated.ts"
import { replayed } from "../harness.ts"
import { options, recording, report } from "./fixture.ts"

/** All ways to keep so many of them. */
const subsets = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> => {
  if (size === 0) return [[]]
  return all.flatMap((one, i) => subsets(all.slice(i + 1), size - 1).map((rest) => [one, ...rest]))
}

describe("allDropped", () => {
  it.each([
    [4, 1, 0, 0],
    [4, 1, 1, 1 / 4],
    [4, 1, 4, 1],
    [4, 2, 1, 0],
    [4, 2, 2, 1 / 6],
    [4, 4, 4, 1]
  ])("of %i with %i right, %i dropped", (came, right, dropped, expected) => {
    assert.closeTo(allDropped(came, right, dropped), expected, 1e-12)
  })

  it("is the share of all ways to drop", () => {
    const sizes = FastCheck.tuple(FastCheck.nat(6), FastCheck.nat(6), FastCheck.nat(6))
    FastCheck.assert(
      FastCheck.property(sizes, ([more, right, drop]) => {
        const came = more + right
        const dropped = Math.min(drop, came)
        const ways = subsets(
          Array.from({ length: came }, (_, i) => i < right),
          dropped
        )
        const all = ways.filter((way) => way.filter(Boolean).length === right).length
        assert.closeTo(allDropped(came, right, dropped), all / ways.length, 1e-9)
      })
    )
  })
})

interface Drawn {
  readonly isRight: boolean
  readonly score: number
}

/** Each problem's drafts at temperature 1, with what the model said of their first three tokens. */
const drawn = Effect.map(recording, ({ problems }) =>
  problems.map(({ drafts }) =>
    drafts
      .filter(({ temperature }) => temperature === 1)
      .map(({ readings, tokens }): Drawn => {
        const { lower } = readings.find(({ after }) => after === 3)!.answer.labels[0]!
        return { isRight: tokens[0]!.text === "a", score: Math.exp(lower) }
      })
  )
)

const isRight = ({ isRight }: Drawn) => isRight
const fateOf = (all: ReadonlyArray<Fate>, policy: string): ReadonlyArray<Fate> =>
  all.filter((one) => one.policy === policy)

describe("Offline.droppings", () => {
  it.live.each(Object.entries(options.policies))("drops what the strategy itself drops: %s", ([, policy]) =>
    Effect.gen(function* () {
      const all = yield* recording
      const droppings = yield* Offline.droppings(Offline.make(all), policy)
      let drops = 0
      for (const [i, { prompt, seed }] of all.problems.entries()) {
        const told: Array<number> = []
        yield* replayed(Effect.ignore(Policy.run(policy, prompt, { seed })), all).pipe(
          Effect.provideService(Fact.Listener, (fact) => {
            if (fact._tag === "Pruned") told.push(fact.index)
          })
        )
        const own = droppings
          .filter(({ problem }) => problem === i)
          .flatMap(({ came, kept }) => came.filter((place) => !kept.includes(place)))
        assert.deepStrictEqual(own.toSorted(), told.toSorted())
        drops += own.length
      }
      assert.strictEqual(drops > 0, policy.cuts !== undefined)
    })
  )
})

describe("fates", () => {
  it.live("are those of every cut of every policy", () =>
    Effect.gen(function* () {
      const { fates } = yield* report
      assert.deepStrictEqual(
        fates.map(({ after, policy }) => [policy, after]),
        Object.entries(options.policies).flatMap(([name, { cuts = [] }]) => cuts.map(({ after }) => [name, after]))
      )
    })
  )

  it.live("count what was dropped, and what it would have become", () =>
    Effect.gen(function* () {
      const [fate] = fateOf((yield* report).fates, "prunes <b>half</b>")
      const problems = yield* drawn
      const dropped = problems.map((drafts) => drafts.toSorted((a, b) => b.score - a.score).slice(count / 2))
      const withRight = problems.flatMap((drafts, i) => (drafts.some(isRight) ? [i] : []))
      const withOnly = problems.flatMap((drafts, i) => (drafts.filter(isRight).length === 1 ? [i] : []))
      const hasLost = (i: number) =>
        dropped[i]!.filter(isRight).length === problems[i]!.filter(isRight).length ? 1 : 0
      assert.isAbove(withOnly.length, 0, "there is something to lose")
      assert.deepInclude(fate, {
        came: 40 * count,
        dropped: 20 * count,
        cameRight: problems.flat().filter(isRight).length
      })
      assert.deepInclude(fate!.right, { count: dropped.flat().filter(isRight).length, of: 20 * count })
      assert.deepInclude(fate!.all, { count: withRight.filter((i) => hasLost(i) === 1).length, of: withRight.length })
      assert.deepInclude(fate!.only, { count: withOnly.filter((i) => hasLost(i) === 1).length, of: withOnly.length })
    })
  )

  it.live("are compared with dropping as many at random", () =>
    Effect.gen(function* () {
      const [{ all, only, right }] = fateOf((yield* report).fates, "prunes <b>half</b>") as [Fate]
      const problems = yield* drawn
      const rights = problems.map((drafts) => drafts.filter(isRight).length)
      const ways = rights
        .filter((k) => k > 0)
        .map((k) => {
          const kept = subsets(
            Array.from({ length: count }, (_, i) => i < k),
            count / 2
          )
          return kept.filter((way) => !way.some(Boolean)).length / kept.length
        })
      const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
      assert.closeTo(right.atRandom.value, mean(rights) / count, 1e-12)
      assert.closeTo(only.atRandom.value, 1 / 2, 1e-12)
      assert.closeTo(all.atRandom.value, mean(ways), 1e-12)
      assert.isTrue(right.share.low <= right.share.value && right.share.value <= right.share.high)
      assert.isBelow(right.share.high, right.atRandom.low, "this judge knows what it drops")
    })
  )

  it.live("follow only the rounds that were drawn, and the drafts that came so far", () =>
    Effect.gen(function* () {
      const [first, second] = fateOf((yield* report).fates, "prunes twice, in rounds") as [Fate, Fate]
      assert.isBelow(first.came, 40 * count, "it stops after some first rounds")
      assert.strictEqual(second.came, first.came - first.dropped)
      assert.strictEqual(second.cameRight, first.cameRight - first.right.count)
      assert.strictEqual(second.all.of, first.all.of - first.all.count)
    })
  )

  it.live("are told of thresholds, too", () =>
    Effect.gen(function* () {
      const [fate] = fateOf((yield* report).fates, "prunes below")
      const problems = yield* drawn
      assert.strictEqual(fate!.dropped, problems.flat().filter(({ score }) => score < 0.5).length)
    })
  )
})
