// npm start: Countdown problems that the pocket model has never seen, answered by every policy.
// npm start -- "Make 24 from 3, 5, 7 and 11": the drafts of one question, racing.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import { BadQuestion, parse } from "./Countdown.ts"
import { layer, problems, thresholds } from "./pocket.ts"
import { answer } from "./policies.ts"
import { race } from "./race.ts"
import { Screen } from "./Screen.ts"
import { type Outcomes, progressBar, rows, table } from "./table.ts"

const usage = `npm start                                    answer held-out problems by every policy
npm start -- "Make 24 from 3, 5, 7 and 11"   watch the drafts of one question

  --problems N   how many problems (default 40: about a minute)
  --seed N       another seed, other drafts (default 1)
  --json         print an array instead of the table`

const options = {
  problems: { type: "string", default: "40" },
  seed: { type: "string", default: "1" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false }
} as const

const whole = (name: string, text: string, low: number, high: number): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw new BadQuestion(`--${name} must be a whole number from ${low} to ${high}, not "${text}".`)
}

const intro = (count: number) =>
  `Countdown: make a target from four numbers (1 to 20). ${count} problems with three or more solutions, no set of whose
numbers was ever trained. A draft is judged by one question to the model itself. Thresholds come from other problems.\n`

const compare = (count: number, seed: number, isJson: boolean) =>
  Effect.gen(function* () {
    const screen = new Screen(process.stderr)
    const outcomes: Array<Outcomes[number]> = []
    if (!isJson) console.log(intro(count))
    for (const [i, problem] of problems.test.slice(0, count).entries()) {
      if (i === 0) screen.show(progressBar(0, count))
      outcomes.push(yield* answer(problem, seed * 1_000_003 + i, thresholds))
      const bar = progressBar(i + 1, count)
      // Intervals are not free: nobody computes them to be thrown away.
      if (screen.isLive) screen.show(isJson ? bar : `${table(rows(outcomes))}\n\n${bar}`)
    }
    screen.clear()
    console.log(isJson ? JSON.stringify(rows(outcomes), null, 2) : table(rows(outcomes)))
  })

const main = () => {
  const { positionals, values } = parseArgs({ options, allowPositionals: true })
  if (values.help) return Effect.sync(() => console.log(usage))
  const seed = whole("seed", values.seed, 0, 1_000_000)
  if (positionals.length > 0) return race(parse(positionals.join(" ")), seed)
  return compare(whole("problems", values.problems, 1, problems.test.length), seed, values.json)
}

/** People get a sentence; a stack is for mistakes of ours. */
const explain = (error: unknown): never => {
  const isTheirs = error instanceof BadQuestion || (error instanceof TypeError && "code" in error)
  console.error(isTheirs ? error.message : error)
  process.exit(isTheirs ? 2 : 1)
}

try {
  const exit = await Effect.runPromiseExit(main().pipe(Effect.provide(layer)))
  if (exit._tag === "Failure") {
    const error = Cause.squash(exit.cause)
    console.error(error instanceof Error && "reason" in error ? error.message : error)
    process.exit(1)
  }
} catch (error) {
  explain(error)
}
