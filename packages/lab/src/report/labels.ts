/**
 * Names beside the points of a chart, as far as there is room. (Vega's own placing needs a canvas.)
 */

/** In pixels from the plot's upper left corner. */
export interface Spot {
  readonly x: number
  readonly y: number
  /** The first that fits is taken. */
  readonly texts: ReadonlyArray<string>
}

export interface Label {
  readonly text: string
  /** Of its middle. */
  readonly x: number
  readonly y: number
}

export interface Area {
  readonly width: number
  readonly height: number
}

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Letters of 12 pixels, a wide one each: fonts differ. */
const LETTER = 6.6
const HEIGHT = 13
const POINT = 6

const around = (x: number, y: number, width: number, height: number): Box => ({
  left: x - width / 2,
  right: x + width / 2,
  top: y - height / 2,
  bottom: y + height / 2
})

const meets = (a: Box, b: Box): boolean => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

const isInside = ({ bottom, left, right, top }: Box, { height, width }: Area): boolean =>
  left >= 0 && right <= width && top >= 0 && bottom <= height

/** To the right first, then round the point. */
const sides = [
  [1, 0],
  [-1, 0],
  [0, -1],
  [0, 1],
  [1, -1],
  [1, 1],
  [-1, -1],
  [-1, 1]
] as const

/** A text may stand off where there is no room beside the point, if it is short: else nobody knows whose it is. */
const distances = (text: string): ReadonlyArray<number> => (text.length > 3 ? [1] : [1, 2, 3])

const labelsOf = ({ texts, x, y }: Spot): ReadonlyArray<Label & { readonly box: Box }> =>
  texts.flatMap((text) => {
    const width = LETTER * text.length
    return distances(text).flatMap((far) =>
      sides.map(([right, down]) => {
        const middle = { x: x + right * (POINT + 2 + width / 2), y: y + down * (POINT + HEIGHT / 2) * far }
        return { text, ...middle, box: around(middle.x, middle.y, width, HEIGHT) }
      })
    )
  })

/** The first spots are served best; where there is no room a spot has none. */
export const place = (spots: ReadonlyArray<Spot>, area: Area): ReadonlyArray<Label> => {
  const taken = spots.map(({ x, y }) => around(x, y, 2 * POINT, 2 * POINT))
  return spots.flatMap((spot) => {
    const found = labelsOf(spot).find(({ box }) => isInside(box, area) && !taken.some((other) => meets(box, other)))
    if (found === undefined) return []
    taken.push(found.box)
    return [{ text: found.text, x: found.x, y: found.y }]
  })
}
