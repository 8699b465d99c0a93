import { assert, describe, it } from "@effect/vitest"
import { Annealing } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { howRecorded } from "../../src/cli/recorded.ts"
import { type Plan, recorded } from "../harness.ts"

const plan = { prompts: ["one", "two"], count: 6 }

describe("what a recording says of how it was drawn", () => {
  it.live.each<readonly [string, Partial<Plan>, object]>([
    ["at one temperature", {}, { drafts: 6, temperature: 1, anneal: "off", maxTokens: Infinity }],
    ["cooler", { temperature: 0.7 }, { drafts: 6, temperature: 0.7, anneal: "off" }],
    ["greedily", { temperature: 0 }, { drafts: 1, temperature: 0 }],
    [
      "annealed",
      { temperature: Annealing.exponential({ from: 0, to: 0.8 }) },
      { drafts: 6, temperature: 0.8, anneal: "exponential" }
    ],
    [
      "in equal steps",
      { temperature: Annealing.linear({ from: 0, to: 1.5, count: 6 }) },
      { temperature: 1.5, anneal: "linear" }
    ],
    ["greedy first", { temperature: Annealing.greedyFirst(1.2) }, { temperature: 1.2, anneal: "greedy-first" }],
    [
      "in two ways",
      { temperature: [1, Annealing.exponential({ from: 0, to: 1 })] },
      { temperature: 1, anneal: "exponential" }
    ],
    ["and cut", { maxTokens: 3 }, { maxTokens: 3 }]
  ])("%s", ([, how, expected]) =>
    Effect.map(recorded({ ...plan, ...how }), (recording) => assert.containSubset(howRecorded(recording), expected))
  )
})
