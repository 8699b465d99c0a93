import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { argmax, distribution, logSumExp, pick, type SamplerOptions, uniform } from "../src/Sampler.ts"
import { fixture } from "./subjects.ts"

interface Known {
  readonly logits: ReadonlyArray<number>
  readonly seen: ReadonlyArray<number>
  readonly settings: Partial<SamplerOptions>
  readonly probabilities: ReadonlyArray<number>
}
const known: ReadonlyArray<Known> = JSON.parse(readFileSync(fixture("sampling.json"), "utf8"))
const logits = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 30 })

describe("distribution", () => {
  it.each(known.map((k) => [JSON.stringify(k.settings), k] as const))("is that of transformers with %s", (_, k) => {
    const found = distribution(k.logits, k.seen, { temperature: 1, ...k.settings })
    k.probabilities.forEach((p, id) => assert.isBelow(Math.abs(found[id]! - p), 1e-5, `token ${id}`))
  })

  it("is all on the likeliest token at temperature 0, on the lowest id of equals", () => {
    assert.deepStrictEqual([...distribution([1, 3, 3], [], { temperature: 0 })], [0, 1, 0])
  })

  it.each([1e-310, 1e-5, 1e300])("stays a distribution at temperature %d", (temperature) => {
    const found = distribution([1, 3, -2], [], { temperature })
    assert.isBelow(Math.abs(found.reduce((a, b) => a + b, 0) - 1), 1e-9)
    if (temperature < 1) assert.strictEqual(found[1], 1)
  })

  it("sums to one, whatever the filters", () => {
    const options = fc.record({
      temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
      topK: fc.integer({ min: 0, max: 40 }),
      topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
      minP: fc.double({ min: 0, max: 1, noNaN: true })
    })
    fc.assert(
      fc.property(logits, options, (values, o) => {
        const sum = distribution(values, [], o).reduce((a, b) => a + b, 0)
        assert.isBelow(Math.abs(sum - 1), 1e-9)
      })
    )
  })

  it("every knob has a value that switches it off", () => {
    fc.assert(
      fc.property(logits, (values) => {
        const plain = distribution(values, [0], { temperature: 1 })
        const off = distribution(values, [0], { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 })
        assert.deepStrictEqual(off, plain)
      })
    )
  })
})

describe("pick", () => {
  it.each([
    [[0.2, 0.3, 0.5], 0, 0],
    [[0.2, 0.3, 0.5], 0.19, 0],
    [[0.2, 0.3, 0.5], 0.2, 1],
    [[0.2, 0.3, 0.5], 0.9999, 2],
    [[0, 1, 0], 0, 1],
    [[0.5, 0.5 - 1e-17, 0], 0.9999999999999999, 1]
  ])("of %j at %d is token %d", (p, u, id) => {
    assert.strictEqual(pick(Float64Array.from(p), u), id)
  })

  it("draws each token as often as it should", () => {
    const p = Float64Array.from([0.1, 0.2, 0.7])
    const counts = [0, 0, 0]
    for (let seed = 0; seed < 20_000; seed++) counts[pick(p, uniform(seed, 3))]!++
    counts.forEach((count, id) => assert.isBelow(Math.abs(count / 20_000 - p[id]!), 0.015))
  })
})

describe("uniform", () => {
  it("is the same for the same seed and position, and otherwise another", () => {
    assert.strictEqual(uniform(7, 3), uniform(7, 3))
    const all = new Set(
      Array.from({ length: 100 }, (_, s) => Array.from({ length: 100 }, (_, p) => uniform(s, p))).flat()
    )
    assert.strictEqual(all.size, 10_000)
  })

  it("stays in [0, 1) for any seed", () => {
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        fc.nat(),
        (seed, position) => uniform(seed, position) >= 0 && uniform(seed, position) < 1
      )
    )
  })
})

describe("logSumExp and argmax", () => {
  it.each([
    [[0, 0], Math.log(2)],
    [[-1000, -1000], -1000 + Math.log(2)],
    [[1000, 0], 1000],
    [[-Infinity, -Infinity], -Infinity],
    [[], -Infinity]
  ])("log-sum-exp of %j", (values, expected) => assert.strictEqual(logSumExp(values), expected))

  it("argmax takes the lowest id of equals", () => assert.strictEqual(argmax([1, 5, 5, 2]), 1))
})
