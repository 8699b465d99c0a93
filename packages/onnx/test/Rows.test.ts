import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Rows, type Table } from "../src/driver/Rows.ts"

const shape = { tensors: 2, kvHeads: 2, headDim: 3 }

const value = (token: number, tensor: number, head: number, d: number): number =>
  token * 100 + tensor * 20 + head * 5 + d + 1

/** [tensors * kvHeads, rows, new, headDim], where the others' and the padding are of no account. */
const fresh = (seats: number, step: number, rows: ReadonlyMap<number, ReadonlyArray<number>>): Float32Array => {
  const out = new Float32Array(4 * seats * step * 3).fill(NaN)
  for (let line = 0; line < 4; line++) {
    for (const [seat, tokens] of rows) {
      tokens.forEach((token, at) => {
        for (const d of [0, 1, 2])
          out[((line * seats + seat) * step + at) * 3 + d] = value(token, Math.floor(line / 2), line % 2, d)
      })
    }
  }
  return out
}

/** The row's seat among those of its group holds just these tokens, first. */
const check = (table: Table, handle: number, group: number, tokens: ReadonlyArray<number>): void => {
  const { capacity, seats, tensors, width } = table
  const seat = seats.indexOf(handle)
  assert.strictEqual(Math.floor(seat / width), group, `row ${handle} stands with its prompt`)
  assert.strictEqual(seats.lastIndexOf(handle), seat)
  tensors.forEach(({ data, dims }, tensor) => {
    assert.deepStrictEqual(dims, [2, seats.length, 1, capacity, 3])
    assert.strictEqual(data.length, 2 * seats.length * capacity * 3)
    tokens.forEach((token, at) => {
      for (const head of [0, 1]) {
        for (const d of [0, 1, 2])
          assert.strictEqual(
            data[((head * seats.length + seat) * capacity + at) * 3 + d],
            value(token, tensor, head, d)
          )
      }
    })
  })
}

/** Rows with an oracle beside them: arrays of tokens. */
class Both {
  readonly rows = new Rows(shape, () => true)
  readonly known = new Map<number, ReadonlyArray<number>>()

  /**
   * Runs these rows together, as a driver does: those that get new tokens forget what is more than kept; the others are
   * only looked at, maybe for fewer tokens than they have.
   */
  step(groups: ReadonlyArray<ReadonlyArray<{ handle: number; kept: number; add: ReadonlyArray<number> }>>): Table {
    const all = groups.flat()
    for (const { add, handle, kept } of all) {
      if (add.length === 0) continue
      this.rows.rewind(handle, kept)
      this.known.set(handle, (this.known.get(handle) ?? []).slice(0, kept))
    }
    const needed = Math.max(
      1,
      ...all.map(({ add, handle, kept }) => Math.min(kept, this.known.get(handle)?.length ?? 0) + add.length)
    )
    const handles = groups.map((group) => group.map(({ handle }) => handle))
    const table = this.rows.seat(handles, needed, needed)
    assert.isAtLeast(table.capacity, needed)
    groups.forEach((group, g) => group.forEach(({ handle }) => check(table, handle, g, this.known.get(handle) ?? [])))
    const step = Math.max(1, ...all.map(({ add }) => add.length))
    const data = fresh(
      table.seats.length,
      step,
      new Map(all.map(({ add, handle }) => [table.seats.indexOf(handle), add]))
    )
    const added = all.filter(({ add }) => add.length > 0)
    const at = (handle: number) => this.known.get(handle)?.length ?? 0
    this.rows.store(
      added.map(({ add, handle }) => ({ handle, at: at(handle), count: add.length })),
      data,
      step
    )
    for (const { add, handle } of all) this.known.set(handle, [...(this.known.get(handle) ?? []), ...add])
    return table
  }

  fork(from: number, to: number, length: number): void {
    this.rows.fork(from, to, length)
    const known = this.known.get(from)
    if (known !== undefined) this.known.set(to, known.slice(0, length))
  }

  drop(handle: number): void {
    this.rows.drop(handle)
    this.known.delete(handle)
  }
}

const row = (handle: number, ...add: ReadonlyArray<number>) => ({ handle, kept: 99, add })

