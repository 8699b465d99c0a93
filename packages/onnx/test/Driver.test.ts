import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type { Driver, Reading, StepRow } from "../src/Driver.ts"
import { open } from "../src/driver/NodeSession.ts"
import { openDriver } from "../src/driver/Open.ts"
import * as PlainGraph from "../src/driver/PlainGraph.ts"
import type { Signature } from "../src/driver/Session.ts"
import { difference } from "../src/driver/Verify.ts"
import * as Config from "../src/ModelConfig.ts"
import { logSumExp } from "../src/Sampler.ts"
import { fixture } from "./subjects.ts"

const config: Config.ModelConfig = {
  folder: "",
  graph: "model.onnx",
  layers: 1,
  heads: 2,
  kvHeads: 2,
  headDim: 4,
  context: 100,
  vocabulary: 9,
  endIds: new Set(),
  suppressed: [],
  past: ["past.0.key", "past.0.value"],
  present: ["present.0.key", "present.0.value"],
  logits: "logits",
  window: undefined
}

const tensor = (name: string, type: string, dims: ReadonlyArray<number | undefined>): Signature => ({
  name,
  type,
  dims
})
const cache = [undefined, 2, undefined, 4]
const good = [
  tensor("input_ids", "int64", [undefined, undefined]),
  tensor("attention_mask", "int64", [undefined, undefined]),
  tensor("past.0.key", "float32", cache),
  tensor("past.0.value", "float32", cache),
  tensor("logits", "float32", [undefined, undefined, 9]),
  tensor("present.0.key", "float32", cache),
  tensor("present.0.value", "float32", cache)
]
const check = (change: (all: ReadonlyArray<Signature>) => ReadonlyArray<Signature> = (all) => all) =>
  PlainGraph.check(config, { inputs: change(good.slice(0, 4)), outputs: change(good.slice(4)) })

describe("a graph", () => {
  it("with names, types and sizes of a decoder is fine, position ids or not, in half precision or not", () => {
    assert.isUndefined(check())
    assert.isUndefined(
      check((all) => [...all, ...(all[0]!.name === "input_ids" ? [tensor("position_ids", "int64", [])] : [])])
    )
    assert.isUndefined(check((all) => all.map((one) => (one.type === "float32" ? { ...one, type: "float16" } : one))))
    assert.isUndefined(check((all) => all.map((one) => ({ ...one, dims: one.dims.map(() => undefined) }))))
  })

  it.each([
    [tensor("past.0.key", "bfloat16", cache), /past\.0\.key in bfloat16, not float32 or float16/, /float32 export/],
    [tensor("logits", "int8", [undefined, undefined, 9]), /logits in int8/, /float32 export/],
    [tensor("input_ids", "int32", [undefined, undefined]), /input_ids in int32, not int64/, /export/],
    [
      tensor("logits", "float32", [undefined, undefined, 12]),
      /model\.onnx has logits of size 12 where its conf.* says 9/,
      /same export/
    ],
    [tensor("present.0.value", "float32", [undefined, 3, undefined, 4]), /of size 3 where .* says 2/, /same export/],
    [tensor("past.0.value", "float32", [undefined, 2, undefined, 8]), /of size 8 where .* says 4/, /same export/]
  ])("that has $name in $type $dims is refused, with what to do", (replaced, problem, advice) => {
    const found = check((all) => all.map((known) => (known.name === replaced.name ? replaced : known)))
    assert.match(found?.problem ?? "", problem)
    assert.match(found?.advice ?? "", advice)
    // Only a type that we cannot carry is a capability that we lack.
    assert.strictEqual(found?.capability !== undefined, / in /.test(found?.problem ?? ""))
  })

  it.each([
    ["input_ids", /lacks the inputs input_ids/],
    ["attention_mask", /lacks the inputs attention_mask/],
    ["past.0.value", /lacks the inputs past\.0\.value/],
    ["logits", /lacks the outputs logits/],
    ["present.0.key", /lacks the outputs present\.0\.key/]
  ])("without %s is refused", (name, problem) =>
    assert.match(check((all) => all.filter((one) => one.name !== name))?.problem ?? "", problem)
  )

  it("with inputs that are not known is refused", () => {
    const found = check((all) => [...all, ...(all[0]!.name === "input_ids" ? [tensor("pixels", "float32", [])] : [])])
    assert.match(found?.problem ?? "", /inputs that are not known: pixels/)
    assert.match(found?.advice ?? "", /Optimum/)
  })
})

