/**
 * From outcomes to the tables that are printed.
 */
import { type Id, ids, type Outcome, titles } from "../pocket/policies.ts"
import { bandOf } from "../pocket/levels.ts"
import { mean, meanInterval } from "../pocket/Statistics.ts"

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

/** One problem, answered by every policy. */
export interface Answered {
  readonly level: string
  readonly by: Readonly<Record<Id, Outcome>>
}
export type Outcomes = ReadonlyArray<Answered>

const averageOf = (outcomes: Outcomes, id: Id, key: keyof Outcome) => mean(outcomes.map((o) => o.by[id][key]))

export const rows = (outcomes: Outcomes): ReadonlyArray<Row> => {
  const one = averageOf(outcomes, "one", "accuracy")
  const gain = averageOf(outcomes, "self16", "accuracy") - one
  return ids.map((id) => {
    const accuracy = averageOf(outcomes, id, "accuracy")
    return {
      id,
      accuracy,
      ...meanInterval(outcomes.map((o) => o.by[id].accuracy)),
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

/** The first line is the heading; numbers to the right. */
export const aligned = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const shown = lines.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")
  )
  return [shown[0], "─".repeat(shown[0]?.length ?? 0), ...shown.slice(1)].join("\n")
}

const heading = ["", "accuracy", "95% interval", "samples", "drawn", "read", "sec", "gain"]

/** Every policy on all problems. */
export const table = (outcomes: Outcomes): string => aligned([heading, ...rows(outcomes).map(cells)])

const BANDS = { trivial: "trivial", between: "in between", hopeless: "hopeless" } as const
const bandHeading = ["", "problems", "one", "best of 16", "for 74%", "samples", "for 95%", "samples"]

/** Where the samples go: problems that one draft solves, that some drafts solve, and that hardly any draft solves. */
export const bandTable = (outcomes: Outcomes): string => {
  const lines = Object.entries(BANDS).flatMap(([band, title]) => {
    const own = outcomes.filter((o) => bandOf(o.level) === band)
    if (own.length === 0) return []
    const right = (id: Id) => `${percent(averageOf(own, id, "accuracy"))}%`
    const samples = (id: Id) => averageOf(own, id, "samples").toFixed(2)
    const adaptive = (["adaptive74", "adaptive95"] as const).flatMap((id) => [right(id), samples(id)])
    return [[title, String(own.length), right("one"), right("self16"), ...adaptive]]
  })
  return `Where the samples go, adaptively:\n\n${aligned([bandHeading, ...lines])}`
}

const WIDTH = 40

export const progressBar = (done: number, all: number): string => {
  const filled = Math.round((WIDTH * done) / all)
  return `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${done} of ${all} problems`
}
