/**
 * A report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere, and a policy that
 * forbids all of them.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as Latency from "../Latency.ts"
import type { Report } from "../Report.ts"
import { type Chart, svg } from "./Chart.ts"
import { fate, loss } from "./charts/pruned.ts"
import { auroc } from "./charts/auroc.ts"
import { frontier } from "./charts/frontier.ts"
import { reliability } from "./charts/reliability.ts"
import { type Markup, markup, trusted } from "./markup.ts"
import { points } from "./Point.ts"
import { problems } from "./problems.ts"
import { probabilities, scores } from "./drafts.ts"
import { style } from "./style.ts"
import * as tables from "./tables.ts"

/** Only those that have something to show, by the name of a file. */
export const chartsOf = ({ evaluation, fates, readPrice }: Report): Readonly<Record<string, Chart>> => ({
  frontier: frontier(points(evaluation, readPrice), readPrice),
  ...(evaluation.signal.depths.length > 0
    ? { auroc: auroc(evaluation.signal), reliability: reliability(evaluation.signal) }
    : {}),
  ...(fates.length > 0
    ? {
        pruned: fate(fates),
        droppedRight: loss(fates, "right"),
        leftWithout: loss(fates, "all"),
        onlyRight: loss(fates, "only")
      }
    : {})
})

type Figures = Readonly<Record<string, Markup>>

const figure = (name: string, chart: Chart): Effect.Effect<Markup> =>
  Effect.map(Effect.all([svg(chart, 860), svg(chart, 340)]), (drawn) => {
    const pictures = drawn.map((picture, i) => {
      const attributes = markup`class="${i === 0 ? "wide" : "narrow"}" role="img" aria-label="${chart.description}"`
      return trusted(picture.replace('class="marks"', () => attributes.toString()))
    })
    return markup`<figure id="${name}" aria-labelledby="${name}-title">
<h3 id="${name}-title">${chart.title}</h3>
${pictures}
<figcaption>${chart.caption}</figcaption>
</figure>
`
  })

const folded = (title: string, content: Markup): Markup =>
  markup`<details><summary>${title}</summary>${content}</details>
`

const header = ({ evaluation }: Report): Markup => {
  const { count, hardware, model, signal, task, temperature } = evaluation
  const { advice, verdict } = signal.diagnosis
  return markup`<header>
<h1>${task}, ${model}</h1>
<p class="advice ${verdict}">${advice}</p>
<p class="quiet">${evaluation.problems} problems with ${count} drafts each at temperature ${temperature}. In brackets: 95% intervals, by bootstrap over problems. Seconds are by a model and not by a clock: ${Latency.describe(hardware)}.</p>
</header>
<nav aria-label="Sections"><ul>
<li><a href="#policies">Policies</a></li>
<li><a href="#signal">Signal</a></li>
<li><a href="#pruning">Pruning</a></li>
<li><a href="#problems">Single problems</a></li>
</ul></nav>
`
}

const policies = ({ evaluation, readPrice }: Report, figures: Figures): Markup =>
  markup`<section id="policies"><h2>Policies</h2>
${figures["frontier"]}
${tables.policies(points(evaluation, readPrice))}
<p class="quiet">● no other policy is as cheap and as often right. Share of the gain: 0 is one sample, or greedy, 1 the best of ${evaluation.count} by self-evaluation; over the best of N: the mean grade less its, problem by problem. Wasted: drawn tokens that are not in the chosen draft.</p>
</section>
`

const signal = ({ evaluation }: Report, figures: Figures): Markup =>
  markup`<section id="signal"><h2>Signal</h2>
${figures["auroc"]}
${tables.depths(evaluation.signal)}
<p class="quiet">Mass: the probability that the next word is one of the labels at all; where it is small, scores mean little.</p>
${figures["reliability"]}
${folded("Numbers of the panels", tables.bins(evaluation.signal))}</section>
`

const pruning = ({ fates }: Report, figures: Figures): Markup =>
  markup`<section id="pruning"><h2>Pruning</h2>
${
  fates.length === 0
    ? markup`<p>None of these policies drops drafts before they end.</p>`
    : markup`${figures["pruned"]}
${folded("Numbers of the bars", tables.fates(fates))}${figures["leftWithout"]}
${figures["onlyRight"]}
${figures["droppedRight"]}
${folded("Numbers of the points", tables.losses(fates))}`
}</section>
`

const legend = (title: string, entries: ReadonlyArray<readonly [ground: string, label: string]>): Markup =>
  markup`<ul class="legend" aria-label="${title}"><li>${title}:</li>${entries.map(
    ([ground, label]) => markup`<li><span class="${ground}">${label}</span></li>`
  )}</ul>
`

const percents = (value: number) => `${Math.round(100 * value)}%`

const legends = (): Markup =>
  markup`${legend("Probability of a token", [
    ["p0", `${percents(probabilities[0])} or more`],
    ...probabilities
      .slice(1)
      .map((from, i) => [`p${i + 1}`, `${percents(from)} to ${percents(probabilities[i]!)}`] as const),
    [`p${probabilities.length}`, `below ${percents(probabilities.at(-1)!)}`]
  ])}${legend("Score", [
    ["s0", `below ${scores[0]}`],
    ...scores.slice(1).map((to, i) => [`s${i + 1}`, `${scores[i]} to ${to}`] as const),
    [`s${scores.length}`, `${scores.at(-1)!} or more`]
  ])}`

const singles = ({ examples, policy }: Report): Markup =>
  markup`<section id="problems"><h2>Single problems</h2>
<p>Chosen by rule: where the choice of “${policy}” is better than a draft at random by most, where it is worse by most, and at random. Numbers in the drafts are scores, each of what stands before it.</p>
<fieldset><legend>Colour tokens by</legend>
<label><input type="radio" name="colour" id="by-probability" checked> probability</label>
<label><input type="radio" name="colour" id="by-score"> score of what they are part of</label>
</fieldset>
${legends()}${problems(examples)}</section>
`

/** Styles are allowed by their hash, so that not even they can come from a draft. */
const policyOf = (css: string): string =>
  `default-src 'none'; style-src 'sha256-${createHash("sha256").update(css).digest("base64")}'; base-uri 'none'; form-action 'none'`

export const page = (report: Report): Effect.Effect<string> =>
  Effect.gen(function* () {
    const { model, task } = report.evaluation
    const figures = yield* Effect.all(
      Object.fromEntries(Object.entries(chartsOf(report)).map(([name, chart]) => [name, figure(name, chart)]))
    )
    return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf(style)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${task}, ${model}</title>
<style>${trusted(style)}</style>
</head>
<body>
${header(report)}<main>
${policies(report, figures)}${signal(report, figures)}${pruning(report, figures)}${singles(report)}</main>
</body>
</html>
`.toString()
  })
