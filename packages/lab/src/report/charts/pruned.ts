/**
 * What was dropped at each cut and what it would have become; and the same by dropping at random.
 */
import type { TopLevelSpec } from "vega-lite"
import { type Chart, colour, type Width, words } from "../Chart.ts"
import type { Fate } from "../Fate.ts"
import { percent } from "../numbers.ts"

const parts = {
  "kept, right": colour("blue"),
  "kept, wrong": colour("pale"),
  "dropped, wrong": colour("faint"),
  "dropped, right": colour("orange")
} as const

const shares = ({ came, cameRight, dropped, right }: Fate): ReadonlyArray<number> => {
  const keptRight = cameRight - right.count
  return [keptRight, came - dropped - keptRight, dropped - right.count, right.count].map((count) => count / came)
}

export const cutName = ({ after, policy }: Fate): string => `${policy}, after ${after}`

const padding = { left: 8, right: 16, top: 8 } as const
const MARGIN = padding.left + padding.right

/** Rows without an axis: their names stand above them, for they are as long as the plot is wide on a phone. */
const rowOf = (fates: ReadonlyArray<Fate>) =>
  ({ field: "cut", type: "nominal", sort: fates.map(cutName), axis: null, scale: { paddingInner: 0 } }) as const

const names = (fates: ReadonlyArray<Fate>, rise: number) =>
  words({
    data: fates.map((one) => ({ cut: cutName(one) })),
    color: "ink",
    mark: { align: "left", baseline: "bottom", dx: 2, dy: -rise },
    encoding: { y: rowOf(fates), x: { value: 0 }, text: { field: "cut" } }
  })

const fateSpec =
  (fates: ReadonlyArray<Fate>) =>
  (width: Width): TopLevelSpec => ({
    width: width - MARGIN,
    height: { step: 46 },
    autosize: { type: "none" },
    padding: { ...padding, bottom: width === 340 ? 96 : 78 },
    layer: [
      {
        data: {
          values: fates.flatMap((fate) =>
            shares(fate).map((share, order) => ({ cut: cutName(fate), fate: Object.keys(parts)[order], share, order }))
          )
        },
        mark: { type: "bar", height: 18, yOffset: 8 },
        encoding: {
          y: rowOf(fates),
          x: {
            field: "share",
            type: "quantitative",
            title: "drafts that came to the cut",
            axis: { format: ".0%", tickCount: 4, grid: false },
            scale: { domain: [0, 1], nice: false }
          },
          order: { field: "order", type: "quantitative" },
          color: {
            field: "fate",
            type: "nominal",
            scale: { domain: Object.keys(parts), range: Object.values(parts) },
            legend: { columns: width === 340 ? 2 : 4 }
          }
        }
      },
      ...names(fates, 3)
    ]
  })

const percents = (part: number, whole: number) => (whole === 0 ? "none" : percent(part / whole))

export const fate = (fates: ReadonlyArray<Fate>): Chart => ({
  title: "What was dropped, and what it would have become",
  caption:
    "Drafts as they are when they are drawn to their end. A right one that was dropped is a loss only where no right one stayed: see below.",
  description: fates
    .map(
      (one) =>
        `${cutName(one)}: ${percents(one.dropped, one.came)} of the drafts dropped, of these ${percents(one.right.count, one.dropped)} right`
    )
    .join("; "),
  spec: fateSpec(fates)
})

const titles = {
  right: ["Dropped drafts that were right", "of the dropped drafts"],
  all: ["Rounds that pruning left without a right draft", "of the rounds that came with right drafts"],
  only: ["Single right drafts that were dropped", "of the problems with one right draft in all"]
} as const
export type Loss = keyof typeof titles

const hows = { policy: "by the policy", random: "as many at random" } as const

const row = (one: Fate, key: Loss) => {
  const { atRandom, share } = one[key]
  const cut = cutName(one)
  return [
    { cut, ...share, how: hows.policy },
    { cut, ...atRandom, how: hows.random }
  ].filter(({ value }) => !Number.isNaN(value))
}

const color = {
  field: "how",
  type: "nominal",
  scale: { domain: Object.values(hows), range: [colour("blue"), colour("quiet")] }
} as const
const shape = { ...color, scale: { domain: Object.values(hows), range: ["circle", "diamond"] } } as const

const lossSpec =
  (fates: ReadonlyArray<Fate>, key: Loss) =>
  (width: Width): TopLevelSpec => {
    const axis = { format: ".1~%", tickCount: 4 } as const
    const x = { field: "value", type: "quantitative", title: titles[key][1], axis } as const
    const y = rowOf(fates)
    const data = { values: fates.flatMap((one) => row(one, key)) }
    return {
      width: width - MARGIN,
      height: { step: 34 },
      autosize: { type: "none" },
      padding: { ...padding, bottom: 92 },
      layer: [
        {
          data,
          mark: { type: "rule", strokeWidth: 2, opacity: 0.5, yOffset: 8 },
          encoding: { y, x: { ...x, field: "low" }, x2: { field: "high" }, color }
        },
        {
          data,
          mark: { type: "point", filled: true, size: 70, opacity: 1, yOffset: 8 },
          encoding: { y, x, color, shape }
        },
        ...names(fates, -3)
      ]
    }
  }

export const loss = (fates: ReadonlyArray<Fate>, key: Loss): Chart => ({
  title: titles[key][0],
  caption: "Left of its grey diamond a policy knows what it drops. Lines: 95% intervals.",
  description: fates
    .map((one) => {
      const { atRandom, share } = one[key]
      return `${cutName(one)}: ${percent(share.value)} ${titles[key][1]}, at random ${percent(atRandom.value)}`
    })
    .join("; "),
  spec: lossSpec(fates, key)
})
