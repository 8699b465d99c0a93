import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { type Flags, settle } from "../../src/cli/StrategyFlags.ts"

const nothing: Flags = {
  strategy: "adaptive",
  drafts: undefined,
  rounds: undefined,
  threshold: undefined,
  temperature: undefined,
  anneal: undefined,
  pruneAt: undefined,
  keep: undefined,
  maxTokens: undefined,
  seed: 0
}

const settled = (given: Partial<Flags>) => Effect.runSync(settle({ ...nothing, ...given }))

describe("a strategy that is", () => {
  it.each<readonly [Partial<Flags>, object]>([
    [{}, { drafts: 16, rounds: [1, 1, 2, 4, 8], threshold: 0.92, anneal: "exponential", temperature: 1, pruneAt: [] }],
    [{ drafts: 10 }, { drafts: 10, rounds: [1, 1, 2, 4, 2] }],
    [{ drafts: 1 }, { rounds: [1] }],
    [{ rounds: [2, 3] }, { drafts: 5, rounds: [2, 3] }],
    [{ threshold: Infinity }, { rounds: [16], threshold: Infinity }],
    [{ strategy: "best" }, { drafts: 16, rounds: [16], threshold: Infinity, pruneAt: [] }],
    [
      { strategy: "best", threshold: 0.5 },
      { rounds: [1, 1, 2, 4, 8], threshold: 0.5 }
    ],
    [{ strategy: "pruned" }, { rounds: [16], pruneAt: [32], keep: 0.5, threshold: Infinity }],
    [
      { strategy: "pruned", pruneAt: [64, 16], keep: 3 },
      { pruneAt: [16, 64], keep: 3 }
    ],
    [{ strategy: "one" }, { drafts: 1, rounds: [1], threshold: Infinity }]
  ])("%j", (given, expected) => assert.containSubset(settled(given), expected))

  it("adaptive doubles what it has drawn, and never draws more than it may", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (drafts) => {
        const { rounds } = settled({ drafts })
        const before = rounds.map((_, i) => rounds.slice(0, i).reduce((sum, size) => sum + size, 0))
        assert.strictEqual(before.at(-1)! + rounds.at(-1)!, drafts)
        rounds.slice(0, -1).forEach((size, i) => assert.strictEqual(size, Math.max(1, before[i]!)))
      })
    )
  })
})
