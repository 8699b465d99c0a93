// npm run pocket:report: what the shipped pocket model can do, and whether it holds its aims. It draws and judges every
// held-out problem once, through the product's own backend and stages, then decides all strategies by arithmetic.
import * as Effect from "effect/Effect"
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { OnnxBackend } from "@mulligan/onnx"
import { folder as shipped, type Problems } from "../problems.ts"
import { Recording } from "../record.ts"
import { cross } from "./cross.ts"
import { cuts, describe } from "./cuts.ts"
import { diagnoses } from "./diagnoses.ts"
import type { Figure } from "./Figure.ts"
import { policyLoss, sizeMB } from "./files.ts"
import { judged } from "./judged.ts"
import { check } from "./live.ts"
import { type Case, jobsOf, limitsFor, mapPlan, plan } from "./plan.ts"
import { questionTokens, speed } from "./probe.ts"
import { progress } from "./progress.ts"
import { questions, transfer } from "./questions.ts"
import type { Recorded } from "./Recorded.ts"
import { sampled, settings, thresholdFor } from "./sampled.ts"
import { terminal } from "./tables.ts"
import { write } from "./write.ts"

const usage = `npm run pocket:report -- [options]

  --problems N     problems of each level, and of the mix as much less (default: all; half an hour on two cores)
  --json           print only an array of { figure, value, low, high, target }
  --out FOLDER     where card, charts and figures go (default: into the repository if all problems are used, else to tmp)
  --fresh          forget what was recorded before
  --model FOLDER   another model than the one that ships`

const { values } = parseArgs({
  options: {
    problems: { type: "string", default: "Infinity" },
    json: { type: "boolean", default: false },
    out: { type: "string" },
    fresh: { type: "boolean", default: false },
    model: { type: "string" },
    help: { type: "boolean", default: false }
  }
})

/** Few first drafts reach it, so that real runs are compared that go on for long, whatever the chosen thresholds are. */
const STRICT = 0.97

const note = (text: string) => process.stderr.write(`${text}\n`)

const record = async (folder: string, problems: Problems, count: number) => {
  const layer = OnnxBackend.layer({ model: folder, threads: 1 })
  const [first] = problems.test.mix
  const probed = await Effect.runPromise(Effect.provide(questionTokens(first?.prompt ?? ""), layer))
  for (const form of ["full", "short", "token", "reserved"] as const)
    if (!probed.able.includes(form)) note(`Left out: this backend cannot ask by "${form}".`)
  const limits = limitsFor(problems, count, probed.able)
  const planned = plan(problems, limits)
  const recording = new Recording(folder, values.fresh)
  await recording.add(jobsOf(planned), progress("drawing and judging"))
  const recordedPlan = mapPlan(planned, (asked): Case => ({ ...asked, drafts: recording.drafts(asked.job) }))
  const recorded: Recorded = { problems, limits, plan: recordedPlan, questionTokens: probed.tokens }
  return { recorded, recording, layer }
}

const crossed = async (folder: string, { limits, plan: { mix } }: Recorded, recording: Recording) => {
  const early = join(folder, "early")
  if (!existsSync(join(early, "config.json"))) {
    note(`Left out: the figures crossJudge…, for ${early} is not there.`)
    return []
  }
  const cases = mix.slice(0, limits.cross).map(({ asked }) => asked)
  return cross(cases, recording, new Recording(early, values.fresh), progress("judging each other"))
}

const losses = (folder: string): ReadonlyArray<Figure> => {
  const loss = policyLoss(folder)
  if (loss === undefined) note("Left out: policyLoss, for training.json does not tell it.")
  return loss === undefined ? [] : [loss]
}

const main = async () => {
  const folder = values.model === undefined ? shipped : resolve(values.model)
  const problems = JSON.parse(readFileSync(join(folder, "problems.json"), "utf8")) as Problems
  const { layer, recorded, recording } = await record(folder, problems, Number(values.problems))
  const thresholds = { 74: thresholdFor(recorded, settings[0]), 95: thresholdFor(recorded, settings[1]) }
  note(`Thresholds from the validation mix: ${thresholds[74]} for 74% of the gain, ${thresholds[95]} for 95%.`)
  const pruning = cuts(recorded)
  for (const { name, schedule } of pruning.schedules) note(`${name}: ${describe(schedule)}`)
  const crossFigures = await crossed(folder, recorded, recording)
  const live = await Effect.runPromise(
    Effect.provide(check(recorded, [thresholds[74], thresholds[95], STRICT], pruning.schedules), layer)
  )
  const prompts = recorded.plan.mix.slice(0, 60).map(({ asked }) => asked.prompt)
  const figures = [
    ...judged(recorded),
    ...sampled(recorded, thresholds),
    ...pruning.figures,
    ...crossFigures,
    ...losses(folder),
    sizeMB(folder),
    await Effect.runPromise(Effect.provide(speed(prompts), layer)),
    ...questions(recorded),
    ...transfer(recorded)
  ]
  console.log(values.json ? JSON.stringify(figures, null, 2) : terminal(figures))
  for (const { advice, family } of diagnoses(recorded)) note(`${family}: ${advice}`)
  if (live.differences.length > 0) throw new Error(`Not what the real strategies do:\n${live.differences.join("\n")}`)
  note(`${live.runs} real runs chose and cost the same as by arithmetic.`)
  const isWhole = values.model === undefined && values.problems === "Infinity"
  await write(recorded, figures, pruning.schedules, { out: values.out, isWhole, note, thresholds })
}

if (values.help) console.log(usage)
else await main()
