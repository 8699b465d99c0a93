import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Batches from "../src/Batches.ts"
import type { Planned } from "../src/Batches.ts"
import { KvCache } from "../src/KvCache.ts"
import type { Job } from "../src/Request.ts"

const limits: Batches.Limits = { maxTokens: 100, isRagged: true, appends: true, isGrouped: true }
const prompts = [[1, 2, 3], [4], [5, 6]]

/** A cache of 1 byte a token with these prompts, and these answers behind the first. */
const filled = (limit = 1e6, answers: ReadonlyArray<ReadonlyArray<number>> = []) => {
  const cache = new KvCache(limit, 1, 0)
  for (const ids of prompts) cache.addPrefix(ids).read = ids.length
  for (const ids of answers) cache.addRow(cache.prefix(prompts[0]!)!).ids = ids
  return cache
}
const job = (answer: ReadonlyArray<number>, prompt = 0, keep = true): Job => ({
  prompt: prompts[prompt]!,
  answer,
  keep,
  order: 0,
  onRead: () => {},
  resume: () => Effect.void
})
const passes = (cache: KvCache, jobs: ReadonlyArray<Job>, some: Partial<Batches.Limits> = {}) =>
  Batches.of(Batches.plan(jobs, cache), cache, { ...limits, ...some })
const answers = (all: ReadonlyArray<ReadonlyArray<Planned>>) => all.map((rows) => rows.map(({ ids }) => ids.join("")))
const missing = ({ ids, known }: Planned): number => ids.length - known

describe("plan", () => {
  it("makes one row of those who ask for the same tokens, which is kept if one of them keeps it", () => {
    const jobs = [job([7], 0, false), job([8], 0, false), job([7]), job([7], 1), job([8], 0, false)]
    const rows = Batches.plan(jobs, filled())
    assert.deepStrictEqual(
      rows.map((row) => [row.prefix.ids[0], row.ids, row.jobs.length, row.store]),
      [
        [1, [7], 2, "own"],
        [1, [8], 2, "nowhere"],
        [4, [7], 1, "own"]
      ]
    )
  })

  it.each([
    ["goes on", [[7, 8]], [7, 8, 9], true, 2, false],
    ["is longer: a draft forks it", [[7, 8]], [7, 9], true, 1, true],
    ["is longer: a question only looks", [[7, 8]], [7, 9, 9], false, 1, false],
    ["is all of it: the last token is read again", [[7, 8]], [7, 8], true, 1, false],
    ["is another's", [[8, 8]], [7, 8], true, 0, false],
    ["begins most alike", [[7], [7, 8, 9], [7, 8]], [7, 8, 1], true, 2, false]
  ])("finds the row that %s", (_, known, answer, keep, count, isForked) => {
    const [row] = Batches.plan([job(answer, 0, keep)], filled(1e6, known))
    assert.deepStrictEqual([row!.known, row!.isForked], [count, isForked])
    assert.deepStrictEqual(row!.row?.ids.slice(0, count) ?? [], answer.slice(0, count))
  })
})

describe("passes", () => {
  it("hold single tokens apart from longer stretches, and those by length up to the limit", () => {
    const cache = filled(1e6, [[7], [8]])
    const jobs = [
      [7, 1],
      [9, 9, 9],
      [8, 1],
      [6, 6],
      [5, 5, 5, 5]
    ].map((ids) => job(ids))
    assert.deepStrictEqual(answers(passes(cache, jobs)), [
      ["71", "81"],
      ["66", "999", "5555"]
    ])
    assert.deepStrictEqual(answers(passes(cache, jobs, { maxTokens: 6 })), [["71", "81"], ["66", "999"], ["5555"]])
    assert.deepStrictEqual(answers(passes(cache, jobs, { maxTokens: 1 })), [["71"], ["81"], ["66"], ["999"], ["5555"]])
  })

  it("seat a row once: who wants it besides gets a copy", () => {
    const cache = filled(1e6, [[7, 8]])
    const [rows] = passes(cache, [job([7, 8, 1]), job([7, 8, 2]), job([7, 8, 3])])
    assert.deepStrictEqual(
      rows!.map(({ isForked, known }) => [isForked, known]),
      [
        [false, 2],
        [true, 2],
        [true, 2]
      ]
    )
  })

  it("take the first rows that fit into memory with their prompts, and one in any case", () => {
    const jobs = [job([7]), job([8]), job([9, 9], 2), job([1], 1)]
    // 3 + 1, then 1 more of the same prompt, then 2 + 2, then 1 + 1.
    for (const [limit, count] of [
      [0, 1],
      [4, 1],
      [5, 2],
      [8, 2],
      [9, 3],
      [10, 3],
      [11, 4]
    ] as const)
      assert.strictEqual(passes(filled(limit), jobs).flat().length, count, `${limit} bytes`)
  })

  it("put prompts together that have about as many rows, where the graph wants as many seats for each", () => {
    const jobs = [...[1, 2, 3, 4].map((id) => job([id])), ...[1, 2, 3].map((id) => job([id], 1)), job([1], 2)]
    const sizes = (some?: Partial<Batches.Limits>) =>
      passes(filled(), jobs, some).map((rows) => rows.map(({ prefix }) => prefix.ids.length).join(""))
    assert.deepStrictEqual(sizes(), ["3333111", "2"])
    assert.deepStrictEqual(sizes({ isGrouped: false }), ["33331112"])
  })

  it("serve everybody once, within what the graph can, whatever is asked", () => {
    const ids = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 5 })
    const asked = fc.tuple(ids, fc.nat({ max: 2 }), fc.boolean())
    const some = fc.record({
      maxTokens: fc.integer({ min: 1, max: 12 }),
      isRagged: fc.boolean(),
      appends: fc.boolean(),
      isGrouped: fc.boolean()
    })
    fc.assert(
      fc.property(
        fc.array(ids, { maxLength: 4 }),
        fc.array(asked, { minLength: 1, maxLength: 10 }),
        some,
        (known, asked, some) => {
          const cache = filled(1e6, known)
          const jobs = asked.map((one) => job(...one))
          const all = passes(cache, jobs, some)
          const served = all.flatMap((rows) => rows.flatMap((row) => row.jobs))
          assert.strictEqual(served.length, jobs.length)
          assert.strictEqual(new Set(served).size, jobs.length)
          const seats = all.flat().flatMap(({ isForked, row }) => (row === undefined || isForked ? [] : [row]))
          assert.strictEqual(new Set(seats).size, seats.length)
          for (const rows of all) {
            const longest = Math.max(...rows.map(missing))
            assert.isTrue(rows.length === 1 || longest * rows.length <= some.maxTokens)
            assert.isTrue(some.appends || rows.length === 1 || longest === 1)
            const totals = rows.map((row) => `${row.prefix.ids.length + row.ids.length}:${missing(row)}`)
            assert.isTrue(some.isRagged || new Set(totals).size === 1)
            assert.strictEqual(new Set(rows.map((row) => missing(row) === 1)).size, 1)
            for (const row of rows) assert.isTrue(row.known < row.ids.length && row.known <= (row.row?.ids.length ?? 0))
          }
        }
      )
    )
  })
})