describe("Rows", () => {
  it("stay in their table from step to step, and in a larger one when they have grown", () => {
    const both = new Both()
    const tables = new Set<Table>()
    for (let i = 0; i < 100; i++) tables.add(both.step([[row(1, i), row(2, i + 500)]]))
    assert.isAtLeast(tables.size, 2)
    assert.isAtMost(tables.size, 4)
  })

  it.each([
    [1, 3, 8],
    [1, 100, 104],
    [100, 100, 128],
    [1, 5000, 136],
    [300, 5000, 456]
  ])("that have %i tokens and will have %i get room for %i", (needed, expected, room) => {
    assert.strictEqual(new Rows(shape, () => true).seat([[1]], needed, expected).capacity, room)
  })

  it("leave an idle seat when one of many pauses, and move together when many do", () => {
    const both = new Both()
    const all = Array.from({ length: 16 }, (_, i) => i + 1)
    const first = both.step([all.map((handle) => row(handle, handle))])
    assert.strictEqual(both.step([all.slice(1).map((handle) => row(handle, handle))]), first)
    both.drop(1)
    assert.isUndefined(first.seats[0])
    const second = both.step([all.slice(4).map((handle) => row(handle, handle))])
    assert.notStrictEqual(second, first)
    assert.strictEqual(second.seats.length, 12)
    // Those that paused are where they were.
    both.step([[row(2), row(3), row(4)]])
  })

  it("of several prompts have as many seats each, however many stand in them", () => {
    const both = new Both()
    const table = both.step([[row(1, 5)], [row(2, 6), row(3, 7), row(4, 8)], [row(5, 9), row(6, 10)]])
    assert.deepStrictEqual([table.width, table.seats.length], [3, 9])
    both.step([[row(5, 1)], [row(1, 2), row(2, 3)]])
  })

  it("that are only looked at, for fewer tokens than they have, lose none", () => {
    const both = new Both()
    both.step([[row(1, ...Array.from({ length: 40 }, (_, i) => i))]])
    both.step([[{ handle: 1, kept: 2, add: [] }, row(2, 7)]])
    both.step([[row(1, 8)], [row(2, 9)]])
  })

  it("frees each row once", () => {
    const both = new Both()
    both.step([[row(1, 5), row(2, 6)]])
    both.fork(1, 3, 1)
    assert.strictEqual(both.rows.size, 3)
    for (const handle of [1, 1, 2, 9]) both.drop(handle)
    assert.deepStrictEqual([both.rows.size, both.rows.has(1), both.rows.has(3)], [1, false, true])
    both.step([[row(3, 8)]])
  })

  it("hold just the tokens stored after any sequence of steps, rewinds, forks and drops", () => {
    const seated = fc.record({
      handle: fc.integer({ min: 1, max: 7 }),
      kept: fc.nat({ max: 40 }),
      add: fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 20 })
    })
    const groups = fc.array(fc.array(seated, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 })
    const action = fc.oneof(
      { weight: 4, arbitrary: groups.map((groups) => ({ type: "step", groups }) as const) },
      {
        weight: 1,
        arbitrary: fc.record({ type: fc.constant("fork" as const), from: fc.nat({ max: 7 }), length: fc.nat() })
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("drop" as const), handle: fc.nat({ max: 7 }) }) }
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 15 }), (actions) => {
        const both = new Both()
        let forks = 100
        for (const one of actions) {
          if (one.type === "drop") both.drop(one.handle)
          else if (one.type === "fork") {
            const length = both.known.get(one.from)?.length ?? 0
            both.fork(one.from, forks++, one.length % (length + 1))
          } else {
            const seen = new Set<number>()
            const groups = one.groups.map((group) =>
              group.filter(({ handle }) => !seen.has(handle) && seen.add(handle) !== undefined)
            )
            both.step(groups.filter((group) => group.length > 0))
          }
          assert.strictEqual(both.rows.size, both.known.size)
        }
        for (const [handle, tokens] of both.known)
          check(both.rows.seat([[handle]], tokens.length, 0), handle, 0, tokens)
      })
    )
  })
})

describe("memory that rows have left", () => {
  const left = (isIdle: boolean) => {
    const rows = new Rows(shape, () => isIdle)
    const arrays = (table: Table) => table.tensors.map(({ data }) => data)
    const before = arrays(rows.seat([[1, 2]], 1, 1))
    const now = arrays(rows.seat([[1, 2]], 100, 100))
    const lengths = (all: ReadonlyArray<{ readonly length: number }>) => all.map(({ length }) => length > 0)
    const moved = [lengths(before), lengths(now)]
    rows.drop(1)
    const halfLeft = lengths(now)
    rows.drop(2)
    return [...moved, halfLeft, lengths(now)]
  }
  const [gone, there] = [
    [false, false],
    [true, true]
  ]

  it("is given back at once", () => assert.deepStrictEqual(left(true), [gone, there, there, gone]))
  it("stays while a run may read it", () => assert.deepStrictEqual(left(false), [there, there, there, there]))
})
