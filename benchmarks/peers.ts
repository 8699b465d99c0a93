// npm run bench:peers [-- --json]: drafts of one prompt here and elsewhere, of the same weights, each in its own best documented
// way. In turns, each in a process of its own.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Cell, headline, nameOf } from "./onnx/Cell.ts"
import { svg } from "./onnx/Chart.ts"
import { folderOf, machine, options, print, write } from "./onnx/Command.ts"
import { type Figure, figure, find, ofCell, over, tokensPerSecond } from "./onnx/Figures.ts"
import { bring as bringModels } from "./onnx/Models.ts"
import { measure, type Plan, type Results } from "./onnx/Rounds.ts"
import { type Contender, inNode } from "./onnx/Turn.ts"
import { bring } from "./peers/Peers.ts"

const given = options("bench:peers", "Measures tokens per second against transformers.js, node-llama-cpp and GenAI.")
const models = await bringModels()
if (typeof models !== "string") {
  console.error(`The models cannot be made: ${models.skipped}.`)
  process.exit(1)
}
const { contenders: peers, missing } = await bring()
const ours: Contender = { name: "mulligan", command: inNode("onnx/mulligan.ts"), isRandom: true }

if (given.device !== "cpu") throw new Error("Peers are measured on the CPU.")
const plan: Plan = {
  device: given.device,
  cells: given.cells,
  isHeadline: (cell) => nameOf(cell) === nameOf(headline),
  headlineRounds: given.rounds,
  otherRounds: 1,
  tokens: given.tokens,
  questions: []
}

/** By the name of the figure; all there must be, measured or not. */
const rivals = {
  overTransformersJs: "transformersJs",
  overNodeLlamaCpp: "nodeLlamaCpp",
  overGenai: "genai",
  overTransformersJsFused: "transformersJsFused"
} as const

const overs = (results: Results | undefined, cell: Cell, suffix = nameOf(cell)): ReadonlyArray<Figure> =>
  rivalsIn(cell).map(([name, rival]) => figure(`${name}_${suffix}`, results, over(tokensPerSecond, "mulligan", rival)))

const int4: Cell = { ...headline, precision: "int4" }
const rivalsIn = (cell: Cell) =>
  Object.entries(rivals).filter(([, rival]) => rival !== "transformersJsFused" || nameOf(cell) === nameOf(headline))
const namesIn = (cell: Cell) => ["mulligan", ...rivalsIn(cell).map(([, rival]) => rival)]

const at = machine()
const results = await measure(models, [ours, ...peers], plan)
const figures = [
  ...overs(find(results, headline), headline, "n16"),
  ...overs(find(results, int4), int4, "int4_n16"),
  ...results.flatMap((one) => [...overs(one, one.cell), ...ofCell(one, namesIn(one.cell))])
]
const report = { name: "peers", at, plan, results, figures, missing } as const
write(given, report)
writeFileSync(join(folderOf(given, "docs"), "onnx-speed.svg"), `${await svg(report)}\n`)
print(given, report)
