import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { StepRow } from "../src/Driver.ts"
import * as Mask from "../src/driver/Mask.ts"

const row = (prefixLength: number, ownLength: number, count: number): StepRow => ({
  prefix: 1,
  prefixLength,
  own: 2,
  ownLength,
  ids: Array.from({ length: count }, () => 0),
  store: "own",
  expected: 0
})

/** Where the token in a slot stands in its row; undefined where the slot holds none of the row's. */
const positionOf = ({ ids, ownLength, prefixLength }: StepRow, slot: number, prefix: number, own: number) => {
  if (slot < prefix) return slot < prefixLength ? slot : undefined
  if (slot < prefix + own) return slot - prefix < ownLength ? prefixLength + slot - prefix : undefined
  return slot - prefix - own < ids.length ? prefixLength + ownLength + slot - prefix - own : undefined
}

const sizes = fc.record({
  prefix: fc.integer({ min: 1, max: 6 }),
  own: fc.integer({ min: 1, max: 5 }),
  fresh: fc.integer({ min: 1, max: 4 })
})
const share = fc.double({ min: 0, max: 1, noNaN: true })
const rows = fc.array(fc.option(fc.tuple(share, share, share), { nil: undefined }), { minLength: 1, maxLength: 5 })
const windows = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined })

describe("a mask", () => {
  it("lets each new token see what is before it in its row and itself, within the window, and nothing else", () => {
    fc.assert(
      fc.property(sizes, rows, windows, ({ fresh, own, prefix }, shares, window) => {
        const all = shares.map((one) =>
          one === undefined
            ? undefined
            : row(Math.round(one[0] * prefix), Math.round(one[1] * own), 1 + Math.round(one[2] * (fresh - 1)))
        )
        const { data, dims, type } = Mask.make(all, { prefix, own, fresh }, window)
        const width = prefix + own + fresh
        assert.deepStrictEqual([type, dims], ["float32", [1, all.length, 1, fresh, width]])
        all.forEach((one, r) => {
          for (let token = 0; token < fresh; token++) {
            for (let slot = 0; slot < width; slot++) {
              const mine = one !== undefined && token < one.ids.length ? one.prefixLength + one.ownLength + token : -1
              const at = one === undefined ? undefined : positionOf(one, slot, prefix, own)
              const isSeen = at !== undefined && at <= mine && (window === undefined || mine - at < window)
              const value = Number(data[(r * fresh + token) * width + slot])
              assert.isTrue(isSeen ? value === 0 : value <= -1e29, `row ${r}, token ${token}, slot ${slot}`)
            }
          }
        })
      })
    )
  })

  it("is finite everywhere, so that an idle seat makes no NaN", () =>
    assert.isTrue(
      Mask.make([undefined, row(0, 0, 1)], { prefix: 1, own: 1, fresh: 2 }, undefined).data.every((x) =>
        Number.isFinite(Number(x))
      )
    ))
})
