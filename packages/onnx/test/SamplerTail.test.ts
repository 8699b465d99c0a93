import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { greedy } from "../src/Driver.ts"
import { open } from "../src/driver/NodeSession.ts"
import type { Session, Tensor } from "../src/driver/Session.ts"
import { Graph } from "../src/graph/Graph.ts"
import { types, write } from "../src/graph/Model.ts"
import * as SamplerTail from "../src/graph/SamplerTail.ts"
import { Message } from "../src/graph/Wire.ts"
import { argmax, distribution, logSumExp, suppress, uniform } from "../src/Sampler.ts"

const { names, TOP } = SamplerTail

/** A graph that is nothing but the tail. */
const tail = (vocabulary: number, suppressed: ReadonlyArray<number> = [], endIds: ReadonlyArray<number> = []) => {
  const opset = new Message().message(8, new Message().text(1, "").int(2, 17))
  const rest = [new Message().int(1, 8).finish(), opset.finish()]
  const opsets = new Map([["", 17]])
  const graph = new Graph({ rest, graphRest: [], opsets, nodes: [], tensors: [], inputs: [], outputs: [] })
  graph.takes({ name: "logits", type: types.float32, dims: ["slots", vocabulary] })
  SamplerTail.append(graph, "logits", { vocabulary, suppressed, endIds })
  return open({ graph: write(graph.finish()), folder: "." }, { threads: 1 })
}

interface Asked {
  readonly logits: Float32Array
  readonly temperature?: number
  readonly u?: number
  readonly mass?: number
  readonly wantsTop?: boolean
}

const run = async (session: Session, slots: ReadonlyArray<Asked>, labels: ReadonlyArray<number> = []) => {
  const vocabulary = slots[0]!.logits.length
  const column = (of: (slot: Asked) => number): Tensor => ({
    type: "float32",
    data: Float32Array.from(slots, of),
    dims: [slots.length, 1]
  })
  const logits = new Float32Array(slots.length * vocabulary)
  slots.forEach((slot, i) => logits.set(slot.logits, i * vocabulary))
  const out = await session.run({
    logits: { type: "float32", data: logits, dims: [slots.length, vocabulary] },
    [names.inverseTemperature]: column(({ temperature = 1 }) => (temperature === 0 ? greedy : 1 / temperature)),
    [names.uniform]: column(({ u = 0 }) => u),
    [names.mass]: column(({ mass = 0 }) => mass),
    [names.wantsTop]: {
      type: "bool",
      data: Uint8Array.from(slots, (slot) => Number(slot.wantsTop ?? false)),
      dims: [slots.length]
    },
    [names.labels]: { type: "int64", data: BigInt64Array.from(labels, BigInt), dims: [labels.length] }
  })
  const numbers = (name: string) => Array.from(out[name]!.data, Number)
  return { numbers, tokens: numbers(names.token), has: numbers(names.hasLogits).map(Boolean) }
}

/** Bell-shaped, by seed. */
const random = (vocabulary: number, seed: number, spread = 3): Float32Array =>
  Float32Array.from({ length: vocabulary }, (_, id) => {
    const [a, b] = [uniform(seed, 2 * id), uniform(seed, 2 * id + 1)]
    return spread * Math.sqrt(-2 * Math.log(1 - a)) * Math.cos(2 * Math.PI * b)
  })

/** Whether a number in [0, 1) falls on a token, or so near that single precision may say so. */
const fallsOn = (probabilities: Float64Array, u: number, token: number): boolean => {
  const before = probabilities.subarray(0, token).reduce((a, b) => a + b, 0)
  return probabilities[token]! > 0 && u >= before - 2e-6 && u <= before + probabilities[token]! + 2e-6
}

/** Within what a draw may be given. */
const brink = (u: number): number => Math.max(0, Math.min(Math.fround(u), 1 - 2 ** -24))

const sizes = [
  ["a prime", 421],
  ["squares", 512],
  ["fewer than the likeliest", 100],
  ["one", 1],
  ["not in blocks", 1000]
] as const