const whole = (row: number) => ({ row, inverseTemperature: 1, uniform: 0, mass: 2, wantsTop: false })
const base = { own: 0, prefixLength: 0, ownLength: 0, expected: 0 }

/** Real models: attention written out, as one operator with a graph that counts positions by itself, and in branches. */
describe.each(["llama-gqa", "families/genai-qwen3", "families/merged-gpt-neox", "families/merged13-llama2"])(
  "the drivers of %s",
  (name) => {
    let rewritten: Driver | undefined = undefined
    let plain: Driver | undefined = undefined
    let vocabulary = 0
    beforeAll(async () => {
      const config = await Effect.runPromise(Config.read(fixture(name)))
      vocabulary = config.vocabulary
      rewritten = await openDriver(config, { threads: 1 }, open)
      plain = await openDriver(config, { threads: 1, graph: "plain" }, open)
    })
    afterAll(async () => {
      await rewritten?.close()
      await plain?.close()
    })

    let handles = 1
    const prompt = async (driver: Driver, ids: ReadonlyArray<number>, like?: { prefix: number; length: number }) => {
      const prefix = handles++
      driver.open(prefix, ids.length, like)
      const prefixLength = like?.length ?? 0
      const row: StepRow = { ...base, prefix, prefixLength, ids: ids.slice(prefixLength), store: "prefix" }
      const { readings } = await driver.step({ rows: [row], slots: [whole(0)], labels: [] })
      return { prefix, reading: readings[0]! }
    }
    const alone = async (ids: ReadonlyArray<number>): Promise<Float32Array> => {
      const { prefix, reading } = await prompt(plain!, ids)
      plain!.drop([prefix])
      return reading.logits!
    }
    const near = async (reading: Reading, ids: ReadonlyArray<number>) =>
      assert.isBelow(difference(reading.logits!, await alone(ids)), 1e-5, ids.join())

    it("are rewritten, and as they were exported", () => {
      assert.strictEqual(rewritten!.abilities.graph, "rewritten")
      assert.deepInclude(plain!.abilities, { graph: "plain", reason: "asked for" })
    })

    it("run rows of several prompts together, forked, questioned and rewound, as each alone", async () => {
      const driver = rewritten!
      const prompts = [[5, 6, 7, 8, 9], [5, 6, 7], [11]]
      const a = await prompt(driver, prompts[0]!)
      const b = await prompt(driver, prompts[1]!, { prefix: a.prefix, length: 2 })
      const c = await prompt(driver, prompts[2]!)
      const prefixes = [a, b, c].map(({ prefix }) => prefix)
      await near(b.reading, prompts[1]!)
      const own = prompts.map(() => [handles++, handles++])
      const answers = new Map<number, ReadonlyArray<number>>()
      const step = async (
        rows: ReadonlyArray<readonly [p: number, handle: number, ids: ReadonlyArray<number>]>,
        store: StepRow["store"]
      ) => {
        const all = rows.map(([p, handle, ids]): StepRow => {
          const ownLength = answers.get(handle)?.length ?? 0
          return {
            prefix: prefixes[p]!,
            prefixLength: prompts[p]!.length,
            own: handle,
            ownLength,
            ids,
            store,
            expected: 40
          }
        })
        const { readings } = await driver.step({ rows: all, slots: rows.map((_, i) => whole(i)), labels: [] })
        for (const [i, [p, handle, ids]] of rows.entries()) {
          const behind = [...(answers.get(handle) ?? []), ...ids]
          await near(readings[i]!, [...prompts[p]!, ...behind])
          if (store === "own") answers.set(handle, behind)
        }
      }
      await step(
        [
          [0, own[0]![0]!, [1]],
          [1, own[1]![0]!, [2, 3, 4]],
          [1, own[1]![1]!, [5]],
          [2, own[2]![0]!, [6, 7]]
        ],
        "own"
      )
      await step(
        [
          [2, own[2]![0]!, [9]],
          [0, own[0]![0]!, [8]]
        ],
        "own"
      )
      await step(
        [
          [1, own[1]![0]!, [30, 31, 32]],
          [0, own[0]![0]!, [33]]
        ],
        "nowhere"
      )
      driver.fork(own[1]![0]!, own[0]![1]!, 2)
      answers.set(own[0]![1]!, [2, 3])
      await step(
        [
          [1, own[0]![1]!, [20]],
          [1, own[1]![0]!, [21]],
          [2, own[2]![0]!, [22]]
        ],
        "own"
      )
      answers.set(own[1]![0]!, [2])
      await step(
        [
          [1, own[1]![0]!, [23, 24]],
          [1, own[1]![1]!, [25]]
        ],
        "own"
      )
      driver.drop([...prefixes, ...own.flat()])
    })

    it("read for each slot what it asks, several slots of a row and none of another", async () => {
      const { prefix } = await prompt(rewritten!, [5, 6, 7])
      const exact = [await alone([5, 6, 7, 1]), await alone([5, 6, 7, 2, 3])]
      const row = (own: number, ids: ReadonlyArray<number>): StepRow => ({
        ...base,
        prefix,
        prefixLength: 3,
        own,
        ids,
        store: "nowhere"
      })
      const [first, second] = [handles++, handles++]
      const rows = [row(first, [1]), row(second, [2, 3])]
      const slot = { inverseTemperature: 1e30, uniform: 0, mass: 0, wantsTop: false }
      const slots = [
        { ...slot, row: 1, wantsTop: true },
        { ...slot, row: 0 },
        { ...slot, row: 1, mass: 2 }
      ]
      const { readings } = await rewritten!.step({ rows, slots, labels: [4, 0] })
      for (const [i, at] of [1, 0, 1].entries()) {
        const [reading, logits] = [readings[i]!, exact[at]!]
        const likeliest = logits.indexOf(Math.max(...logits))
        assert.strictEqual(reading.token, likeliest)
        for (const [l, id] of [4, 0].entries())
          assert.isBelow(Math.abs(reading.labels![l]! - (logits[id]! - logSumExp(logits))), 1e-4)
        assert.strictEqual(reading.top?.ids[0], i === 0 ? likeliest : undefined)
        assert.strictEqual(reading.logits?.length, i === 2 ? vocabulary : undefined)
      }
      rewritten!.drop([prefix, first, second])
    })

    it("read prompts in any parts alike", async () => {
      const ids = [5, 6, 7, 8, 9, 10, 11, 12]
      const wanted = await alone(ids)
      const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 4 })
      const drivers = fc.constantFrom("rewritten", "plain")
      await fc.assert(
        fc.asyncProperty(cuts, drivers, async (cuts, which) => {
          const driver = which === "plain" ? plain! : rewritten!
          const prefix = handles++
          driver.open(prefix, ids.length)
          let last: Reading | undefined
          const ends = [...cuts.toSorted((a, b) => a - b), ids.length]
          for (const [i, end] of ends.entries()) {
            const start = ends[i - 1] ?? 0
            const row: StepRow = { ...base, prefix, prefixLength: start, ids: ids.slice(start, end), store: "prefix" }
            last = (await driver.step({ rows: [row], slots: [whole(0)], labels: [] })).readings[0]!
          }
          assert.isBelow(difference(last!.logits!, wanted), 1e-5)
          driver.drop([prefix])
        }),
        { numRuns: 15 }
      )
    })
  }
)
