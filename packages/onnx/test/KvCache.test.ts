import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Entry, gather, KvCache, type Slab } from "../src/KvCache.ts"

const shape = { layers: 1, kvHeads: 2, headDim: 3 }

/** A slab whose every number tells its row, head and token. */
const slabOf = (rows: ReadonlyArray<ReadonlyArray<number | undefined>>): Slab => {
  const slots = Math.max(...rows.map((row) => row.length))
  const filled = Uint8Array.from(
    rows.flatMap((row) => Array.from({ length: slots }, (_, s) => (row[s] === undefined ? 0 : 1)))
  )
  const numbers = rows.flatMap((row) =>
    [0, 1].flatMap((head) =>
      Array.from({ length: slots }, (_, s) =>
        [0, 1, 2].map((d) => (row[s] === undefined ? 9e9 : row[s]! * 100 + head * 10 + d))
      ).flat()
    )
  )
  return {
    rows: rows.length,
    slots,
    filled,
    cache: [Float32Array.from(numbers), Float32Array.from(numbers, (x) => -x)]
  }
}
const entry = (slab: Slab, row: number, ids: ReadonlyArray<number>, shared = false): Entry => ({
  slab,
  row,
  ids,
  shared,
  logits: new Float32Array(1)
})

describe("gather", () => {
  it("takes the same rows in the same order without a copy", () => {
    const slab = slabOf([
      [1, 2],
      [3, 4]
    ])
    assert.strictEqual(gather([entry(slab, 0, [1, 2]), entry(slab, 1, [3, 4])], shape), slab)
    assert.notStrictEqual(gather([entry(slab, 1, [3, 4]), entry(slab, 0, [1, 2])], shape), slab)
    assert.notStrictEqual(gather([entry(slab, 0, [1, 2])], shape), slab)
  })

  it("closes holes and pads to the longest row; a hole's content is never read", () => {
    const slab = slabOf([
      [1, undefined, 2, 3],
      [4, 5, undefined, undefined]
    ])
    const made = gather([entry(slab, 1, [4, 5]), undefined, entry(slab, 0, [1, 2, 3])], shape)
    assert.deepStrictEqual([...made.filled], [1, 1, 0, 0, 0, 0, 1, 1, 1])
    const wanted = slabOf([[4, 5], [undefined], [1, 2, 3]])
    made.cache.forEach((tensor, t) =>
      tensor.forEach((x, i) => assert.strictEqual(x, Math.abs(wanted.cache[t]![i]!) > 8e9 ? 0 : wanted.cache[t]![i]))
    )
  })
})

describe("KvCache", () => {
  const small = () => slabOf([[1]])
  const bytes = small().cache.reduce((sum, t) => sum + t.byteLength, 0)

  it("finds the longest known beginning", () => {
    const cache = new KvCache(1e9)
    const [a, b] = [entry(small(), 0, [1, 2]), entry(small(), 0, [1, 2, 3])]
    cache.add(a)
    cache.add(b)
    assert.strictEqual(cache.find([1, 2, 3, 4]), b)
    assert.strictEqual(cache.find([1, 2, 9]), a)
    assert.isUndefined(cache.find([2, 1]))
    assert.isUndefined(cache.find([]))
  })

  it("agrees with looking at every entry", () => {
    const ids = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 12 }), ids, (known, wanted) => {
        const cache = new KvCache(1e9)
        for (const k of known) cache.add(entry(small(), 0, k))
        const best = known
          .filter((k) => k.every((id, i) => id === wanted[i]))
          .toSorted((a, b) => b.length - a.length)[0]
        assert.deepStrictEqual(cache.find(wanted)?.ids, best)
      })
    )
  })

  it("gives up the longest unused first, and only as much as needed", () => {
    const cache = new KvCache(2 * bytes)
    cache.add(entry(small(), 0, [1]))
    cache.add(entry(small(), 0, [2]))
    cache.find([1])
    cache.add(entry(small(), 0, [3]))
    assert.isUndefined(cache.find([2]))
    assert.isDefined(cache.find([1]))
    assert.isDefined(cache.find([3]))
    assert.strictEqual(cache.bytes, 2 * bytes)
  })

  it("counts a slab once, and frees it with its last row", () => {
    const cache = new KvCache(1e9)
    const slab = slabOf([[1], [2]])
    const [a, b] = [entry(slab, 0, [1]), entry(slab, 1, [2])]
    cache.add(a)
    cache.add(b)
    assert.strictEqual(cache.bytes, 2 * bytes)
    cache.add(entry(small(), 0, [1, 5]), a)
    assert.strictEqual(cache.bytes, 3 * bytes)
    cache.add(entry(small(), 0, [2, 5]), b)
    assert.strictEqual(cache.bytes, 2 * bytes)
  })

  it("keeps a shared prompt when one of its drafts goes on", () => {
    const cache = new KvCache(1e9)
    const prompt = entry(small(), 0, [1], true)
    cache.add(prompt)
    cache.add(entry(small(), 0, [1, 2]), prompt)
    assert.strictEqual(cache.find([1, 9]), prompt)
  })
})