describe.each(sizes)("the sampler in the graph, vocabulary %s (%d)", (_, vocabulary) => {
  const never = vocabulary === 1 ? [] : [0, 3, Math.floor(vocabulary / 2), vocabulary - 1, vocabulary + 5]
  let [free, strict]: [Session | undefined, Session | undefined] = [undefined, undefined]
  beforeAll(async () => {
    free = await tail(vocabulary)
    strict = await tail(vocabulary, never)
  })
  afterAll(async () => {
    await free?.close()
    await strict?.close()
  })

  it.each([0, 0.3, 1, 2])("draws by the oracle at temperature %d, with its log-probability", async (temperature) => {
    let away = 0
    for (const [session, suppressed] of [
      [free!, []],
      [strict!, never]
    ] as const) {
      const slots = Array.from({ length: 300 }, (_, seed) => {
        const u = temperature === 0 ? 0 : Math.fround(seed < 2 ? [0, 1 - 2 ** -24][seed]! : uniform(seed, 1) * 0.999999)
        return { logits: random(vocabulary, Math.floor(seed / 30)), temperature, u }
      })
      const { numbers, tokens } = await run(session, slots)
      const logProbs = numbers(names.logProb)
      slots.forEach(({ logits, u }, i) => {
        const allowed = suppress(logits, suppressed).slice(0, vocabulary)
        const wanted = distribution(allowed, [], { temperature })
        const token = tokens[i]!
        if (temperature === 0) assert.strictEqual(token, argmax(allowed))
        else assert.isTrue(fallsOn(wanted, u, token), `token ${token} at ${u}`)
        let sum = 0
        const exact = wanted.findIndex((p) => (sum += p) > u)
        if (temperature > 0 && exact !== token) away++
        assert.isBelow(Math.abs(logProbs[i]! - (allowed[token]! - logSumExp(allowed))), 1e-5)
      })
    }
    assert.isAtMost(away, 6, "draws beside the oracle, all within rounding")
  })

  it("never draws what is suppressed, on the brink of its neighbours and of the end either", async () => {
    if (vocabulary === 1) return
    const slots = Array.from({ length: 40 }, (_, seed) => {
      const logits = random(vocabulary, seed, 1)
      const p = distribution(suppress(logits, never).slice(0, vocabulary), [], { temperature: 1 })
      let sum = 0
      const ends = Array.from(p, (x) => (sum += x)).filter((_, id) => never.includes(id) || never.includes(id + 1))
      return [...ends, 1].flatMap((end) =>
        [-3, -2, -1, 0, 1, 2].map((ulps) => ({ logits, u: brink(end + ulps * 2 ** -24) }))
      )
    }).flat()
    const { tokens } = await run(strict!, slots)
    assert.deepStrictEqual(
      tokens.filter((token) => never.includes(token)),
      []
    )
  })
})

