// Tokens per second by the number of drafts, of each contender, as SVG.
import type { TopLevelSpec } from "vega-lite"
import { config, svg as drawn } from "../../scripts/chart.ts"
import type { Report } from "./Command.ts"
import { by, median, tokensPerSecond } from "./Figures.ts"

const PROMPT = 512

const titles: Readonly<Record<string, string>> = {
  mulligan: "Mulligan",
  nodeLlamaCpp: "node-llama-cpp",
  genai: "onnxruntime-genai (Python)",
  transformersJs: "transformers.js",
  transformersJsFused: "transformers.js, fused graph"
}
const colors = ["#2f6fb3", "#3f8f5f", "#8a5fb0", "#d9772b", "#e0b08a"]

interface Bar {
  readonly contender: string
  readonly precision: string
  readonly drafts: number
  readonly speed: number
}

const bars = ({ results }: Pick<Report, "results">): ReadonlyArray<Bar> =>
  results
    .filter(({ cell }) => cell.model === "smol" && cell.prompt === PROMPT)
    .flatMap(({ cell, rounds }) =>
      Object.entries(titles).flatMap(([name, contender]) => {
        const speeds = rounds
          .map((round) => by(round, name))
          .flatMap((m) => (m === undefined ? [] : [tokensPerSecond(m)]))
        const bar = { contender, precision: cell.precision, drafts: cell.n }
        return speeds.length === 0 ? [] : [{ ...bar, speed: Math.round(median(speeds)) }]
      })
    )

const specOf = (report: Pick<Report, "results" | "at" | "plan">): TopLevelSpec => ({
  config,
  padding: 12,
  title: {
    text: "Drafts of one prompt: tokens per second, prefill included",
    subtitle: [
      `Random weights of SmolLM2-135M's shape, prompt of ${PROMPT} tokens, ${report.plan.tokens} drawn by each draft`,
      `${report.at.machine}, ${report.at.threads} threads, ${report.at.date}`
    ]
  },
  data: { values: bars(report).map((bar) => ({ ...bar })) },
  facet: { column: { field: "precision", type: "nominal", title: null } },
  spec: {
    width: 300,
    height: 240,
    mark: "bar",
    encoding: {
      x: { field: "drafts", type: "ordinal", title: "drafts at once", axis: { labelAngle: 0 } },
      xOffset: { field: "contender", type: "nominal", sort: Object.values(titles) },
      y: { field: "speed", type: "quantitative", title: "tokens per second" },
      color: {
        field: "contender",
        type: "nominal",
        title: null,
        scale: { domain: Object.values(titles), range: colors },
        legend: { orient: "bottom", columns: 3 }
      }
    }
  }
})

/** An empty chart where no cell that it shows was measured. */
export const svg = (report: Pick<Report, "results" | "at" | "plan">): Promise<string> => drawn(specOf(report))
