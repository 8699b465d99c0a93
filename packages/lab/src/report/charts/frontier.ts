/**
 * Accuracy against tokens, every policy a point.
 */
import type { TopLevelSpec } from "vega-lite"
import type { PositionDef } from "vega-lite/types_unstable/channeldef.js"
import type { UnitSpec } from "vega-lite/types_unstable/spec/index.js"
import { type Chart, colour, level, type Width, words } from "../Chart.ts"
import { type Label, place } from "../labels.ts"
import { amount, percent } from "../numbers.ts"
import { front, type Point } from "../Point.ts"

const value = ({ cost, isFront, kind, row }: Point) => {
  const ink = colour(kind === "given" ? "blue" : "quiet")
  const { high, low, value: accuracy } = row.accuracy
  return { name: row.name, cost, accuracy, low, high, ink, ground: isFront ? ink : colour("paper") }
}

const HEIGHT = 400
const padding = { left: 66, right: 8, top: 20, bottom: 46 } as const
const MARGIN = padding.left + padding.right

interface Domains {
  readonly cost: readonly [low: number, high: number]
  readonly accuracy: readonly [low: number, high: number]
}

const domainsOf = (points: ReadonlyArray<Point>): Domains => {
  const costs = points.map(({ cost }) => cost)
  const lows = points.map(({ row }) => row.accuracy.low)
  const highs = points.map(({ row }) => row.accuracy.high)
  return {
    cost: [Math.min(...costs) / 1.25, Math.max(...costs) * 1.25],
    accuracy: [Math.max(0, Math.min(...lows) - 0.01), Math.min(1, Math.max(...highs) + 0.01)]
  }
}

const axes = (readPrice: number, { accuracy, cost }: Domains) => {
  const x: PositionDef<string> = {
    field: "cost",
    type: "quantitative",
    title: `tokens of a problem: drawn + ${readPrice} × read`,
    scale: { type: "log", nice: false, domain: [...cost] },
    axis: { grid: false, tickCount: 6, format: "~s", labelOverlap: true }
  }
  const y: PositionDef<string> = {
    field: "accuracy",
    type: "quantitative",
    title: "mean grade",
    scale: { zero: false, nice: false, domain: [...accuracy] },
    axis: { format: ".0%" }
  }
  return { x, y }
}

/** Those that matter first. Numbers are rows of the table. */
const labels = (points: ReadonlyArray<Point>, width: Width, { accuracy, cost }: Domains): ReadonlyArray<Label> => {
  const area = { width: width - MARGIN, height: HEIGHT }
  const shown = points
    .map((point, i) => ({ ...point, number: String(i + 1) }))
    .filter(({ kind }) => kind !== "possible")
    .toSorted((a, b) => Number(b.isFront) - Number(a.isFront))
  const share = (value: number, [low, high]: readonly [number, number]) => (value - low) / (high - low)
  const logs = [Math.log(cost[0]), Math.log(cost[1])] as const
  const spots = shown.map(({ cost: own, number, row }) => ({
    x: area.width * share(Math.log(own), logs),
    y: area.height * (1 - share(row.accuracy.value, accuracy)),
    texts: width === 340 ? [number] : [row.name, number]
  }))
  return place(spots, area)
}

const color = { field: "ink", type: "nominal", scale: null } as const
const fill = { field: "ground", type: "nominal", scale: null } as const

/** What is measured of each policy, and the way along those that no other betters. */
const marks = (points: ReadonlyArray<Point>, { x, y }: ReturnType<typeof axes>): ReadonlyArray<UnitSpec<string>> => {
  const data = { values: points.map(value) }
  return [
    {
      data: { values: front(points).map(value) },
      mark: { type: "line", interpolate: "step-after", color: colour("blue"), strokeWidth: 1.5, opacity: 0.7 },
      encoding: { x, y, order: { field: "cost", type: "quantitative" } }
    },
    {
      data,
      mark: { type: "rule", opacity: 0.3 },
      encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color }
    },
    {
      data,
      mark: { type: "point", size: 70, strokeWidth: 2, opacity: 1 },
      encoding: { x, y, color, fill }
    }
  ]
}

const spec =
  (points: ReadonlyArray<Point>, readPrice: number) =>
  (width: Width): TopLevelSpec => {
    const domains = domainsOf(points)
    const both = axes(readPrice, domains)
    const [possible, real] = [true, false].map((is) => points.filter(({ kind }) => (kind === "possible") === is))
    return {
      width: width - MARGIN,
      height: HEIGHT,
      autosize: { type: "none" },
      padding,
      layer: [
        ...level(possible!.map(value), both.y),
        ...marks(real!, both),
        ...words({
          data: labels(points, width, domains),
          color: "ink",
          encoding: {
            x: { field: "x", type: "quantitative", scale: null },
            y: { field: "y", type: "quantitative", scale: null },
            text: { field: "text" }
          }
        })
      ]
    }
  }

const describe = (points: ReadonlyArray<Point>): string => {
  const told = front(points).map(
    ({ cost, row }) => `${row.name}: ${percent(row.accuracy.value)} for ${amount(cost)} tokens`
  )
  return `${points.length} policies. From cheap to dear, those that no other betters: ${told.join("; ")}.`
}

export const frontier = (points: ReadonlyArray<Point>, readPrice: number): Chart => ({
  title: "Accuracy against tokens",
  caption:
    "Filled, and joined: no other policy is as cheap and as often right. Vertical lines: each policy's 95% interval; as all see the same problems, their differences are surer than the lines say. Numbers: rows of the table; where there is no room a point has none.",
  description: describe(points),
  spec: spec(points, readPrice)
})
