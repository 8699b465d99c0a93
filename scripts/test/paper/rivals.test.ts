import { assert, describe, it } from "@effect/vitest"
import { Setting } from "@mulligan/lab"
import { claims } from "../../paper/claims.ts"
import { frontier, type Point } from "../../paper/measure.ts"
import { rivals, tuned } from "../../paper/rivals.ts"

const PROBLEMS = 200

/** Right on the first so many problems, at about this cost each. */
const point = (family: string, right: number, cost: number, rest: Partial<Setting.Setting> = {}): Point => {
  const column = (of: (i: number) => number) => Array.from({ length: PROBLEMS }, (_, i) => of(i))
  const costs = column((i) => cost + (i % 2))
  return {
    family,
    setting: { count: 16, scorer: Setting.selfEvaluation, ...rest },
    cost: costs,
    outcomes: {
      accuracy: column((i) => (i < right ? 1 : 0)),
      samples: column(() => cost / 20),
      drawnTokens: costs,
      readTokens: column(() => 0),
      wastedTokens: column(() => 0),
      rounds: column(() => 1),
      seconds: column(() => 1)
    }
  }
}

describe("rivals", () => {
  const ours = [point("ours", 150, 20), point("ours", 180, 40)]
  it.each([
    ["as good and surely cheaper", point("peer", 180, 30), true],
    ["cheaper, and worse than what costs as much of ours", point("peer", 150, 30), false],
    ["as good at the same price", point("peer", 180, 40), false],
    ["a little better, within what chance does", point("peer", 180, 41), false],
    ["better than all of ours, whatever it costs", point("peer", 199, 900), true],
    ["dearer and worse", point("peer", 100, 90), false]
  ])("that are %s", (_, peer, isCheaper) => {
    assert.strictEqual(rivals(ours, [peer])[0]!.isCheaper, isCheaper)
  })

  it("that are cheaper on average, but not surely, are not", () => {
    const uneven = { ...point("peer", 180, 40), cost: Array.from({ length: PROBLEMS }, (_, i) => (i % 2) * 78) }
    assert.isFalse(rivals(ours, [uneven])[0]!.isCheaper)
  })
})

describe("what is compared", () => {
  it("is each family's frontier on validation, as it is on the test problems", () => {
    const validation = [point("a", 100, 10), point("a", 90, 20), point("a", 120, 30), point("b", 50, 90)]
    const test = [point("a", 10, 11), point("a", 199, 21), point("a", 12, 31), point("b", 5, 91)]
    assert.deepStrictEqual(tuned({ test, validation }), [test[0]!, test[2]!, test[3]!])
    assert.deepStrictEqual(frontier(validation), [validation[0]!, validation[2]!])
  })
})

describe("claims", () => {
  const one = Array.from({ length: PROBLEMS }, (_, i) => (i < 100 ? 1 : 0))
  const best = point("best", 200, 320)
  const points = [point("ours", 160, 20), point("ours", 175, 24), point("ours", 190, 60)]
  const cut = (keep: number, right: number) => point("pruned", right, 160, { cuts: [{ after: 8, keep }] })
  const pruned = [cut(0.5, 198), cut(0.5, 190), cut(0.25, 180)]
  const told = claims(
    { adaptive: { validation: points, test: points }, pruning: { validation: pruned, test: pruned } },
    { one, best },
    { one, best }
  )
  const valueOf = (name: string) => told.find(({ figure }) => figure === name)?.value ?? NaN

  it.each([
    ["gainBest16", 0.5],
    ["adaptiveShareBelow1_2", 0.75],
    ["adaptiveSamplesBelow1_2", 1.2],
    ["adaptiveSamples74", 1.2],
    ["pruned50Loss", 0.01],
    ["pruned75Loss", 0.1]
  ])("%s is %d", (name, value) => assert.closeTo(valueOf(name), value, 1e-9))

  it("saves what is not drawn", () => assert.closeTo(valueOf("pruned50TokensSaved"), 1 - 160.5 / 320.5, 1e-9))
})
