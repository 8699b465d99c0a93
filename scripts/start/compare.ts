/**
 * Held-out problems answered by every policy: a table that grows.
 */
import * as Effect from "effect/Effect"
import { thresholds } from "../pocket/model.ts"
import { answer } from "../pocket/policies.ts"
import { problems } from "../pocket/problems.ts"
import { Screen } from "./Screen.ts"
import { type Answered, bandTable, type Outcomes, progressBar, rows, table } from "./table.ts"

const intro = (count: number) =>
  `${count} problems that the model has never seen, mixed as traffic is: 60% trivial, 25%
in between, 15% hopeless; numbers to a target and ways through a maze.
Thresholds come from other problems.\n`

const tables = (outcomes: Outcomes) => `${table(outcomes)}\n\n${bandTable(outcomes)}`

export const compare = (count: number, seed: number, isJson: boolean) =>
  Effect.gen(function* () {
    const screen = new Screen(process.stderr)
    const outcomes: Array<Answered> = []
    if (!isJson) console.log(intro(count))
    for (const [i, problem] of problems.test.mix.slice(0, count).entries()) {
      if (i === 0) screen.show(progressBar(0, count))
      const by = yield* answer(problem, seed * 1_000_003 + i, thresholds)
      outcomes.push({ level: problem.level, by })
      const bar = progressBar(i + 1, count)
      // Intervals are not free: nobody computes them to be thrown away.
      if (screen.isLive) screen.show(isJson ? bar : `${tables(outcomes)}\n\n${bar}`)
    }
    screen.clear()
    console.log(isJson ? JSON.stringify(rows(outcomes), null, 2) : tables(outcomes))
  })
