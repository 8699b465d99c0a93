/**
 * Whether scores hold what they promise, a panel for each depth.
 */
import type { TopLevelSpec } from "vega-lite"
import type { PositionDef } from "vega-lite/types_unstable/channeldef.js"
import * as Depth from "../../Depth.ts"
import type { Quality, Signal } from "../../Signal.ts"
import { type Chart, colour, type Width } from "../Chart.ts"
import { fixed } from "../numbers.ts"

const panel = ({ depth, ece }: Quality) => `${Depth.title(depth)}: ECE ${fixed(ece.value, 3)}`

const rows = ({ depths }: Signal) =>
  depths.flatMap((quality) => quality.bins.map((bin) => ({ ...bin, panel: panel(quality), x: 0, y: 0, end: 1 })))

const axis = (field: string, title: string): PositionDef<string> => ({
  field,
  type: "quantitative",
  title,
  scale: { domain: [0, 1] },
  axis: { values: [0, 0.5, 1], format: "~g" }
})
const across = (field: string) => axis(field, "mean score")
const up = (field: string) => axis(field, "win or tie")

const spec =
  (signal: Signal) =>
  (width: Width): TopLevelSpec => {
    const columns = width === 340 ? 2 : 4
    const size = width === 340 ? 115 : 166
    const [x, y] = [across("score"), up("outcome")]
    return {
      data: { values: rows(signal) },
      facet: { field: "panel", type: "nominal", title: null, sort: signal.depths.map(panel) },
      columns,
      spacing: 18,
      resolve: { axis: { x: "independent" } },
      spec: {
        width: size,
        height: size,
        layer: [
          {
            mark: { type: "rule", color: colour("quiet"), strokeDash: [3, 3] },
            encoding: {
              x: across("x"),
              y: up("y"),
              x2: { field: "end" },
              y2: { field: "end" }
            }
          },
          { mark: { type: "line", strokeWidth: 1.5, color: colour("blue") }, encoding: { x, y } },
          {
            mark: { type: "point", filled: true, opacity: 0.8, color: colour("blue") },
            encoding: {
              x,
              y,
              size: { field: "count", type: "quantitative", legend: null, scale: { range: [16, 260] } }
            }
          }
        ]
      }
    }
  }

const describe = ({ depths }: Signal): string => {
  const told = depths.map(({ depth, ece }) => `${Depth.title(depth)} ${fixed(ece.value, 3)}`)
  return `Reliability curves. Expected calibration error: ${told.join("; ")}.`
}

export const reliability = (signal: Signal): Chart => ({
  title: "What a score promises, and what came of it",
  caption:
    "Mean score of drafts against the share of their siblings that they do not lose to, in ten bins; the area is the number of drafts. On the dotted line a score holds what it promises. ECE: the expected calibration error, its mean distance from that line.",
  description: describe(signal),
  spec: spec(signal)
})
