/**
 * The charts of the model card, as SVG.
 */
import type { TopLevelSpec } from "vega-lite"
import type { PositionDef } from "vega-lite/types_unstable/channeldef.js"
import { config, INK, svg } from "../../chart.ts"
import type { Recorded } from "./Recorded.ts"
import type { Chosen } from "./cuts.ts"
import { accuracy, aurocByDepth, prunedFates, reliability } from "./curves.ts"
import type { Figure } from "./Figure.ts"

const BLUE = "#2f6fb3"
const ORANGE = "#d9772b"
const GREEN = "#3f8f5f"
const GREY = "#8a8a8a"

const WIDTH = 420
const HEIGHT = 320

const rows = (values: ReadonlyArray<object>) => ({ values: values.map((value) => ({ ...value })) })

const reliabilityChart = (recorded: Recorded): TopLevelSpec => ({
  config,
  padding: 12,
  title: {
    text: "What a score promises, and what came of it",
    subtitle: "Mix of traffic, ten bins; the area is the number of drafts"
  },
  width: HEIGHT,
  height: HEIGHT,
  layer: [
    {
      data: rows([
        { score: 0, outcome: 0 },
        { score: 1, outcome: 1 }
      ]),
      mark: { type: "line", color: GREY, strokeDash: [4, 4], strokeWidth: 1 },
      encoding: { x: { field: "score", type: "quantitative" }, y: { field: "outcome", type: "quantitative" } }
    },
    {
      data: rows(reliability(recorded)),
      mark: { type: "line", point: false, strokeWidth: 1.5 },
      encoding: {
        x: { field: "score", type: "quantitative", title: "mean score", scale: { domain: [0, 1] } },
        y: {
          field: "outcome",
          type: "quantitative",
          title: "right, or no worse than a restart",
          scale: { domain: [0, 1] }
        },
        color: readColor
      }
    },
    {
      data: rows(reliability(recorded)),
      mark: { type: "point", filled: true, opacity: 0.75 },
      encoding: {
        x: { field: "score", type: "quantitative" },
        y: { field: "outcome", type: "quantitative" },
        color: readColor,
        size: { field: "count", type: "quantitative", legend: null, scale: { range: [25, 350] } }
      }
    }
  ]
})

const readColor = {
  field: "read",
  type: "nominal",
  title: null,
  scale: { domain: ["at a quarter", "at a half", "at the end"], range: [ORANGE, GREEN, BLUE] }
} as const

const familyColor = {
  field: "family",
  type: "nominal",
  title: null,
  legend: { symbolOpacity: 1, symbolType: "circle" },
  scale: { domain: ["countdown", "maze", "arithmetic"], range: [BLUE, GREEN, ORANGE] }
} as const

const depthAxis: PositionDef<string> = {
  field: "depth",
  type: "quantitative",
  title: "share of the draft that was read, %",
  axis: { values: [25, 50, 100] },
  scale: { domain: [15, 105] }
}

const aurocAxis: PositionDef<string> = {
  field: "auroc",
  type: "quantitative",
  title: "AUROC within problems",
  scale: { domain: [0.4, 1] }
}

const aurocChart = (recorded: Recorded, figures: ReadonlyArray<Figure>): TopLevelSpec => {
  const levels = recorded.problems.bands.between.flatMap((level) => (recorded.plan.levels[level] ?? []).slice(0, 1))
  return {
    config,
    padding: 12,
    title: {
      text: "How well the score orders right and wrong drafts of one problem",
      subtitle: "Families with 95% intervals; thin lines: single levels; one half is chance"
    },
    width: WIDTH,
    height: HEIGHT,
    data: rows(aurocByDepth(figures, levels)),
    layer: [
      {
        transform: [{ filter: "!datum.isFamily" }],
        mark: { type: "line", strokeWidth: 1, opacity: 0.5, clip: true },
        encoding: { x: depthAxis, y: aurocAxis, color: familyColor, detail: { field: "name", type: "nominal" } }
      },
      {
        transform: [{ filter: "datum.isFamily" }],
        mark: { type: "line", point: { filled: true, size: 50 }, strokeWidth: 2.5, clip: true },
        encoding: { x: depthAxis, y: aurocAxis, color: familyColor }
      },
      {
        transform: [{ filter: "datum.isFamily" }],
        mark: { type: "rule", strokeWidth: 2, clip: true },
        encoding: { x: depthAxis, y: { ...aurocAxis, field: "low" }, y2: { field: "high" }, color: familyColor }
      }
    ]
  }
}

const policyColor = {
  field: "policy",
  type: "nominal",
  title: null,
  legend: { orient: "bottom", columns: 2 },
  scale: {
    domain: [
      "self-evaluation, threshold swept",
      "a perfect judge, on the same drafts",
      "best of N by self-evaluation",
      "best of N by mean log-probability"
    ],
    range: [BLUE, INK, GREEN, ORANGE]
  }
} as const

const accuracyChart = (recorded: Recorded): TopLevelSpec => {
  const panel = (field: "samples" | "tokens", title: string) => ({
    width: 340,
    height: HEIGHT,
    mark: { type: "line", point: { filled: true, size: 22 }, strokeWidth: 1.8 } as const,
    encoding: {
      x: { field, type: "quantitative", title, scale: { type: "log", nice: false, base: 2 } } as const,
      y: {
        field: "accuracy",
        type: "quantitative",
        title: "right answers",
        axis: { format: "%" },
        scale: { zero: false }
      } as const,
      order: { field: "samples", type: "quantitative" } as const,
      color: policyColor
    }
  })
  return {
    config,
    padding: 12,
    title: {
      text: "What an answer costs, on the mix of traffic",
      subtitle: "Sixteen drafts at most; logarithmic scales"
    },
    data: rows(accuracy(recorded)),
    hconcat: [panel("samples", "drafts per problem"), panel("tokens", "tokens per problem, drawn and read")]
  }
}

const prunedChart = (recorded: Recorded, schedules: ReadonlyArray<Chosen>): TopLevelSpec => {
  const values = prunedFates(recorded, schedules)
  const order = ["kept, right", "kept, wrong", "pruned, wrong", "pruned, right"]
  return {
    config,
    padding: 12,
    title: {
      text: "What was pruned, and what would have come of it",
      subtitle: "Shares of sixteen drafts drawn to the end"
    },
    width: WIDTH,
    height: { step: 46 },
    data: rows(values.map((value) => ({ ...value, order: order.indexOf(value.fate) }))),
    mark: { type: "bar", height: 26 },
    encoding: {
      y: { field: "cut", type: "nominal", title: null, sort: null, axis: { labelLimit: 260 } },
      x: {
        field: "share",
        type: "quantitative",
        title: "share of the drafts",
        axis: { format: "%" },
        scale: { domain: [0, 1], nice: false }
      },
      order: { field: "order", type: "quantitative" },
      color: {
        field: "fate",
        type: "nominal",
        title: null,
        sort: order,
        scale: { domain: order, range: [BLUE, "#b9d3ea", "#e3e3e3", ORANGE] },
        legend: { orient: "bottom" }
      }
    }
  }
}

/** By name of the file, without its ending. */
export const charts = async (
  recorded: Recorded,
  figures: ReadonlyArray<Figure>,
  schedules: ReadonlyArray<Chosen>
): Promise<Readonly<Record<string, string>>> => ({
  reliability: await svg(reliabilityChart(recorded)),
  auroc: await svg(aurocChart(recorded, figures)),
  accuracy: await svg(accuracyChart(recorded)),
  pruned: await svg(prunedChart(recorded, schedules))
})
