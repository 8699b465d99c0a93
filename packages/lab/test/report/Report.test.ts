import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Depth, Evaluate, Report } from "@mulligan/lab"
import { Scorers } from "@mulligan/strategies"
import { HOSTILE, hostile, html, options, recording, report } from "./fixture.ts"

const decoded = (text: string) =>
  text
    .replace(/<[^>]*>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")

/** The cells of the table with this caption, row by row, the heading first. */
const tableOf = (page: string, caption: string): ReadonlyArray<ReadonlyArray<string>> => {
  const table = page.split("<table>").find((part) => part.includes(`<caption>${caption}</caption>`))
  assert.isDefined(table, caption)
  return table
    .slice(0, table.indexOf("</table>"))
    .split("<tr>")
    .slice(1)
    .map((row) => [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) => decoded(cell ?? "")))
}

const columnOf = (page: string, caption: string, title: string): ReadonlyArray<string> => {
  const [heads, ...rows] = tableOf(page, caption)
  const column = heads!.indexOf(title)
  assert.isAtLeast(column, 0, title)
  return rows.map((row) => row[column]!)
}

const three = ({ high, low, value }: { readonly value: number; readonly low: number; readonly high: number }) =>
  `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`.replaceAll("-", "−")

describe("Report.html", () => {
  it.live("begins with whether the signal can be trusted", () =>
    Effect.gen(function* () {
      const { evaluation } = yield* report
      const [first] = /<p[ >].*?<\/p>/s.exec(yield* html)!
      assert.strictEqual(decoded(first), evaluation.signal.diagnosis.advice)
      assert.include(first, 'class="advice trusted"')
    })
  )

  it.live("begins with what to use instead where it is no better than chance", () =>
    Effect.gen(function* () {
      const coin = Scorers.verifier((c) => ((c.seed * 2654435761) % 1000) / 1000)
      const made = yield* Report.make(yield* recording, { task: hostile, scorer: coin, depths: [{ share: 1 }] })
      const page = yield* Report.html(made)
      const [first] = /<p[ >].*?<\/p>/s.exec(page)!
      assert.match(decoded(first), /^Self-evaluation is no better than chance here: .*(choose by majority|Use )/)
      assert.include(page, "None of these policies drops drafts")
    })
  )

  it.live("shows the evaluation that it says", () =>
    Effect.gen(function* () {
      const { evaluation } = yield* report
      assert.deepStrictEqual(evaluation, yield* Evaluate.evaluate(yield* recording, options))
    })
  )

  it.live("has every policy's numbers in a table", () =>
    Effect.gen(function* () {
      const { evaluation, readPrice } = yield* report
      const page = yield* html
      const column = (title: string) => columnOf(page, "Policies", title)
      const { rows } = evaluation
      assert.deepStrictEqual(
        column("policy").map((name) => name.replace(/ ●$/, "")),
        rows.map(({ name }, i) => `${i + 1}. ${name}`)
      )
      assert.deepStrictEqual(
        column("mean grade"),
        rows.map(({ accuracy }) => three(accuracy))
      )
      assert.deepStrictEqual(
        column("over the best of N"),
        rows.map((row) => three(row.accuracyOverBest))
      )
      const near = (shown: string, value: number) => assert.closeTo(Number(shown), value, Math.max(0.005, value / 180))
      column("tokens, at their price").forEach((shown, i) =>
        near(shown, rows[i]!.drawnTokens.value + readPrice * rows[i]!.readTokens.value)
      )
      for (const [title, key] of [
        ["drawn", "drawnTokens"],
        ["read", "readTokens"],
        ["wasted", "wastedTokens"],
        ["drafts", "samples"],
        ["rounds", "rounds"],
        ["seconds", "seconds"]
      ] as const)
        column(title).forEach((shown, i) => near(shown, rows[i]![key].value))
    })
  )

  it.live("has the signal's numbers at each depth in a table", () =>
    Effect.gen(function* () {
      const { depths } = (yield* report).evaluation.signal
      const page = yield* html
      const column = (title: string) => columnOf(page, "Self-evaluation at each depth", title)
      assert.deepStrictEqual(
        column("read"),
        depths.map(({ depth }) => Depth.title(depth))
      )
      assert.deepStrictEqual(
        column("AUROC within problems"),
        depths.map(({ within }) => three(within))
      )
      assert.deepStrictEqual(
        column("AUROC of all drafts"),
        depths.map(({ pooled }) => pooled.value.toFixed(3))
      )
      assert.deepStrictEqual(
        column("ECE"),
        depths.map(({ ece }) => three(ece))
      )
      assert.deepStrictEqual(
        column("mass on the labels"),
        depths.map(({ mass }) => mass!.toFixed(4))
      )
      const bins = depths.flatMap(({ bins }) => bins)
      assert.deepStrictEqual(
        columnOf(page, "Scores and outcomes in bins", "drafts"),
        bins.map(({ count }) => String(count))
      )
    })
  )

  it.live("has the fate of the drafts at each cut in tables", () =>
    Effect.gen(function* () {
      const { fates } = yield* report
      const page = yield* html
      const names = fates.map(({ policy }) => policy)
      assert.deepStrictEqual(columnOf(page, "Drafts at each cut", "policy"), names)
      assert.deepStrictEqual(
        columnOf(page, "Drafts at each cut", "dropped"),
        fates.map(({ dropped }) => String(dropped))
      )
      const lost = columnOf(page, "What pruning lost", "problems with a single right draft that lost it")
      lost.forEach((cell, i) => assert.isTrue(cell.startsWith(`${fates[i]!.only.count} of ${fates[i]!.only.of}: `)))
    })
  )

  it.live("shows single problems with every draft, token by token", () =>
    Effect.gen(function* () {
      const { examples } = yield* report
      const page = yield* html
      assert.strictEqual(page.match(/<details class="problem"/g)?.length, examples.length)
      const drafts = examples.flatMap((one) => one.drafts)
      assert.strictEqual(page.match(/<li class="draft/g)?.length, drafts.length)
      assert.strictEqual(page.match(/<li class="draft chosen"/g)?.length, examples.length)
      const tokens = drafts.reduce((sum, { candidate }) => sum + candidate.tokens.length, 0)
      assert.strictEqual(page.match(/<i class="p[0-4u]" title="/g)?.length, tokens)
      const readings = drafts.reduce((sum, draft) => sum + draft.readings.length, 0)
      assert.strictEqual(page.match(/<b class="score s[0-4]" title="score after /g)?.length, readings)
    })
  )

  it.live("escapes what prompts, drafts, tasks and names of policies say", () =>
    Effect.gen(function* () {
      const page = yield* html
      assert.notInclude(page, "<script")
      assert.notInclude(page, "<img")
      assert.notInclude(page, "<b>half</b>")
      assert.isAbove(page.split(decodedOnce(HOSTILE)).length, 20, "it is there as text")
    })
  )

  it.live("forbids the network and scripts, and asks for neither", () =>
    Effect.gen(function* () {
      const page = yield* html
      const [, policy = ""] = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(page)!
      assert.match(
        decoded(policy),
        /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'$/
      )
      const inTags = [...page.matchAll(/<[^>]*>/g)].flatMap(([tag]) => tag.match(/https?:[^"'\s<&]*/g) ?? [])
      assert.deepStrictEqual([...new Set(inTags)], ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"])
      assert.notMatch(page, /\s(style|on\w+|src)=["']/)
    })
  )

  it.live("names every id once, and every figure", () =>
    Effect.gen(function* () {
      const page = yield* html
      const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
      assert.deepStrictEqual(ids, [...new Set(ids)])
      const links = [...page.matchAll(/href="#([^"]*)"/g)].map(([, id]) => id)
      assert.deepStrictEqual(
        links.filter((id) => !ids.includes(id)),
        []
      )
      assert.strictEqual(page.match(/<svg /g)?.length, 14, "seven figures, wide and narrow")
      assert.strictEqual(page.match(/role="img" aria-label="[^"]{20,}"/g)?.length, 14)
    })
  )

  it.live("stays below 2 MB however long and many the drafts", () =>
    Effect.gen(function* () {
      const made = yield* report
      const [token] = made.examples[0]!.drafts[0]!.candidate.tokens
      const long = made.examples.map((example) => ({
        ...example,
        problem: { ...example.problem, prompt: "word ".repeat(100_000), reference: "word ".repeat(100_000) },
        drafts: Array.from({ length: 200 }, (_, index) => {
          const draft = example.drafts[index % example.drafts.length]!
          const tokens = Array.from({ length: 3000 }, () => token!)
          return { ...draft, candidate: { ...draft.candidate, index, tokens } }
        })
      }))
      const { evaluation } = made
      const rows = Array.from({ length: 100 }, (_, i) => ({
        ...evaluation.rows[i % evaluation.rows.length]!,
        name: `p ${i}`
      }))
      const page = yield* Report.html({ ...made, examples: long, evaluation: { ...evaluation, rows } })
      assert.isBelow(Buffer.byteLength(page), 2_000_000)
      assert.include(page, "168 more drafts are not shown")
      assert.include(page, "more tokens, which are not shown")
    })
  )
})

/** As the page has it. */
const decodedOnce = (text: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")

describe("Report", () => {
  it("loads Vega only where a chart is drawn", () => {
    const program = `
      import { registerHooks } from "node:module"
      const loaded = []
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
      const { Report } = await import("@mulligan/lab")
      console.log(typeof Report.html, loaded.length > 100, loaded.filter((url) => url.includes("/vega")).length)`
    const folder = fileURLToPath(new URL("../..", import.meta.url))
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: folder })
    assert.strictEqual(said.toString().trim(), "function true 0")
  })
})

describe("Report.charts", () => {
  it.live("are files of their own, in the colours of a scheme", () =>
    Effect.gen(function* () {
      const made = yield* report
      const [light, dark] = [yield* Report.charts(made), yield* Report.charts(made, { scheme: "dark" })]
      const names = ["frontier", "auroc", "reliability", "pruned", "droppedRight", "leftWithout", "onlyRight"]
      assert.deepStrictEqual(Object.keys(light), names)
      for (const name of names) {
        for (const svg of [light[name]!, dark[name]!]) {
          assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/)
          assert.notInclude(svg, "var(")
        }
        assert.notStrictEqual(light[name], dark[name])
      }
    })
  )

  it.live("leave out cuts where there are none", () =>
    Effect.gen(function* () {
      const made = yield* report
      assert.deepStrictEqual(Object.keys(yield* Report.charts({ ...made, fates: [] })), [
        "frontier",
        "auroc",
        "reliability"
      ])
    })
  )
})
