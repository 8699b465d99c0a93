/**
 * What all charts look like, and a chart as SVG.
 */
import { parse, View } from "vega"
import { compile, type TopLevelSpec } from "vega-lite"

export const INK = "#2b2b2b"

export const config = {
  background: "white",
  font: "DejaVu Sans, Verdana, sans-serif",
  view: { stroke: "#d5d5d5" },
  title: { color: INK, fontSize: 14, anchor: "start", offset: 12, subtitleColor: "#555", subtitleFontSize: 11 },
  axis: { labelColor: INK, titleColor: INK, gridColor: "#ececec", labelFontSize: 11, titleFontSize: 12 },
  header: { labelColor: INK, titleColor: INK, labelFontSize: 12 },
  legend: { labelColor: INK, titleColor: INK, labelFontSize: 11, labelLimit: 320 }
} as const

export const svg = (spec: TopLevelSpec): Promise<string> =>
  new View(parse(compile(spec).spec), { renderer: "none" }).toSVG()
