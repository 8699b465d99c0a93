// npm start: three races of drafts, then held-out problems answered by every policy.
// npm start -- --race: the three races alone.
// npm start -- "Make 24 from 3 5 7 11": the drafts of one question, racing.
// npm start -- --model FOLDER "…": drafts of a question by a model of your own.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import { layer } from "../pocket/model.ts"
import { problems } from "../pocket/problems.ts"
import { BadQuestion, examples, parse } from "../pocket/tasks/index.ts"
import { compare } from "./compare.ts"
import { own } from "./own.ts"
import { question } from "./question.ts"
import { scenes } from "./scenes.ts"

const precisions = ["fp32", "fp16", "q4", "q4f16", "int8"] as const

const usage = `npm start                               three races of drafts, then held-out problems by every policy
npm start -- --race                     the three races alone
npm start -- "Make 24 from 3 5 7 11"    the drafts of one question, racing
npm start -- --model FOLDER "…"         drafts of any question by your own ONNX model (a folder, or
                                        a name on the Hugging Face Hub such as onnx-community/Qwen3-0.6B-ONNX)

  --problems N   how many problems (default 60: about a minute)
  --seed N       another seed, other drafts (default 1)
  --json         print an array instead of the tables
  --drafts N     with --model: drafts at most (default 8)
  --tokens N     with --model: tokens of a draft at most (default 256)
  --precision P  with --model: ${precisions.join(", ")} (default: what is there)

Questions are of three kinds:
  ${examples.map((text) => `"${text}"`).join("\n  ")}`

const options = {
  problems: { type: "string", default: "60" },
  seed: { type: "string", default: "1" },
  race: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  model: { type: "string" },
  drafts: { type: "string", default: "8" },
  tokens: { type: "string", default: "256" },
  precision: { type: "string" },
  help: { type: "boolean", default: false }
} as const

const whole = (name: string, text: string, low: number, high: number): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw new BadQuestion(`--${name} must be a whole number from ${low} to ${high}, not "${text}".`)
}

const main = () => {
  const { positionals, values } = parseArgs({ options, allowPositionals: true })
  if (values.help) return Effect.sync(() => console.log(usage))
  const seed = whole("seed", values.seed, 0, 1_000_000)
  if (values.model !== undefined) {
    return own({
      model: values.model,
      question: asked(positionals.join(" ")),
      seed,
      drafts: whole("drafts", values.drafts, 1, 1000),
      maxTokens: whole("tokens", values.tokens, 1, 100_000),
      precision: precisionOf(values.precision)
    })
  }
  return Effect.provide(pocket(positionals, values, seed), layer)
}

const asked = (question: string): string => {
  if (question !== "") return question
  throw new BadQuestion('Ask something: npm start -- --model FOLDER "What is a mulligan?"')
}

const precisionOf = (text: string | undefined) => {
  const known = precisions.find((precision) => precision === text)
  if (text === undefined || known !== undefined) return known
  throw new BadQuestion(`--precision must be one of ${precisions.join(", ")}, not "${text}".`)
}

/** The small model that ships with the product. */
const pocket = (
  positionals: ReadonlyArray<string>,
  values: { readonly race: boolean; readonly json: boolean; readonly problems: string },
  seed: number
) => {
  if (positionals.length > 0) return question(parse(positionals.join(" ")), seed)
  if (values.race) return scenes(seed)
  const table = compare(whole("problems", values.problems, 1, problems.test.mix.length), seed, values.json)
  return process.stdout.isTTY && !values.json ? Effect.andThen(scenes(seed), table) : table
}

/** People get a sentence; a stack is for mistakes of ours. */
const explain = (error: unknown): never => {
  const isTheirs = error instanceof BadQuestion || (error instanceof TypeError && "code" in error)
  console.error(isTheirs ? error.message : error)
  process.exit(isTheirs ? 2 : 1)
}

try {
  const exit = await Effect.runPromiseExit(main())
  if (exit._tag === "Failure") {
    const error = Cause.squash(exit.cause)
    console.error(error instanceof Error && "reason" in error ? error.message : error)
    process.exit(1)
  }
} catch (error) {
  explain(error)
}
