import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { KvCache, type Prefix, type Row } from "../src/KvCache.ts"

const [PER_TOKEN, PER_LOGITS] = [10, 7]
const make = (limit = 1e9) => new KvCache(limit, PER_TOKEN, PER_LOGITS)
const logits = new Float32Array(1)

const read = (cache: KvCache, ids: ReadonlyArray<number>): Prefix => {
  const prefix = cache.addPrefix(ids)
  prefix.read = ids.length
  return prefix
}
const add = (cache: KvCache, prefix: Prefix, ids: ReadonlyArray<number>): Row => {
  const row = cache.addRow(prefix)
  row.ids = ids
  return row
}
const nobody = () => false
const common = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const at = a.findIndex((id, i) => id !== b[i])
  return at < 0 ? a.length : at
}
const few = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 6 })

describe("prompts", () => {
  it("are found by their tokens, whole", () => {
    const cache = make()
    const [a, b] = [read(cache, [1, 2]), read(cache, [1, 2, 3])]
    assert.strictEqual(cache.prefix([1, 2]), a)
    assert.strictEqual(cache.prefix([1, 2, 3]), b)
    for (const other of [[1], [2, 1], [1, 2, 3, 4], []]) assert.isUndefined(cache.prefix(other))
  })

  it("are not found any longer once they are forgotten, by the very same array either", () => {
    const cache = make()
    const ids = [1, 2]
    const prefix = read(cache, ids)
    assert.strictEqual(cache.prefix(ids), prefix)
    cache.forget(prefix)
    assert.isUndefined(cache.prefix(ids))
    const next = read(cache, ids)
    assert.strictEqual(cache.prefix(ids), next)
  })

  it("give the one that begins most alike, of what was read of it, as looking at all of them does", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(few, fc.nat()), { maxLength: 8 }), few, (known, wanted) => {
        const cache = make()
        for (const [ids, read] of known) cache.addPrefix(ids).read = read % (ids.length + 1)
        const best = Math.max(0, ...known.map(([ids, read]) => Math.min(common(ids, wanted), read % (ids.length + 1))))
        const found = cache.alike(wanted)
        assert.strictEqual(found?.length ?? 0, best)
        if (found === undefined) return
        assert.deepStrictEqual(found.prefix.ids.slice(0, best), wanted.slice(0, best))
        assert.isAtLeast(found.prefix.read, best)
      })
    )
  })
})

describe("rows", () => {
  it("give the one that begins most alike, the shorter of equals, as looking at all of them does", () => {
    fc.assert(
      fc.property(fc.array(few, { maxLength: 10 }), few, (known, wanted) => {
        const cache = make()
        const [prefix, other] = [read(cache, [9]), read(cache, [8])]
        add(cache, other, wanted)
        for (const ids of known) add(cache, prefix, ids)
        const found = cache.row(prefix, wanted)
        const best = Math.max(0, ...known.map((ids) => common(ids, wanted)))
        assert.strictEqual(found?.length ?? 0, best)
        if (found === undefined) return
        assert.strictEqual(found.row.prefix, prefix)
        const alike = known.filter((ids) => common(ids, wanted) === best)
        assert.strictEqual(found.row.ids.length, Math.min(...alike.map((ids) => ids.length)))
      })
    )
  })

  it("have handles of their own, and none is given twice", () => {
    const cache = make()
    const prefix = read(cache, [1])
    const all = [prefix.handle, add(cache, prefix, [1]).handle, cache.handle(), read(cache, [2]).handle]
    cache.forget(prefix)
    all.push(cache.handle(), read(cache, [1]).handle)
    assert.strictEqual(new Set(all).size, all.length)
  })

  it("are forgotten with their prompt, alone, and told by their handles", () => {
    const cache = make()
    const prefix = read(cache, [1])
    const [a, b, c] = [add(cache, prefix, [1]), add(cache, prefix, [2]), add(cache, prefix, [3])]
    assert.deepStrictEqual(cache.forget(a), [a.handle])
    assert.deepStrictEqual([cache.has(a), cache.has(b), cache.has(prefix), cache.rows], [false, true, true, 2])
    assert.deepStrictEqual(new Set(cache.forget(prefix)), new Set([prefix.handle, b.handle, c.handle]))
    assert.deepStrictEqual(
      [cache.has(b), cache.has(prefix), cache.rows, cache.prefixes, cache.bytes],
      [false, false, 0, 0, 0]
    )
  })
})

