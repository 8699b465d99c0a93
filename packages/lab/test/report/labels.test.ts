import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { place, type Spot } from "../../src/report/labels.ts"

const area = { width: 600, height: 300 }

/** As wide as letters are drawn, for certain. */
const box = ({ text, x, y }: { readonly text: string; readonly x: number; readonly y: number }) => ({
  left: x - 3 * text.length,
  right: x + 3 * text.length,
  top: y - 6,
  bottom: y + 6
})

type Box = ReturnType<typeof box>

const meets = (a: Box, b: Box) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

describe("place", () => {
  it("gives every point the name of its own, or its number where there is no room", () => {
    const spot = (i: number): Spot => ({ x: 590, y: 12 + 2 * i, texts: ["a long name of a policy", String(i)] })
    const placed = place([spot(1), spot(2), spot(3), spot(4)], area)
    assert.strictEqual(placed[0]!.text, "a long name of a policy")
    assert.isTrue(placed.some(({ text }) => text.length === 1))
  })

  it("leaves a name out rather than write it over another", () => {
    const spots = Array.from({ length: 60 }, (_, i) => ({ x: 300, y: 150 + i / 60, texts: [String(i)] }))
    const placed = place(spots, area)
    assert.isAbove(placed.length, 5)
    assert.isBelow(placed.length, 60)
  })

  it("keeps names inside, off points and off each other", () => {
    const spots = FastCheck.array(
      FastCheck.record({ x: FastCheck.integer({ min: 20, max: 580 }), y: FastCheck.integer({ min: 20, max: 280 }) }),
      { maxLength: 8 }
    )
    FastCheck.assert(
      FastCheck.property(spots, (all) => {
        const placed = place(
          all.map((spot, i) => ({ ...spot, texts: [`policy ${i}`, String(i)] })),
          area
        )
        const names = placed.map(box)
        for (const [i, one] of names.entries()) {
          assert.isTrue(one.left >= 0 && one.right <= area.width && one.top >= 0 && one.bottom <= area.height)
          assert.isFalse(names.some((other, j) => j !== i && meets(one, other)))
          assert.isFalse(all.some(({ x, y }) => meets(one, { left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 })))
        }
      })
    )
  })
})
