import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { Report } from "@mulligan/lab"
import { find } from "../../../../scripts/servers/Chromium.ts"
import { HOSTILE, html, report } from "../report/fixture.ts"

const found = await find()
const skipped = "skipped" in found ? found.skipped : undefined

const schemes = ["light", "dark"] as const
const [WIDE, PHONE] = [1000, 360]
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** Words of charts that are cut off, or that others stand on; halos are no words. */
const unreadable = `(() => {
  const isSeen = (text) => text.getClientRects().length > 0 && getComputedStyle(text).opacity !== "0"
  const all = [...document.querySelectorAll("svg text")]
    .filter((text) => isSeen(text) && text.getAttribute("stroke") === null)
    .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect(), svg: text.closest("svg") }))
  const isCut = ({ box, svg }, frame = svg.getBoundingClientRect()) =>
    box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1
  const overlap = (a, b, from, to) => Math.min(a[to], b[to]) - Math.max(a[from], b[from])
  const isOver = (a, b) => a !== b && a.svg === b.svg &&
    overlap(a.box, b.box, "left", "right") > 2 && overlap(a.box, b.box, "top", "bottom") > 4
  if (all.length === 0) return ["no words at all"]
  return all.filter((one) => isCut(one) || all.some((other) => isOver(one, other))).map(({ text }) => text)
})()`

