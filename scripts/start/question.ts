/**
 * `npm start -- "..."`: sixteen drafts of somebody's own question, racing.
 */
import * as Effect from "effect/Effect"
import { Annealing } from "@mulligan/strategies"
import { cuts, nearest } from "../pocket/levels.ts"
import { N } from "../pocket/policies.ts"
import type { Task } from "../pocket/tasks/index.ts"
import * as Race from "./race.ts"
import { Screen } from "./Screen.ts"

export const question = (task: Task, seed: number) =>
  Effect.gen(function* () {
    const at = cuts(nearest(task.prompt))
    console.log(task.prompt)
    console.log(`${N} drafts; half are pruned after ${at.quarter} tokens, half of the rest after ${at.half}.\n`)
    const race = yield* Race.run(task, {
      cuts: at,
      seed,
      groups: [N],
      threshold: Number.POSITIVE_INFINITY,
      annealing: Annealing.constant(1)
    })
    yield* Race.show(new Screen(process.stdout), race)
    const score = race.winner.score.value.toFixed(3)
    const time = `Drawn and judged in ${race.seconds.toFixed(2)} s, shown slower.`
    console.log(`\nChosen with score ${score}, and ${Race.verdict(race)}. ${time}`)
  })
