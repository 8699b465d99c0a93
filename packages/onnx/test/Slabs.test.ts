import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { gather, type Part, type Slab } from "../src/driver/Slabs.ts"

const shape = { layers: 1, kvHeads: 2, headDim: 3, isHalf: false }

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
const part = (slab: Slab, row: number, count: number): Part => ({ slab, row, count })

/** The tokens that a slab holds, read back row by row; every number of a token must be its own. */
const tokensOf = ({ cache, filled, rows, slots }: Slab): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: rows }, (_, row) =>
    Array.from({ length: slots }, (_, slot) => slot)
      .filter((slot) => filled[row * slots + slot] === 1)
      .map((slot) => {
        const at = (head: number, d: number) => ((row * 2 + head) * slots + slot) * 3 + d
        const token = Math.floor(cache[0]![at(0, 0)]! / 100)
        for (const head of [0, 1]) {
          for (const d of [0, 1, 2]) {
            assert.strictEqual(cache[0]![at(head, d)], token * 100 + head * 10 + d)
            assert.strictEqual(cache[1]![at(head, d)], -(token * 100 + head * 10 + d))
          }
        }
        return token
      })
  )

describe("gather", () => {
  it("takes the same rows in the same order without a copy", () => {
    const slab = slabOf([
      [1, 2],
      [3, 4]
    ])
    assert.strictEqual(gather([part(slab, 0, 2), part(slab, 1, 2)], shape), slab)
    assert.notStrictEqual(gather([part(slab, 1, 2), part(slab, 0, 2)], shape), slab)
    assert.notStrictEqual(gather([part(slab, 0, 2)], shape), slab)
    assert.notStrictEqual(gather([part(slab, 0, 2), part(slab, 1, 1)], shape), slab)
  })

  it("closes holes and pads to the longest row; a hole's content is never read", () => {
    const slab = slabOf([
      [1, undefined, 2, 3],
      [4, 5, undefined, undefined]
    ])
    const made = gather([part(slab, 1, 2), undefined, part(slab, 0, 3)], shape)
    assert.deepStrictEqual([...made.filled], [1, 1, 0, 0, 0, 0, 1, 1, 1])
    const wanted = slabOf([[4, 5], [undefined], [1, 2, 3]])
    made.cache.forEach((tensor, t) =>
      tensor.forEach((x, i) => assert.strictEqual(x, Math.abs(wanted.cache[t]![i]!) > 8e9 ? 0 : wanted.cache[t]![i]))
    )
  })

  it("carries half precision as its bits", () => {
    const slab: Slab = { rows: 1, slots: 2, filled: Uint8Array.of(1, 1), cache: [Uint16Array.of(0x3c00, 0xfc01)] }
    const made = gather([part(slab, 0, 1), undefined], { layers: 0.5, kvHeads: 1, headDim: 1, isHalf: true })
    assert.instanceOf(made.cache[0], Uint16Array)
    assert.deepStrictEqual([...made.cache[0]!], [0x3c00, 0])
  })

  it("holds just the first tokens of each row, in order, whatever the holes and the lengths", () => {
    const slots = fc.array(fc.option(fc.integer({ min: 1, max: 900 }), { nil: undefined }), {
      minLength: 1,
      maxLength: 6
    })
    const slabs = fc.array(slots, { minLength: 1, maxLength: 4 })
    const picks = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(slabs, { minLength: 1, maxLength: 3 }), picks, (all, picks) => {
        const made = all.map(slabOf)
        const wanted: Array<ReadonlyArray<number>> = []
        const parts = picks.map(([s, r, c, isNone]) => {
          const [rows, slab] = [all[s % all.length]!, made[s % all.length]!]
          const tokens = rows[r % rows.length]!.filter((token) => token !== undefined)
          const count = c % (tokens.length + 1)
          wanted.push(isNone ? [] : tokens.slice(0, count))
          return isNone ? undefined : part(slab, r % rows.length, count)
        })
        assert.deepStrictEqual(tokensOf(gather(parts, shape)), wanted)
      })
    )
  })
})
