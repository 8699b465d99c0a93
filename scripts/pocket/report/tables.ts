/**
 * Figures as text: one table for the terminal, several for the model card.
 */
import { diagnoses } from "./diagnoses.ts"
import { type Figure, holds } from "./Figure.ts"
import type { Recorded } from "./Recorded.ts"
import { levelRows } from "./sampled.ts"

const digits = (value: number | null): string => {
  if (value === null) return "-"
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

const mark = (figure: Figure): string => {
  const held = holds(figure)
  return held === undefined ? "" : held ? "holds" : "MISSED"
}

/** One line a figure; numbers to the right. */
export const terminal = (figures: ReadonlyArray<Figure>): string => {
  const lines = figures.map((f) => [f.figure, digits(f.value), digits(f.low), digits(f.high), f.target ?? "", mark(f)])
  const all = [["figure", "value", "low", "high", "target", ""], ...lines]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)))
  return all
    .map((line) =>
      line
        .map((cell, i) => (i >= 1 && i <= 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

const markdown = (heading: ReadonlyArray<string>, lines: ReadonlyArray<ReadonlyArray<string>>): string =>
  [heading, heading.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const interval = ({ high, low, value }: Figure) =>
  low === high ? digits(value) : `${digits(value)} [${digits(low)}, ${digits(high)}]`

const listed = (figures: ReadonlyArray<Figure>) =>
  markdown(
    ["figure", "value [95% interval]"],
    figures.map((f) => [f.figure, interval(f)])
  )

const targets = (figures: ReadonlyArray<Figure>) =>
  markdown(
    ["figure", "value [95% interval]", "aim", ""],
    figures
      .filter(({ target }) => target !== null)
      .map((f) => [f.figure, interval(f), f.target ?? "", { holds: "held", MISSED: "missed", "": "" }[mark(f)] ?? ""])
  )

const levels = (recorded: Recorded) =>
  markdown(
    ["level", "problems", "one draft", "best of 16 by self-evaluation", "best possible of 16"],
    levelRows(recorded).map((r) => [
      r.level,
      String(r.problems),
      ...[r.one, r.self, r.oracle].map((x) => `${(100 * x).toFixed(1)}%`)
    ])
  )

const columns = ["aurocQuarter", "aurocHalf", "aurocEnd", "ece", "readTokens"]
const formTitles = {
  full: "the full sentence",
  short: '"Better?"',
  token: "one reserved token",
  reserved: "no question, reserved labels"
} as const

const questions = (figures: ReadonlyArray<Figure>) =>
  markdown(
    ["form", "AUROC at a quarter", "at a half", "at the end", "ECE at the end", "tokens read"],
    Object.entries(formTitles).flatMap(([form, title]) => {
      const cells = columns.map((column) => figures.find((f) => f.figure === `question_${form}_${column}`))
      return cells[0] === undefined ? [] : [[title, ...cells.map((f) => (f === undefined ? "" : interval(f)))]]
    })
  )

/** The tables of the model card, by the name of the marker that they belong under. */
export const card = (recorded: Recorded, figures: ReadonlyArray<Figure>): Readonly<Record<string, string>> => {
  const starting = (...starts: ReadonlyArray<string>) =>
    listed(figures.filter((f) => f.target === null && starts.some((start) => f.figure.startsWith(start))))
  return {
    targets: targets(figures),
    levels: levels(recorded),
    judging: starting("auroc"),
    diagnosis: markdown(
      ["family", "what `Diagnosis` says"],
      diagnoses(recorded).map(({ advice, family }) => [family, advice])
    ),
    sampling: starting("mix", "oracle", "overInformed"),
    pruning: starting("prune", "random"),
    questions: questions(figures),
    transfer: starting("transfer", "cross")
  }
}

/** Puts each table between `<!-- report:NAME -->` and `<!-- /report:NAME -->`; tells which names it did not find. */
export const filled = (text: string, tables: Readonly<Record<string, string>>) => {
  const missing: Array<string> = []
  let out = text
  for (const [name, content] of Object.entries(tables)) {
    const [open, close] = [`<!-- report:${name} -->`, `<!-- /report:${name} -->`]
    const [from, to] = [out.indexOf(open), out.indexOf(close)]
    if (from === -1 || to < from) missing.push(name)
    else out = `${out.slice(0, from + open.length)}\n\n${content}\n\n${out.slice(to)}`
  }
  return { text: out, missing }
}
