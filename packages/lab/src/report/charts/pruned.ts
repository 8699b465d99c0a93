/**
 * What was dropped at each cut and what it would have become; and the same by dropping at random.
 */
import type { TopLevelSpec } from "vega-lite"
import { type Chart, colour, type Width } from "../Chart.ts"
import type { Fate, Lost } from "../Fate.ts"
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

/** A policy's name above, the cut below: `name, after 12`. */
export const cutName = ({ after, policy }: Fate): string => `${policy}, after ${after}`

const labelLimit = (width: Width) => (width === 340 ? 130 : 260)

const nameAxis = (fates: ReadonlyArray<Fate>, width: Width) =>
  ({
    field: "cut",
    type: "nominal",
    title: null,
    sort: fates.map(cutName),
    axis: { labelLimit: labelLimit(width), domain: false, ticks: false }
  }) as const

const fateSpec =
  (fates: ReadonlyArray<Fate>) =>
  (width: Width): TopLevelSpec => ({
    width,
    height: { step: 34 },
    autosize: { type: "fit-x", contains: "padding" },
    data: {
      values: fates.flatMap((fate) =>
        shares(fate).map((share, order) => ({ cut: cutName(fate), fate: Object.keys(parts)[order], share, order }))
      )
    },
    mark: { type: "bar", height: 20 },
    encoding: {
      y: nameAxis(fates, width),
      x: {
        field: "share",
        type: "quantitative",
        title: "drafts that came to the cut",
        axis: { format: ".0%", tickCount: 4 },
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
  })

export const fate = (fates: ReadonlyArray<Fate>): Chart => ({
  title: "What was dropped, and what it would have become",
  description: fates
    .map(
      (one) =>
        `${cutName(one)}: ${percent(one.dropped / one.came)} dropped, of them ${percent(one.right.share.value)} would have been right`
    )
    .join("; "),
  spec: fateSpec(fates)
})

const losses = {
  right: "dropped drafts that were right",
  all: "rounds left without a right draft",
  only: "problems' only right drafts, dropped"
} as const

const hows = { policy: "by the policy", random: "at random" } as const

const row = (one: Fate, key: keyof typeof losses, { atRandom, share }: Lost) => {
  const common = { cut: cutName(one), loss: losses[key] }
  return [
    { ...common, how: hows.policy, share: share.value, low: share.low, high: share.high },
    { ...common, how: hows.random, share: atRandom.value, low: atRandom.low, high: atRandom.high }
  ].filter((each) => !Number.isNaN(each.share))
}

const lossSpec =
  (fates: ReadonlyArray<Fate>) =>
  (width: Width): TopLevelSpec => {
    const color = {
      field: "how",
      type: "nominal",
      scale: { domain: Object.values(hows), range: [colour("blue"), colour("quiet")] }
    } as const
    const shape = { ...color, scale: { domain: Object.values(hows), range: ["circle", "diamond"] } } as const
    const x = { field: "share", type: "quantitative", title: null, axis: { format: ".0%", tickCount: 4 } } as const
    const y = { ...nameAxis(fates, width) }
    const keys = Object.keys(losses) as ReadonlyArray<keyof typeof losses>
    return {
      data: { values: fates.flatMap((one) => keys.flatMap((key) => row(one, key, one[key]))) },
      facet: { field: "loss", type: "nominal", title: null, sort: Object.values(losses) },
      columns: 1,
      spacing: 14,
      spec: {
        width: width - labelLimit(width) - 40,
        height: { step: 26 },
        layer: [
          {
            mark: { type: "rule", strokeWidth: 2, opacity: 0.5 },
            encoding: { y, x: { ...x, field: "low" }, x2: { field: "high" }, color }
          },
          { mark: { type: "point", filled: true, size: 70, opacity: 1 }, encoding: { y, x, color, shape } }
        ]
      }
    }
  }

export const loss = (fates: ReadonlyArray<Fate>): Chart => ({
  title: "What pruning lost, beside dropping as many at random",
  description: fates
    .map(
      ({ right, ...one }) =>
        `${cutName({ right, ...one })}: ${percent(right.share.value)} of the dropped were right, at random ${percent(right.atRandom.value)}`
    )
    .join("; "),
  spec: lossSpec(fates)
})
