/**
 * From outcomes to the rows that are printed.
 */
import { type Id, ids, type Outcome, titles } from "./policies.ts"
import { mean, meanInterval } from "./Statistics.ts"

export interface Row {
  readonly id: Id
  readonly accuracy: number
  readonly low: number
  readonly high: number
  readonly samples: number
  readonly drawnTokens: number
  readonly readTokens: number
  readonly seconds: number
  /** (accuracy - one) / (self16 - one); null while there is no gain to share. */
  readonly gainShare: number | null
}

export type Outcomes = ReadonlyArray<Record<Id, Outcome>>

const averageOf = (outcomes: Outcomes, id: Id, key: keyof Outcome) => mean(outcomes.map((o) => o[id][key]))

export const rows = (outcomes: Outcomes): ReadonlyArray<Row> => {
  const one = averageOf(outcomes, "one", "accuracy")
  const gain = averageOf(outcomes, "self16", "accuracy") - one
  return ids.map((id) => {
    const accuracy = averageOf(outcomes, id, "accuracy")
    return {
      id,
      accuracy,
      ...meanInterval(outcomes.map((o) => o[id].accuracy)),
      samples: averageOf(outcomes, id, "samples"),
      drawnTokens: averageOf(outcomes, id, "drawnTokens"),
      readTokens: averageOf(outcomes, id, "readTokens"),
      seconds: averageOf(outcomes, id, "seconds"),
      gainShare: gain === 0 ? null : (accuracy - one) / gain
    }
  })
}

const percent = (x: number) => (100 * x).toFixed(1)

const cells = (row: Row): ReadonlyArray<string> => [
  titles[row.id],
  `${percent(row.accuracy)}%`,
  `[${percent(row.low)}, ${percent(row.high)}]`,
  row.samples.toFixed(2),
  row.drawnTokens.toFixed(0),
  row.readTokens.toFixed(0),
  row.seconds.toFixed(2),
  row.gainShare === null ? "" : `${(100 * row.gainShare).toFixed(0)}%`
]

const heading = ["", "accuracy", "95% interval", "samples", "drawn", "read", "seconds", "gain"]

/** One table; numbers to the right. */
export const table = (all: ReadonlyArray<Row>): string => {
  const lines = [heading, ...all.map(cells)]
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const shown = lines.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")
  )
  return [shown[0], "─".repeat(shown[0]?.length ?? 0), ...shown.slice(1)].join("\n")
}

const WIDTH = 40

export const progressBar = (done: number, all: number): string => {
  const filled = Math.round((WIDTH * done) / all)
  return `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${done} of ${all} problems`
}
