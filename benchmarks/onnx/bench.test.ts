import { expect, test } from "vitest"
import { all, headline, nameOf, select } from "./Cell.ts"
import { by, failures, figure, median, ofCell, over, tokensPerSecond } from "./Figures.ts"
import { headlinesFirst, type Results, sameWeights } from "./Rounds.ts"
import { type Contender, type Job, type Measured, take } from "./Turn.ts"
import { distinct, peak, Stages, Watch } from "./Watch.ts"

const measured: Measured = {
  prefillMs: 10,
  stepMs: 5,
  totalMs: 500,
  lengths: [4, 4],
  distinct: 2,
  peakBytes: 2e6,
  longestGapMs: null,
  greedy: [1, 2],
  version: "1"
}
const failed = { failed: "no" }

test("a selection leaves parts at the end open", () => {
  expect(all.cpu).toHaveLength(18)
  expect(select("smol fp32 16 512")).toEqual([headline])
  expect(select("pocket, smol int4 1").map(nameOf)).toEqual([
    "smol_int4_1_512",
    "smol_int4_1_128",
    "pocket_fp32_16_128",
    "pocket_fp32_4_128",
    "pocket_fp32_1_128",
    "pocket_int4_16_128",
    "pocket_int4_4_128",
    "pocket_int4_1_128"
  ])
  expect(() => select("pocket fp32 16 512")).toThrow("No cell fits")
})

test("what a target is about is measured first", () => {
  const [first, ...rest] = headlinesFirst(all.cpu, (cell) => cell.n === 4 && cell.model === "pocket")
  expect(nameOf(first!)).toBe("pocket_fp32_4_128")
  expect(rest).toHaveLength(17)
})

test("medians are of rounds, ratios of contenders within one", () => {
  const results: Results = {
    cell: headline,
    rounds: [1, 4, 3].map((times) => ({ a: { ...measured, totalMs: 500 * times }, b: { ...measured, totalMs: 1000 } }))
  }
  expect(median([3, 1, 2])).toBe(2)
  expect(median([1, 2])).toBe(1.5)
  expect(tokensPerSecond(measured)).toBe(16)
  expect(figure("x", results, over(tokensPerSecond, "a", "b"))).toEqual({
    figure: "x",
    value: 0.6667,
    min: 0.5,
    max: 2
  })
})

test("what was not measured is null by name, and says why", () => {
  const results: Results = { cell: headline, rounds: [{ a: measured, b: failed }] }
  expect(figure("x", results, over(tokensPerSecond, "a", "b")).value).toBeNull()
  expect(by(results.rounds[0]!, "b")).toBeUndefined()
  const found = Object.fromEntries(ofCell(results, ["a", "b", "c"]).map(({ figure, value }) => [figure, value]))
  expect(found).toMatchObject({
    aTokensPerSecond_smol_fp32_16_512: 16,
    aPeakMegabytes_smol_fp32_16_512: 2,
    bTokensPerSecond_smol_fp32_16_512: null,
    cTokensPerSecond_smol_fp32_16_512: null
  })
  expect(found).not.toHaveProperty("aLongestGapMs_smol_fp32_16_512")
  expect(failures([results])).toEqual(["b in smol_fp32_16_512: no"])
})

test.runIf(peak() !== null)("memory is told of each stage that was passed, over the base", () => {
  const passed = new Stages(1)
  passed.pass("Loaded")
  const { now, peak: most } = passed.seen.Loaded!
  expect(now).toBeGreaterThan(20e6)
  expect(most).toBeGreaterThanOrEqual(now)
})

test("memory that nobody can tell is left out", () => {
  const none = new Stages(null)
  none.pass("Loaded")
  expect(none.seen).toEqual({})
  const memory = { Loaded: { now: 2e6, peak: 3e6 } }
  const results: Results = { cell: headline, rounds: [{ a: { ...measured, memory } }] }
  const found = Object.fromEntries(ofCell(results, ["a"]).map(({ figure, value }) => [figure, value]))
  expect(found).toMatchObject({ aLoadedMegabytes_smol_fp32_16_512: 2, aLoadedPeakMegabytes_smol_fp32_16_512: 3 })
  expect(found).not.toHaveProperty("aDrawnMegabytes_smol_fp32_16_512")
})

test("other weights are found out", () => {
  const round = { a: measured, b: { ...measured, greedy: [1, 3] }, c: failed }
  expect(sameWeights(round, "a")).toMatchObject({ a: measured, b: { failed: /^finds other tokens/ }, c: failed })
})

const job: Job = {
  ...headline,
  n: 2,
  tokens: 4,
  folder: "",
  threads: 1,
  device: "cpu",
  seed: 0,
  text: "",
  ids: [],
  warmText: "",
  warmIds: [],
  labels: [],
  greedy: 2,
  questions: {}
}
const says = (of: Partial<Measured>, isRandom = true): Contender => ({
  name: "fake",
  command: ["node", "-e", `console.log("noise"), console.log('MEASURED ${JSON.stringify({ ...measured, ...of })}')`],
  isRandom
})

test.for<readonly [what: string, contender: Contender, told: unknown]>([
  ["as asked", says({}), measured],
  ["too few tokens", says({ lengths: [4, 3] }), { failed: "drew 4, 3 tokens, not 2 times 4" }],
  ["too few drafts", says({ lengths: [4] }), { failed: "drew 4 tokens, not 2 times 4" }],
  ["copies", says({ distinct: 1 }), { failed: "1 of 2 drafts are copies" }],
  ["copies that are meant", says({ distinct: 1 }, false), { ...measured, distinct: 1 }],
  [
    "an error",
    { ...says({}), command: ["node", "-e", `throw new TypeError("so it is")`] },
    { failed: "ended with 1: TypeError: so it is" }
  ],
  [
    "an end that was bad",
    { ...says({}), command: ["node", "-e", `console.log("MEASURED {}"), console.error("bad"), process.exit(3)`] },
    { failed: "ended with 3: bad" }
  ],
  ["no such program", { ...says({}), command: ["no-such-program"] }, { failed: "spawn no-such-program ENOENT" }]
])("a turn is taken as it was: %s", async ([, contender, told]) => {
  expect(await take(contender, job)).toEqual(told)
})

test("a watch tells prefill, steps and a blocked event loop", async () => {
  const watch = new Watch({ n: 2, tokens: 3 })
  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
  watch.token()
  await pause(20)
  watch.token()
  await pause(5)
  for (const end = performance.now() + 40; performance.now() < end;);
  watch.token()
  watch.token(3)
  const { longestGapMs, prefillMs, stepMs, totalMs } = watch.times()
  expect(prefillMs).toBeGreaterThan(15)
  expect(longestGapMs).toBeGreaterThan(35)
  expect(stepMs).toBeGreaterThan(20)
  expect(stepMs).toBeCloseTo((totalMs - prefillMs) / 2)
  expect(distinct([[1, 2], [1, 2], [3]])).toBe(2)
})
