/**
 * How well scores order the drafts of a problem, by depth.
 */
import type { TopLevelSpec } from "vega-lite"
import type { PositionDef } from "vega-lite/types_unstable/channeldef.js"
import type { Estimate } from "../../Bootstrap.ts"
import * as Depth from "../../Depth.ts"
import type { Quality, Signal } from "../../Signal.ts"
import { type Chart, colour, level, type Width } from "../Chart.ts"
import { fixed } from "../numbers.ts"

const series = {
  within: "self-evaluation, within problems",
  meanLogProb: "mean log-probability, within problems",
  pooled: "self-evaluation, all drafts together"
} as const

/** The axis says of what. */
const short = (depth: Depth.Depth): string => Depth.title(depth).replace("after ", "")

const rows = ({ depths }: Signal) =>
  depths.flatMap((quality) =>
    (Object.keys(series) as ReadonlyArray<keyof typeof series>).flatMap((key) =>
      row(quality, series[key], quality[key])
    )
  )

const row = ({ depth }: Quality, name: string, { high, low, value }: Estimate) =>
  Number.isNaN(value)
    ? []
    : [
        {
          series: name,
          depth: short(depth),
          // A line goes on among tokens, and among shares, not from one to the other.
          unit: "tokens" in depth ? "tokens" : "share",
          auroc: value,
          low: Number.isNaN(low) ? value : low,
          high: Number.isNaN(high) ? value : high
        }
      ]

/** Below stand the axis and the legend. */
const padding = { left: 60, right: 8, top: 8, bottom: 112 } as const

const chance = [{ auroc: 0.5, name: "chance" }]

const color = {
  field: "series",
  type: "nominal",
  scale: { domain: Object.values(series), range: [colour("blue"), colour("orange"), colour("quiet")] }
} as const

const shape = {
  field: "series",
  type: "nominal",
  scale: { domain: Object.values(series), range: ["circle", "diamond", "square"] }
} as const

const depthAxis = ({ depths }: Signal): PositionDef<string> => ({
  field: "depth",
  type: "ordinal",
  sort: depths.map(({ depth }) => short(depth)),
  title: "tokens or share of the draft that was read",
  axis: { labelAngle: 0, labelOverlap: true, grid: false }
})

const spec =
  (signal: Signal) =>
  (width: Width): TopLevelSpec => {
    const values = rows(signal)
    const domain = [Math.min(0.45, ...values.map(({ low }) => low)), 1]
    const x = depthAxis(signal)
    const y: PositionDef<string> = {
      field: "auroc",
      type: "quantitative",
      title: "AUROC",
      scale: { domain, nice: false }
    }
    return {
      width: width - padding.left - padding.right,
      height: 260,
      autosize: { type: "none" },
      padding,
      data: { values },
      layer: [
        ...level(chance, y),
        {
          mark: { type: "line", strokeWidth: 2 },
          encoding: { x, y, color, detail: { field: "unit", type: "nominal" } }
        },
        {
          mark: { type: "rule", strokeWidth: 2, opacity: 0.5 },
          encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color }
        },
        { mark: { type: "point", filled: true, size: 60, opacity: 1 }, encoding: { x, y, color, shape } }
      ]
    }
  }

const describe = ({ depths }: Signal): string => {
  const told = depths.map(
    ({ depth, meanLogProb, within }) =>
      `${Depth.title(depth)}: ${fixed(within.value, 2)}, mean log-probability ${fixed(meanLogProb.value, 2)}`
  )
  return `AUROC within problems of self-evaluation, by depth; 0.5 is chance. ${told.join("; ")}.`
}

export const auroc = (signal: Signal): Chart => ({
  title: "How well scores tell right drafts from wrong ones",
  caption:
    "AUROC: how often a right draft has a higher score than a wrong one. Choosing and pruning need it within problems; of all drafts together it mostly tells hard problems from easy ones. Vertical lines: 95% intervals.",
  description: describe(signal),
  spec: spec(signal)
})
