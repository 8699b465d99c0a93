/**
 * Card, charts and figures on disk.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { folder as shipped } from "../problems.ts"
import { charts } from "./charts.ts"
import type { Chosen } from "./cuts.ts"
import type { Figure } from "./Figure.ts"
import type { Recorded } from "./Recorded.ts"
import { card, filled } from "./tables.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))

export interface WriteOptions {
  readonly out: string | undefined
  /** All problems of the model that ships: the figures that are kept. */
  readonly isWhole: boolean
  /** What `npm start` stops at, by the share of the gain. */
  readonly thresholds: Readonly<Record<74 | 95, number>>
  readonly note: (text: string) => void
}

const emptyCard = (tables: Readonly<Record<string, string>>) =>
  Object.keys(tables)
    .map((name) => `## ${name}\n\n<!-- report:${name} -->\n<!-- /report:${name} -->\n`)
    .join("\n")

/** A threshold that no score reaches is written as a number: JSON has no infinity. */
const thresholdsJson = (thresholds: WriteOptions["thresholds"]): string => {
  const [adaptive74, adaptive95] = [thresholds[74], thresholds[95]].map((x) => Math.min(x, 1.1))
  const about = 'Chosen by "npm run pocket:report" on the validation mix.'
  return `${JSON.stringify({ about, adaptive74, adaptive95 }, null, 2)}\n`
}

export const write = async (
  recorded: Recorded,
  figures: ReadonlyArray<Figure>,
  schedules: ReadonlyArray<Chosen>,
  { isWhole, note, out, thresholds }: WriteOptions
): Promise<void> => {
  const isKept = isWhole && out === undefined
  const elsewhere = resolve(out ?? join(root, "tmp/pocket-report"))
  const model = isKept ? shipped : elsewhere
  const results = isKept ? join(root, "benchmarks/results") : elsewhere
  mkdirSync(join(model, "charts"), { recursive: true })
  mkdirSync(results, { recursive: true })
  for (const [name, svg] of Object.entries(await charts(recorded, figures, schedules)))
    writeFileSync(join(model, "charts", `${name}.svg`), `${svg}\n`)
  const tables = card(recorded, figures)
  const readme = join(model, "README.md")
  const { missing, text } = filled(
    isKept && existsSync(readme) ? readFileSync(readme, "utf8") : emptyCard(tables),
    tables
  )
  writeFileSync(readme, text)
  writeFileSync(join(model, "thresholds.json"), thresholdsJson(thresholds))
  if (missing.length > 0) note(`The card has no <!-- report:… --> for ${missing.join(", ")}.`)
  const day = new Date().toISOString().slice(0, 10)
  writeFileSync(join(results, `${day}-pocket.json`), `${JSON.stringify(figures, null, 2)}\n`)
  note(`Card and charts are in ${model}, figures in ${results}.`)
}
