/**
 * The README that lies beside the data: where they are from, under which terms, and how they were made.
 */
import type * as Usage from "@mulligan/core/Usage"
import type * as Balance from "./Balance.ts"
import * as Licence from "./Licence.ts"
import type { Settings, Source } from "./Settings.ts"
import type { Reading } from "./Store.ts"
import type { Written } from "./internal/dataset.ts"

export interface Facts {
  /** ISO 8601. */
  readonly date: string
  readonly file: string
  readonly settings: Settings
  readonly sources: ReadonlyArray<Source>
  readonly reading: Reading
  readonly written: Written
  readonly drafts: number
  readonly reward: string
  readonly margin: number
  readonly truncations: number
  readonly question: string
  readonly balance: Balance.Asked
}

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n")

/** What a table's cell can hold. */
const cell = (value: string | number) => String(value).replaceAll("|", "\\|").replaceAll("\n", " ")
const code = (value: string) => `\`\` ${value} \`\``
const counts = (all: Readonly<Record<string, number>>) => Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1))

/** A data set's licence as the user states it; undefined: as it is known. */
export const statedOf = (sources: ReadonlyArray<Source>, dataset: string): Licence.Licence | undefined =>
  sources.find((source) => source.licence !== undefined && (source.dataset ?? dataset) === dataset)?.licence

/** Each data set with its terms, as it is printed. */
export const licences = (sources: ReadonlyArray<Source>, { taken }: Reading): ReadonlyArray<string> =>
  Object.keys(taken).map((dataset) => Licence.describe(dataset, statedOf(sources, dataset)))

const frontMatter = ({ file }: Facts) => `---
pretty_name: Self-evaluation preferences
license: other
task_categories:
  - text-generation
tags:
  - trl
  - conversational
configs:
  - config_name: default
    data_files: ${file}
---`

const fields = ({ question }: Facts) =>
  table(
    ["field", "type", ""],
    [
      [
        "messages",
        "list of role and content",
        `a prompt, a draft as the assistant's turn, and the question: ${question}`
      ],
      [
        "target",
        "number, 0 to 1",
        'how likely the reply "No" should be: the share of its siblings that the draft wins or ties against'
      ],
      ["weight", "number, above 0", "how much the row counts"],
      ["truncated", "true or false", "the model had not ended the draft there"],
      ["tokens", "whole number", "of the draft, as its model drew them"],
      ["source", "text", "the data set that the prompt is from"]
    ]
  )

const sources = ({ reading, settings, sources }: Facts) =>
  [
    table(["data set", "prompts"], Object.entries(reading.taken)),
    licences(sources, reading)
      .map((line) => `- ${line}`)
      .join("\n"),
    `Files: ${settings.sources.map(({ bytes, file }) => `${file} (${bytes} bytes)`).join(", ")}.`,
    "These rows hold prompts of real people. Pass them on only as far as every licence above allows."
  ].join("\n\n")

const filter = ({ reading, settings, written }: Facts) => {
  const { languages, personalData, threshold } = settings
  const kinds = personalData.map(([name, pattern]) => [name, code(pattern)])
  return [
    `${reading.read} rows were read. Left out:`,
    table(["reason", "count"], [...counts(reading.left), ...counts(written.left)]),
    `Languages: ${languages?.join(", ") ?? "all"}. Redacted prompts: ${settings.redacted ? "taken" : "left out"}. Prompts that a moderation flagged: ${settings.flagged ? "taken" : "left out"}. Duplicates: the same after Unicode NFKC, in lower case, by letters and digits alone; near duplicates: an estimated Jaccard similarity of runs of 5 characters from ${threshold} (MinHash, 128 hashes).`,
    "Personal data, in prompts and in drafts, by form alone; names and addresses are not recognised:",
    kinds.length === 0 ? "No filter." : table(["kind", "pattern"], kinds)
  ].join("\n\n")
}

const drawing = ({ drafts, settings }: Facts) => {
  const { maxTokens, model, sampling, seed, temperature, turns } = settings
  return table(
    ["setting", "value"],
    [
      ["model", model],
      ["drafts of each prompt", drafts],
      ["temperature", temperature],
      ["sampling", JSON.stringify(sampling)],
      ["longest draft, tokens", maxTokens ?? "as long as the model writes"],
      ["seed", seed],
      ["user turns of a prompt, at most", turns]
    ]
  )
}

const rows = ({ balance, margin, reward, truncations, written }: Facts) => {
  const bins = written.targets.map(({ rows, weight }, i) => [`${i / 10} to ${(i + 1) / 10}`, rows, weight.toFixed(1)])
  return [
    `Reward: ${reward}. Rewards that are at most ${margin} apart are a tie. Each draft is there whole and cut to ${truncations} random lengths (uniform over its tokens), with the whole draft's target. Balance asked: ${JSON.stringify(balance)}.`,
    `${written.rows} rows of ${written.prompts} prompts; ${written.truncated} are truncated.`,
    table(["target", "rows", "weight"], bins)
  ].join("\n\n")
}

const usage = (usage: Usage.Usage) => table(["count", ""], Object.entries(usage))

/** The card, in Markdown with the Hub's front matter. It quotes no prompt and no draft. */
export const render = (facts: Facts): string =>
  `${frontMatter(facts)}

# Self-evaluation preferences

Trains a model to tell whether it would do better if it started over (Manvi, Singh and Ermon, arXiv 2410.02725). Written on
${facts.date} by Mulligan. Rows are in TRL's conversational format:

${fields(facts)}

## Sources and licences

${sources(facts)}

## Filter

${filter(facts)}

## Drafts

${drawing(facts)}

What they cost, those of interrupted runs included as far as they were stored:

${usage(facts.written.usage)}

## Rows

${rows(facts)}
`