describe.skipIf(skipped !== undefined)(`a report in Chromium (${skipped ?? "here"})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "mulligan-report-"))
  const file = join(folder, "report.html")
  const url = pathToFileURL(file).href
  const opened: Array<Page> = []
  let browser: Browser

  beforeAll(async () => {
    writeFileSync(file, await Effect.runPromise(html))
    browser = await chromium.launch({ executablePath: "command" in found ? found.command : "" })
  })
  afterEach(async () => {
    for (const page of opened.splice(0)) await page.close()
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true })
  })

  /** A page with the report, and all that it says or asks for. */
  const open = async (width: number, colorScheme: (typeof schemes)[number] = "light") => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
    const said: Array<string> = []
    const asked: Array<string> = []
    const refused: Array<string> = []
    page.on("console", (message) => said.push(message.text()))
    page.on("pageerror", (error) => said.push(error.message))
    page.on("request", (request) => asked.push(request.url()))
    page.on("requestfailed", (request) => refused.push(`${request.url()} ${request.failure()?.errorText}`))
    await page.goto(url)
    opened.push(page)
    return { page, said, asked, refused }
  }

  const openAll = (page: Page) =>
    page.evaluate(`for (const one of document.querySelectorAll("details")) one.open = true`)

  it("says nothing to the console and asks the network for nothing", async () => {
    const { asked, page, said } = await open(WIDE)
    await openAll(page)
    await page.waitForLoadState("networkidle")
    assert.deepStrictEqual(said, [])
    assert.deepStrictEqual(asked, [url])
  })

  it("shows what prompts and drafts say, and runs none of it", async () => {
    const { page } = await open(WIDE)
    await openAll(page)
    assert.strictEqual(await page.evaluate("globalThis.pwned"), undefined)
    assert.strictEqual(await page.locator("script, img, iframe, object, embed, form").count(), 0)
    assert.include(await page.locator("pre").first().textContent(), HOSTILE)
    assert.isAbove(await page.locator("i", { hasText: HOSTILE }).count(), 0)
  })

  it("lets nothing in, even if something slipped through", async () => {
    const { page, refused } = await open(WIDE)
    const slipped = `<img src="https://example.org/a.png"><style>body{display:none}</style><p style="color:red" id="styled">x</p>`
    await page.evaluate((text) => {
      document.body.insertAdjacentHTML("beforeend", text)
      const script = document.createElement("script")
      script.textContent = "globalThis.pwned = 1"
      document.body.append(script)
    }, slipped)
    await page.waitForLoadState("networkidle")
    assert.strictEqual(await page.evaluate("globalThis.pwned"), undefined)
    assert.strictEqual(await page.evaluate("getComputedStyle(document.body).display"), "block")
    assert.notStrictEqual(
      await page.evaluate(`getComputedStyle(document.querySelector("#styled")).color`),
      "rgb(255, 0, 0)"
    )
    assert.deepStrictEqual(refused, ["https://example.org/a.png csp"])
  })

  it.each([PHONE, 720, WIDE])("does not scroll to the side at %i pixels", async (width) => {
    const { page } = await open(width)
    await openAll(page)
    const wide = await page.evaluate("document.documentElement.scrollWidth")
    assert.strictEqual(wide, width)
  })

  it("shows the narrow charts on a phone and the wide ones elsewhere", async () => {
    for (const [width, shown, hidden] of [
      [PHONE, "narrow", "wide"],
      [WIDE, "wide", "narrow"]
    ] as const) {
      const { page } = await open(width)
      assert.isTrue(await page.locator(`svg.${shown}`).first().isVisible())
      assert.isFalse(await page.locator(`svg.${hidden}`).first().isVisible())
    }
  })

  it.each([PHONE, WIDE])("clips no word of a chart and writes none over another at %i pixels", async (width) => {
    const { page } = await open(width)
    assert.deepStrictEqual(await page.evaluate(unreadable), [])
  })

  it("is dark where the reader's screen is, its charts as well", async () => {
    const ground = "getComputedStyle(document.body).backgroundColor"
    const ink = `getComputedStyle(document.querySelector("svg.wide .role-axis-title text")).fill`
    const [light, dark] = [(await open(WIDE, "light")).page, (await open(WIDE, "dark")).page]
    assert.strictEqual(await light.evaluate(ground), "rgb(255, 255, 255)")
    assert.strictEqual(await dark.evaluate(ground), "rgb(22, 24, 28)")
    assert.strictEqual(await light.evaluate(ink), "rgb(31, 35, 40)")
    assert.strictEqual(await dark.evaluate(ink), "rgb(232, 230, 227)")
  })

  it("can be walked through and opened by keyboard alone", async () => {
    const { page } = await open(WIDE)
    const stops = `[...document.querySelectorAll("a, summary, input:checked, [tabindex]")]
      .filter((one) => one.checkVisibility())`
    const count = Number(await page.evaluate(`${stops}.length`))
    for (let i = 0; i < count; i++) {
      await page.keyboard.press("Tab")
      await page.evaluate("document.activeElement.dataset.reached = true")
    }
    assert.isAbove(count, 20)
    assert.deepStrictEqual(
      await page.evaluate(`${stops}.filter((one) => one.dataset.reached === undefined).map((one) => one.outerHTML)`),
      []
    )
    const problem = page.locator("details.problem").nth(1)
    await problem.locator("summary").first().focus()
    await page.keyboard.press("Enter")
    assert.isTrue(await problem.locator(".tokens").first().isVisible())
    const values = problem.locator("details.values").first()
    await values.locator("summary").focus()
    await page.keyboard.press("Space")
    assert.match((await values.locator("p").textContent()) ?? "", /^"[ab]" .*; score after 2 tokens: 0\.50/s)
  })

  it("colours tokens by probability or by score, as the reader chooses", async () => {
    const { page } = await open(WIDE)
    const ground = (selector: string) =>
      page.evaluate<string>(`getComputedStyle(document.querySelector("${selector}")).backgroundColor`)
    const clear = "rgba(0, 0, 0, 0)"
    const low = String(
      await page.evaluate(
        `document.querySelector(".tokens i[class=p2], .tokens i[class=p3], .tokens i[class=p4]").className`
      )
    )
    assert.notStrictEqual(await ground(`.tokens i.${low}`), clear)
    assert.strictEqual(await ground(".tokens .part.s4"), clear)
    await page.locator("#by-probability").focus()
    await page.keyboard.press("ArrowRight")
    assert.isTrue(await page.locator("#by-score").isChecked())
    assert.strictEqual(await ground(`.tokens i.${low}`), clear)
    assert.notStrictEqual(await ground(".tokens .part.s4"), clear)
  })

  it.each(schemes.flatMap((scheme) => [WIDE, PHONE].map((width) => [scheme, width] as const)))(
    "has nothing that axe finds fault with, %s at %i pixels",
    async (scheme, width) => {
      const { page } = await open(width, scheme)
      await openAll(page)
      // Past the page's own policy, which would not let it in.
      await page.evaluate(axe)
      const violations = await page.evaluate<ReadonlyArray<string>>(
        `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] })
          .then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 200) + " " + failureSummary).join(" | ")))`
      )
      assert.deepStrictEqual(violations, [])
    }
  )

  it("draws charts that are whole as files of their own", async () => {
    const page = await browser.newPage({ viewport: { width: WIDE, height: 900 } })
    opened.push(page)
    const made = await Effect.runPromise(report)
    for (const scheme of schemes) {
      for (const [name, svg] of Object.entries(await Effect.runPromise(Report.charts(made, { scheme })))) {
        writeFileSync(join(folder, `${name}.svg`), svg)
        await page.goto(pathToFileURL(join(folder, `${name}.svg`)).href)
        assert.strictEqual(await page.evaluate("document.documentElement.nodeName"), "svg", name)
        assert.deepStrictEqual(await page.evaluate(unreadable), [], name)
      }
    }
  })
})
