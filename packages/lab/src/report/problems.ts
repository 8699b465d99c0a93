/**
 * Single problems with their drafts.
 */
import type { Prompt } from "@mulligan/core/Prompt"
import type { Draft, Example, Why } from "./Example.ts"
import { scoreClass, tokens } from "./drafts.ts"
import { type Markup, markup } from "./markup.ts"
import { fixed } from "./numbers.ts"

/** Tokens shown of all problems together, and drafts listed of one: a report is read, and stays below 2 MB. */
const MOST_TOKENS = 12_000
const MOST_DRAFTS = 32
/** Characters of a prompt or a reference. */
const MOST_TEXT = 4000

const whys: Readonly<Record<Why, string>> = {
  gain: "Greatest gain",
  miss: "Worst miss",
  random: "At random"
}

const shortened = (text: string): string =>
  text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)} … (${text.length - MOST_TEXT} more characters)`

const promptMarkup = (prompt: Prompt): Markup =>
  typeof prompt === "string"
    ? markup`<pre dir="auto">${shortened(prompt)}</pre>`
    : markup`${prompt.map(({ content, role }) => markup`<pre dir="auto"><b>${role}</b> ${shortened(content)}</pre>`)}`

const gradeMarkup = (grade: number): Markup => {
  if (grade === 1) return markup`<b class="right">✓ right</b>`
  return grade === 0 ? markup`<b class="wrong">✗ wrong</b>` : markup`<b class="partly">grade ${fixed(grade, 2)}</b>`
}

const endText = ({ end }: Draft): string => {
  if (typeof end === "object") return `dropped after ${end.dropped} tokens`
  return end === "undrawn" ? "not drawn by this policy, which had stopped" : end
}

const meanLogProb = ({ candidate }: Draft): string => {
  const known = candidate.tokens.flatMap(({ logProb }) => (logProb === undefined ? [] : [logProb]))
  if (known.length === 0) return "not given"
  return fixed(known.reduce((sum, value) => sum + value, 0) / known.length, 2)
}

const scoresMarkup = ({ readings }: Draft): Markup | undefined => {
  if (readings.length === 0) return undefined
  const all = readings.map(
    ({ after, score }) => markup`<li>${after}: <span class="score ${scoreClass(score)}">${fixed(score, 2)}</span></li>`
  )
  return markup`<ul class="scores" aria-label="Scores by tokens read"><li>scores after tokens</li>${all}</ul>`
}

const draftMarkup = (
  draft: Draft,
  limit: number
): Markup => markup`<li class="draft${draft.end === "chosen" ? " chosen" : ""}">
<p class="facts"><b>Draft ${draft.candidate.index + 1}</b> ${gradeMarkup(draft.grade)} <span>${endText(draft)}</span> <span>${draft.candidate.tokens.length} tokens</span> <span>mean log-probability ${meanLogProb(draft)}</span></p>
${scoresMarkup(draft)}
${limit > 0 ? tokens(draft, limit) : undefined}</li>
`

/** The chosen one, then by the last score. */
const ordered = ({ drafts }: Example): ReadonlyArray<Draft> => {
  const rank = ({ end, readings }: Draft) => (end === "chosen" ? Infinity : (readings.at(-1)?.score ?? -Infinity))
  return drafts.toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a)))
}

/** Tokens to show of each draft: all, in order as long as there is room; the first is cut if it alone is too long. */
const limits = (drafts: ReadonlyArray<Draft>, most: number): ReadonlyArray<number> => {
  let before = 0
  return drafts.map(({ candidate }, i) => {
    const { length } = candidate.tokens
    before += length
    return before <= most ? length : i === 0 ? most : 0
  })
}

const referenceMarkup = (text: string | undefined): Markup | undefined =>
  text === undefined ? undefined : markup`<h4>Reference</h4><pre dir="auto">${shortened(text)}</pre>`

const aboutMarkup = (about: Readonly<Record<string, string>> | undefined): Markup | undefined =>
  about === undefined
    ? undefined
    : markup`<p class="about">${Object.entries(about).map(([key, text]) => markup`<span>${key}: ${shortened(text)}</span> `)}</p>`

const problemMarkup = (example: Example, i: number, most: number): Markup => {
  const { grade, mean, problem, why } = example
  const drafts = ordered(example).slice(0, MOST_DRAFTS)
  const shown = limits(drafts, most)
  const left = example.drafts.length - drafts.length
  return markup`<details class="problem" id="problem-${i + 1}"${i === 0 ? markup` open` : undefined}>
<summary><h3>${whys[why]}: ${problem.id}</h3> <span>grade ${fixed(grade, 2)}, mean of ${example.drafts.length} drafts ${fixed(mean, 2)}</span></summary>
${aboutMarkup(problem.about)}<h4>Prompt</h4>${promptMarkup(problem.prompt)}
${referenceMarkup(problem.reference)}
<h4>Drafts, the chosen one first, then by their last score</h4>
<ol class="drafts">
${drafts.map((draft, j) => draftMarkup(draft, shown[j]!))}</ol>
${left > 0 ? markup`<p>${left} more drafts are not shown.</p>` : undefined}
</details>
`
}

export const problems = (examples: ReadonlyArray<Example>): ReadonlyArray<Markup> =>
  examples.map((example, i) => problemMarkup(example, i, Math.floor(MOST_TOKENS / examples.length)))