describe("what the tail gives besides the token", () => {
  const vocabulary = 1000
  const never = [2, 999]
  const ends = [7, 8]
  let session: Session | undefined = undefined
  beforeAll(async () => {
    session = await tail(vocabulary, never, ends)
  })
  afterAll(() => session?.close())

  it("greedy takes the lowest id of equals", async () => {
    const tied = (...ids: ReadonlyArray<number>) => {
      const logits = random(vocabulary, 1)
      for (const id of ids) logits[id] = 50
      return { logits, temperature: 0 }
    }
    const { tokens } = await run(session!, [tied(3, 4), tied(998, 500, 257), tied(2, 999, 600, 601), tied(256, 255)])
    assert.deepStrictEqual(tokens, [3, 257, 600, 255])
  })

  it("labels have their log-probability over the whole vocabulary, suppressed tokens with it", async () => {
    const labels = [0, 2, 999, 2]
    const slots = [1, 2, 3].map((seed) => ({ logits: random(vocabulary, seed), temperature: 0.3, u: 0.5 }))
    const { numbers } = await run(session!, slots, labels)
    const found = numbers(names.labelLogProbs)
    slots.forEach(({ logits }, i) =>
      labels.forEach((id, l) => {
        const wanted = logits[id]! - logSumExp(logits)
        assert.isBelow(Math.abs(found[i * labels.length + l]! - wanted), 1e-5)
      })
    )
    assert.deepStrictEqual((await run(session!, slots)).numbers(names.labelLogProbs), [])
  })

  it("the likeliest come for the slots that want them, by falling probability, the lowest id first of equals", async () => {
    const flat = new Float32Array(vocabulary)
    const all = [random(vocabulary, 5), random(vocabulary, 6), flat, random(vocabulary, 7), random(vocabulary, 8)]
    const slots = all.map((logits, i) => ({ logits, temperature: i === 4 ? 0 : 0.5, wantsTop: i !== 1 }))
    const { numbers } = await run(session!, slots)
    const ids = numbers(names.topIds)
    const given = [names.topProbabilities, names.topLogProbs].map(numbers)
    slots
      .filter(({ wantsTop }) => wantsTop)
      .forEach(({ logits, temperature }, line) => {
        const allowed = suppress(logits, never)
        const order = Array.from(allowed.keys()).toSorted((a, b) => allowed[b]! - allowed[a]! || a - b)
        const wanted = distribution(allowed, [], { temperature })
        assert.deepStrictEqual(ids.slice(line * TOP, (line + 1) * TOP), order.slice(0, TOP))
        order.slice(0, TOP).forEach((id, rank) => {
          const [p, logProb] = given.map((all) => all[line * TOP + rank]!)
          assert.isBelow(Math.abs(p! - wanted[id]!), 1e-5)
          assert.isBelow(Math.abs(logProb! - (allowed[id]! - logSumExp(allowed))), 1e-5)
        })
      })
  })

  it("the mean log-probability of all that may be drawn comes with the likeliest", async () => {
    const slots = [1, 2, 3].map((seed) => ({
      logits: random(vocabulary, seed),
      temperature: 0.3,
      wantsTop: seed !== 2
    }))
    const { numbers } = await run(session!, slots)
    const means = numbers(names.meanLogProb)
    slots
      .filter(({ wantsTop }) => wantsTop)
      .forEach(({ logits }, line) => {
        const allowed = suppress(logits, never)
        const drawable = allowed.filter((_, id) => !never.includes(id))
        const mean = drawable.reduce((sum, x) => sum + x, 0) / drawable.length - logSumExp(allowed)
        assert.isBelow(Math.abs(means[line]! - mean), 1e-5)
      })
  })

  it("logits come for the slots that ask, that draw an end, or whose likeliest hold too little, and for no others", async () => {
    const flat = random(vocabulary, 1, 0.01)
    const sharp = random(vocabulary, 2, 6)
    const ending = random(vocabulary, 3)
    ending[8] = 60
    const held = (logits: Float32Array) =>
      Array.from(distribution(suppress(logits, never), [], { temperature: 1 }))
        .toSorted((a, b) => b - a)
        .slice(0, TOP)
        .reduce((a, b) => a + b, 0)
    assert.isBelow(held(flat), 0.3)
    assert.isAbove(held(sharp), 0.9)
    const cases: ReadonlyArray<readonly [Asked, boolean]> = [
      [{ logits: flat, u: 0.5 }, false],
      [{ logits: sharp, u: 0.5, mass: 2 }, true],
      [{ logits: flat, u: 0.5, mass: 0.9, wantsTop: true }, true],
      [{ logits: flat, u: 0.5, mass: 0.2, wantsTop: true }, false],
      [{ logits: sharp, u: 0.5, mass: 0.9, wantsTop: true }, false],
      [{ logits: flat, u: 0.5, mass: 0.9 }, false],
      [{ logits: ending, u: 0.5 }, true],
      [{ logits: flat, u: 0.5, mass: 2, wantsTop: true }, true],
      [{ logits: sharp, u: 0.5 }, false]
    ]
    for (const some of [cases, cases.slice(0, 1), cases.slice(3), cases.toReversed()]) {
      const { has, numbers } = await run(
        session!,
        some.map(([slot]) => slot)
      )
      assert.deepStrictEqual(
        has,
        some.map(([, wanted]) => wanted)
      )
      const given = some.filter(([, wanted]) => wanted).flatMap(([{ logits }]) => [...logits])
      assert.deepStrictEqual(numbers(names.logits), given)
    }
  })

  it("temperature and the others' wishes change nothing of a slot", async () => {
    const one = { logits: random(vocabulary, 9), u: 0.3 }
    const other = { logits: random(vocabulary, 10), temperature: 0, mass: 2, wantsTop: true }
    const alone = await run(session!, [one], [5])
    const beside = await run(session!, [other, one, other], [5])
    assert.strictEqual(beside.tokens[1], alone.tokens[0])
    assert.strictEqual(beside.numbers(names.labelLogProbs)[1], alone.numbers(names.labelLogProbs)[0])
  })
})
