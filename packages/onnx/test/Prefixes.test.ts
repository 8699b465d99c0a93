import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type Joined, Prefixes } from "../src/driver/Prefixes.ts"

const shape = { tensors: 4, kvHeads: 2, headDim: 3 }

/** A number for each token, tensor, head and element; never 0. */
const value = (token: number, tensor: number, head: number, d: number): number =>
  token * 100 + tensor * 20 + head * 5 + d + 1

/** [tensors * kvHeads, 1, new, headDim] */
const fresh = (tokens: ReadonlyArray<number>): Float32Array =>
  Float32Array.from(
    [0, 1, 2, 3].flatMap((tensor) =>
      [0, 1].flatMap((head) => tokens.flatMap((token) => [0, 1, 2].map((d) => value(token, tensor, head, d))))
    )
  )

/** Each group begins with its tokens; what stands behind them nobody sees. */
const check = ({ groups, length, tensors }: Joined, wanted: ReadonlyArray<ReadonlyArray<number>>): void => {
  assert.strictEqual(groups, wanted.length)
  assert.strictEqual(tensors.length, shape.tensors)
  tensors.forEach(({ data, dims }, tensor) => {
    assert.deepStrictEqual(dims, [2, groups, 1, length, 3])
    assert.strictEqual(data.length, 2 * groups * length * 3)
    wanted.forEach((tokens, group) =>
      tokens.forEach((token, at) => {
        for (const head of [0, 1]) {
          for (const d of [0, 1, 2])
            assert.strictEqual(data[((head * groups + group) * length + at) * 3 + d], value(token, tensor, head, d))
        }
      })
    )
  })
}

const stored = (prefixes: Prefixes, handle: number, tokens: ReadonlyArray<number>, chunk = tokens.length): void => {
  for (let at = 0; at < tokens.length; at += chunk) {
    const part = tokens.slice(at, at + chunk)
    prefixes.store(handle, fresh(part), at, part.length)
  }
}

describe("Prefixes", () => {
  it("keeps a prompt that is read at once without a copy", () => {
    const prefixes = new Prefixes(shape, () => true)
    prefixes.open(1, 2)
    const data = fresh([7, 8])
    prefixes.store(1, data, 0, 2)
    assert.strictEqual(prefixes.of([1]).tensors[3]!.data.buffer, data.buffer)
    check(prefixes.of([1]), [[7, 8]])
  })

  it("has room for what was read of a prompt, at most as much again, and in the end no more than the prompt", () => {
    const ids = Array.from({ length: 11 }, (_, i) => i + 1)
    const prefixes = new Prefixes(shape, () => true)
    prefixes.open(1, ids.length)
    const rooms = [0, 2, 4, 6, 8, 10].map((at) => {
      const part = ids.slice(at, at + 2)
      prefixes.store(1, fresh(part), at, part.length)
      check(prefixes.of([1]), [ids.slice(0, at + 2)])
      return prefixes.of([1]).length
    })
    assert.deepStrictEqual(rooms, [2, 4, 8, 8, 11, 11])
    prefixes.open(2, 100, { prefix: 1, length: 3 })
    assert.strictEqual(prefixes.of([2]).length, 3)
    check(prefixes.of([2, 1]), [ids.slice(0, 3), ids])
  })

  it("lays prompts of unlike lengths side by side, and makes that once while they are the same", () => {
    const prefixes = new Prefixes(shape, () => true)
    const all = [[1, 2, 3], [4], [5, 6]]
    all.forEach((tokens, i) => {
      prefixes.open(i + 1, tokens.length)
      stored(prefixes, i + 1, tokens)
    })
    const joined = prefixes.of([1, 2, 3])
    check(joined, all)
    assert.strictEqual(prefixes.of([1, 2, 3]), joined)
    check(prefixes.of([3, 1]), [
      [5, 6],
      [1, 2, 3]
    ])
    check(prefixes.of([1, 2, 3]), all)
  })

  it("forgets what it laid side by side with the first of those that are dropped", () => {
    const prefixes = new Prefixes(shape, () => true)
    for (const handle of [1, 2]) {
      prefixes.open(handle, 1)
      stored(prefixes, handle, [handle])
    }
    const joined = new WeakRef(prefixes.of([1, 2]))
    prefixes.drop(2)
    prefixes.open(2, 1)
    stored(prefixes, 2, [9])
    assert.notStrictEqual(prefixes.of([1, 2]), joined.deref())
    check(prefixes.of([1, 2]), [[1], [9]])
  })

  it("holds just the tokens stored, whatever the chunks and whatever they were begun like", () => {
    const tokens = fc.array(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 7 })
    const one = fc.tuple(tokens, fc.integer({ min: 1, max: 4 }), fc.nat(), fc.nat())
    const groups = fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), { maxLength: 4 })
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 6 }), groups, fc.nat(), (all, groups, gone) => {
        const prefixes = new Prefixes(shape, () => true)
        const known: Array<ReadonlyArray<number>> = []
        all.forEach(([own, chunk, of, share], handle) => {
          const like = known[of % all.length]
          const length = like === undefined ? 0 : share % (like.length + 1)
          const ids = [...(like ?? []).slice(0, length), ...own]
          if (length > 0) prefixes.open(handle, ids.length, { prefix: of % all.length, length })
          else prefixes.open(handle, ids.length)
          for (let at = length; at < ids.length; at += chunk)
            prefixes.store(handle, fresh(ids.slice(at, at + chunk)), at, ids.slice(at, at + chunk).length)
          known.push(ids)
        })
        for (const group of groups) {
          const handles = [...new Set(group.map((x) => x % all.length))]
          check(
            prefixes.of(handles),
            handles.map((handle) => known[handle]!)
          )
        }
        prefixes.drop(gone % all.length)
        assert.strictEqual(prefixes.size, all.length - 1)
        known.forEach((ids, handle) => handle === gone % all.length || check(prefixes.of([handle]), [ids]))
      })
    )
  })
})