describe("room", () => {
  const filled = () => {
    const cache = make(10 * PER_TOKEN)
    const prefix = read(cache, [1, 2, 3, 4])
    const rows = [
      [1, 1],
      [2, 2],
      [3, 3]
    ].map((ids) => add(cache, prefix, ids))
    return { cache, prefix, rows: rows as [Row, Row, Row] }
  }

  it("is counted in tokens, and in logits where they are kept", () => {
    const { cache, prefix, rows } = filled()
    assert.strictEqual(cache.bytes, 10 * PER_TOKEN)
    prefix.logits = rows[0].logits = logits
    assert.strictEqual(cache.bytes, 10 * PER_TOKEN + 2 * PER_LOGITS)
  })

  it("is made of the longest unused, and of no more than are needed", () => {
    const { cache, prefix, rows } = filled()
    assert.deepStrictEqual(cache.makeRoom(0, nobody), [])
    cache.use(rows[0])
    assert.deepStrictEqual(cache.makeRoom(1, nobody), [rows[1].handle])
    assert.isTrue(cache.has(prefix) && cache.has(rows[0]) && cache.has(rows[2]))
    assert.strictEqual(cache.bytes, 8 * PER_TOKEN)
  })

  it("counts a row that was only just added as the youngest", () => {
    const { cache, prefix, rows } = filled()
    for (const row of rows) cache.use(row)
    const added = add(cache, prefix, [])
    cache.makeRoom(5 * PER_TOKEN, nobody)
    assert.deepStrictEqual(
      [...rows, added].map((row) => cache.has(row)),
      [false, false, false, true]
    )
  })

  it("spares what is in use", () => {
    const { cache, prefix, rows } = filled()
    assert.deepStrictEqual(
      cache.makeRoom(1, (one) => one === prefix || one === rows[0]),
      [rows[1].handle]
    )
  })

  it("is made of drafts before their prompt, which goes with its last draft if it must", () => {
    const { cache, prefix, rows } = filled()
    const other = read(cache, [5, 6])
    const freed = cache.makeRoom(10 * PER_TOKEN, (one) => one === other)
    assert.deepStrictEqual(freed, [...rows.map((row) => row.handle), prefix.handle])
    assert.strictEqual(cache.bytes, 2 * PER_TOKEN)
  })

  it("is made until it is enough or all that is not in use is gone, the longest unused first", () => {
    const one = fc.record({ prompt: few, rows: fc.array(few, { maxLength: 4 }) })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 5 }), fc.nat({ max: 60 }), fc.nat({ max: 60 }), (all, limit, needed) => {
        const cache = make(limit * PER_TOKEN)
        const prefixes = all.map(({ prompt, rows }) => {
          const prefix = read(cache, prompt)
          for (const ids of rows) cache.use(add(cache, prefix, ids))
          return prefix
        })
        const rows = prefixes.flatMap((prefix) => [...prefix.rows])
        const before = cache.rows + cache.prefixes
        const freed = cache.makeRoom(needed * PER_TOKEN, nobody)
        const isEnough = cache.bytes <= (limit - needed) * PER_TOKEN
        assert.isTrue(isEnough || cache.rows + cache.prefixes === 0)
        assert.strictEqual(new Set(freed).size, before - cache.rows - cache.prefixes)
        const youngestGone = Math.max(0, ...rows.filter((row) => !cache.has(row)).map((row) => row.used))
        assert.isTrue(rows.every((row) => !cache.has(row) || row.used > youngestGone))
      })
    )
  })
})
