import { chromium } from "playwright-core"
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
for (const [name, width, scheme] of [
  ["light", 1100, "light"],
  ["dark", 1100, "dark"],
  ["phone", 360, "light"],
  ["phonedark", 360, "dark"]
] as const) {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme })
  page.on("console", (m) => console.log(name, m.type(), m.text()))
  page.on("request", (r) => r.url().startsWith("file:") || console.log("request", r.url()))
  await page.goto("file:///work/main/tmp/report/out/report.html")
  const h = (await page.evaluate(
    "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
  )) as number[]
  console.log(name, h)
  for (const [i, sel] of ["#policies", "#signal", "#pruning", "#problems"].entries()) {
    await page.evaluate(`document.querySelector("${sel}").scrollIntoView()`)
    if (i === 0) await page.evaluate("scrollTo(0,0)")
    await page.screenshot({ path: `tmp/report/out/${name}-${i}.png`, fullPage: false })
  }
  await page.setViewportSize({ width, height: Math.min(h[1]!, 6000) })
  await page.evaluate("scrollTo(0,0)")
  await page.screenshot({ path: `tmp/report/out/${name}-full.png` })
}
await browser.close()
