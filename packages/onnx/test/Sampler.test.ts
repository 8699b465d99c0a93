import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import type { Top } from "../src/Driver.ts"
import {
  argmax,
  choose,
  distribution,
  logSumExp,
  pick,
  type SamplerOptions,
  suppress,
  uniform
} from "../src/Sampler.ts"
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

/** The likeliest `count` of the tokens that may be drawn, as the sampler in the graph gives them. */
const topOf = (drawable: Float32Array, temperature: number, count: number): Top => {
  const probabilities = distribution(drawable, [], { temperature })
  const total = logSumExp(drawable)
  const ids = [...drawable.keys()].toSorted((a, b) => drawable[b]! - drawable[a]! || a - b).slice(0, count)
  const logProbs = ids.map((id) => drawable[id]! - total)
  return { ids, probabilities: ids.map((id) => probabilities[id]!), logProbs, mean: NaN }
}

/** Whether a number is so near the end of a token's share, or a filter so near a token, that rounding decides. */
const isOnTheBrink = (drawable: Float32Array, u: number, options: SamplerOptions): boolean => {
  const { minP = 0, topP = 1 } = options
  const [less, exact, more] = [-1e-9, 0, 1e-9].map((by) =>
    distribution(drawable, [], { ...options, minP: minP * (1 + by), topP: topP * (1 + by) })
  )
  let sum = 0
  return exact!.some((p, id) => Math.abs((sum += p) - u) < 1e-9 || less![id]! > 0 !== more![id]! > 0)
}

describe("distribution of the same logits, for one draft after another", () => {
  it("is what it is of a copy, whatever was asked of them before", () => {
    const settings: ReadonlyArray<SamplerOptions> = [
      { temperature: 1, topK: 3 },
      { temperature: 0.2, topP: 0.6 },
      { temperature: 3, minP: 0.4, repetitionPenalty: 2 },
      { temperature: 3, minP: 0.4 },
      { temperature: 0.7, topK: 4, topP: 0.9 }
    ]
    const value = fc.integer({ min: -80, max: 80 }).map((x) => x / 10)
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 2, maxLength: 30 }),
        fc.shuffledSubarray([...settings]),
        (values, asked) => {
          const logits = Float32Array.from(values)
          for (const options of asked)
            assert.deepStrictEqual(distribution(logits, [0, 1], options), distribution(logits.slice(), [0, 1], options))
        }
      )
    )
  })
})

it("a penalty changes who is likeliest, also of logits that were ranked before", () => {
  const logits = Float32Array.of(2, 1, 0)
  const keepOne = { temperature: 1, topK: 1 }
  assert.deepStrictEqual([...distribution(logits, [0], keepOne)], [1, 0, 0])
  assert.deepStrictEqual([...distribution(logits, [0], { ...keepOne, repetitionPenalty: 10 })], [0, 1, 0])
})

describe("choose", () => {
  const value = fc.integer({ min: -800, max: 800 }).map((x) => x / 100)
  const values = fc.array(value, { minLength: 2, maxLength: 60 })
  const filters = fc.oneof(
    fc.record({ topK: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ topP: fc.double({ min: 0.05, max: 0.99, noNaN: true }) }),
    fc.record({ minP: fc.double({ min: 0.01, max: 1, noNaN: true }) }),
    fc.record({
      topK: fc.integer({ min: 1, max: 60 }),
      topP: fc.double({ min: 0.05, max: 0.99, noNaN: true }),
      minP: fc.double({ min: 0, max: 1, noNaN: true })
    })
  )
  const temperature = fc.double({ min: 0.2, max: 3, noNaN: true })
  const u = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })

  it("draws from the likeliest alone what it draws from whole logits, wherever they hold what the filters ask", () => {
    let checked = 0
    fc.assert(
      fc.property(
        values,
        filters,
        temperature,
        u,
        fc.integer({ min: 1, max: 60 }),
        (values, filter, temperature, u, count) => {
          const logits = Float32Array.from(values)
          const suppressed = [1, 99]
          const drawable = suppress(logits, suppressed)
          const top = topOf(drawable, temperature, count)
          const held = Array.from(top.probabilities).reduce((a, b) => a + b, 0)
          const { minP, topK, topP }: { minP?: number; topK?: number; topP?: number } = filter
          const isEnough =
            topK !== undefined ? topK <= count : topP !== undefined ? held >= topP + 1e-9 : 1 / minP! <= count - 1e-9
          const options = { temperature, ...filter }
          fc.pre((isEnough || count >= logits.length) && !isOnTheBrink(drawable, u, options))
          checked++
          const whole = choose({ logits }, u, () => [], suppressed, options)
          const part = choose({ token: 0, logProb: 0, top }, u, () => [], suppressed, options)
          assert.strictEqual(part.id, whole.id)
          assert.isBelow(Math.abs(part.logProb - whole.logProb), 1e-9)
        }
      ),
      { numRuns: 500 }
    )
    assert.isAtLeast(checked, 500)
  })

  it("takes the token that was drawn in the graph where there is nothing better", () =>
    assert.deepStrictEqual(
      choose({ token: 3, logProb: -0.5 }, 0.9, () => [], [], { temperature: 1 }),
      { id: 3, logProb: -0.5 }
    ))

  it("trusts whole logits over all else, and penalises what was seen", () => {
    const logits = Float32Array.of(0, 4, 3.9)
    const top = topOf(logits, 1, 3)
    const reading = { token: 0, logProb: -9, top, logits }
    assert.strictEqual(choose(reading, 0, () => [1], [], { temperature: 0, repetitionPenalty: 2 }).id, 2)
    assert.strictEqual(choose(reading, 0, () => [1], [], { temperature: 0 }).id, 1)
  })

  it("never gives a suppressed token, and a log-probability among the others", () => {
    const logits = Float32Array.of(1, 9, 2)
    const { id, logProb } = choose({ logits }, 0.999, () => [], [1], { temperature: 1 })
    assert.strictEqual(id, 2)
    assert.isBelow(Math.abs(logProb - (2 - Math.log(Math.exp(1) + Math.exp(2)))), 1e-9)
  })
})
