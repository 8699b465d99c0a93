// npm run bench:onnx [-- --json]: our engine against the limit: the same weights run by ONNX Runtime's C API with the cache in
// place and nothing around it. In turns, each in a process of its own.
import { type Cell, headline, nameOf } from "./onnx/Cell.ts"
import { machine, options, print, write } from "./onnx/Command.ts"
import { by, type Figure, figure, find, ofCell, over } from "./onnx/Figures.ts"
import { bring, jobOf, leastBytes } from "./onnx/Models.ts"
import { measure, type Plan, type Results, type Round, THREADS } from "./onnx/Rounds.ts"
import { type Contender, inNode } from "./onnx/Turn.ts"

const about = "Measures what a step, a prompt and an evaluation cost, against the raw ONNX Runtime step."
const given = options("bench:onnx", about)
const models = await bring()
if (typeof models !== "string") {
  console.error(`The models cannot be made: ${models.skipped}.`)
  process.exit(1)
}

const { device } = given
/** The attention of the limit has half precision alone on a device. */
const main: Cell = device === "cpu" ? headline : { ...headline, precision: "fp16" }
const single: Cell = { model: "smol", precision: "int4", n: 1, prompt: 512 }
const contenders: ReadonlyArray<Contender> = [
  { name: "mulligan", command: inNode("onnx/mulligan.ts"), isRandom: true },
  {
    name: "raw",
    command: inNode("onnx/raw.ts"),
    isRandom: false,
    takes: ({ precision }) => device === "cpu" || precision === "fp16"
  },
  {
    name: "bare",
    command: inNode("onnx/bare.ts"),
    isRandom: true,
    takes: (cell) => device === "cpu" && nameOf(cell) === nameOf(headline)
  }
]
const namesIn = (cell: Cell) => contenders.filter(({ takes = () => true }) => takes(cell)).map(({ name }) => name)
const plan: Plan = {
  device,
  cells: given.cells,
  isHeadline: (cell) => [main, single].some((one) => nameOf(one) === nameOf(cell)),
  headlineRounds: given.rounds,
  otherRounds: Math.min(given.rounds, 2),
  tokens: given.tokens,
  questions: [24, 10]
}

const ours = (round: Round) => by(round, "mulligan")
const stepOverLimit = over(({ stepMs }) => stepMs, "mulligan", "raw")

/** The time to judge all drafts at half length over the time to draw them. */
const evaluationShare = (tokens: string) => (round: Round) => {
  const measured = ours(round)
  const milliseconds = measured?.evaluationMs?.[tokens]
  return milliseconds === undefined ? undefined : milliseconds / measured!.totalMs
}

/** Over what Node takes with ONNX Runtime, our graph and our cache, and nothing around them. */
const memoryOverBare = over(({ peakBytes }) => peakBytes ?? NaN, "mulligan", "bare")

const memoryOverFormula = (cell: Cell) => {
  const least = leastBytes(jobOf(models, cell, { ...plan, threads: THREADS, seed: 0 }))
  return (round: Round) => {
    const peak = ours(round)?.peakBytes
    return typeof peak === "number" ? peak / least : undefined
  }
}

/** Under their names even where nothing was measured. */
const headlines = (results: ReadonlyArray<Results>): ReadonlyArray<Figure> => {
  const [first, alone] = [find(results, main), find(results, single)]
  const anywhere = [
    figure("stepOverLimit_n16", first, stepOverLimit),
    figure("jsShare", first, (round) => ours(round)?.jsShare),
    figure("evaluationShare", first, evaluationShare("24")),
    figure("evaluationShare_10", first, evaluationShare("10")),
    figure("longestGapMs", first, (round) => ours(round)?.longestGapMs)
  ]
  if (device !== "cpu") return anywhere
  return [
    ...anywhere,
    figure("stepOverLimit_int4_n1", alone, stepOverLimit),
    figure("memoryOverFormula_n16", first, memoryOverFormula(main)),
    figure("memoryOverBare_n16", first, memoryOverBare)
  ]
}

const cellFigures = (one: Results): ReadonlyArray<Figure> => [
  figure(`stepOverLimit_${nameOf(one.cell)}`, one, stepOverLimit),
  figure(`evaluationShare_${nameOf(one.cell)}`, one, evaluationShare("24")),
  ...(device === "cpu" ? [figure(`memoryOverFormula_${nameOf(one.cell)}`, one, memoryOverFormula(one.cell))] : []),
  ...ofCell(one, namesIn(one.cell))
]

const at = machine(device)
const results = await measure(models, contenders, plan)
const figures = [...headlines(results), ...results.flatMap(cellFigures)]
const report = { name: "onnx", at, plan, results, figures, missing: [] } as const
write(given, report)
print(given, report)
