/**
 * What the product does, in three races by one strategy: a problem that stops after one draft because it is easy, one
 * that stops because no draft would do better, and one where sixteen race.
 */
import * as Effect from "effect/Effect"
import { styleText } from "node:util"
import { cuts } from "../pocket/levels.ts"
import { annealing, N } from "../pocket/policies.ts"
import { type Band, problems } from "../pocket/problems.ts"
import { parse } from "../pocket/tasks/index.ts"
import { brief } from "./Lane.ts"
import * as Race from "./race.ts"
import { Screen } from "./Screen.ts"

interface Scene {
  readonly title: string
  readonly band: Band
  /** What makes a race an example of it. */
  readonly shows: (race: Race.Race) => boolean
}

const SCENES: ReadonlyArray<Scene> = [
  { title: "EASY", band: "trivial", shows: (race) => race.drafts === 1 && race.isRight },
  { title: "HOPELESS", band: "hopeless", shows: (race) => race.drafts === 1 && !race.isRight },
  { title: "IN BETWEEN", band: "between", shows: (race) => race.drafts > 1 && race.isRight && race.winner.index > 0 }
]

/** The score that stops a race: starting over would not win, nine times of ten. */
const ENOUGH = 0.9

/** So many problems of a level are looked through for an example; if none is one, the first is shown as it went. */
const TRIES = 10

const runOf = (level: string, prompt: string, seed: number) =>
  Race.run(parse(prompt), {
    cuts: cuts(level),
    seed,
    groups: [1, N - 1],
    threshold: ENOUGH,
    annealing
  })

/** The first validation problem that goes as the scene says: an example, where the table is a measurement. */
const example = (scene: Scene, seed: number) =>
  Effect.gen(function* () {
    let first: Race.Race | undefined
    for (const level of problems.bands[scene.band]) {
      for (const prompt of (problems.validation.levels[level] ?? []).slice(0, TRIES)) {
        const race = yield* runOf(level, prompt, seed)
        if (scene.shows(race)) return race
        first ??= race
      }
    }
    return first
  })

/** Says what happened, and why: the score is the chance that starting over would not beat the draft. */
const caption = (race: Race.Race): string => {
  const first = `score ${brief(race.first)}`
  if (race.drafts > 1)
    return `${first}: starting over would do better; ${race.drafts - 1} more raced, the best is ${Race.verdict(race)}.`
  if (race.first < 0.5)
    return `${first}: enough for this threshold; stop after 1 draft of ${N}, and ${Race.verdict(race)}.`
  if (race.isRight) return `${first}: starting over would not do better; stop. 1 draft of ${N}, and right.`
  return `${first}: no draft would do better; stop after 1, and save ${N - 1}.`
}

const scene = (screen: Screen, { title }: Scene, race: Race.Race) =>
  Effect.gen(function* () {
    const asked = `${title}  ${race.task.prompt}`
    const isLong = screen.isLive && asked.length > screen.width
    const shown = isLong ? `${asked.slice(0, screen.width - 1)}…` : asked
    console.log(screen.isLive ? styleText("bold", shown) : shown)
    yield* Race.show(screen, race)
    console.log(`→ ${caption(race)}\n`)
    if (screen.isLive) yield* Effect.sleep("1 second")
  })

const intro = `Each draft is followed by a question to the model: would you do better if you
started over? The bar says how surely not. Three examples, slowed down.\n`

export const scenes = (seed: number) =>
  Effect.gen(function* () {
    console.log(intro)
    for (const each of SCENES) {
      const race = yield* example(each, seed)
      if (race !== undefined) yield* scene(new Screen(process.stdout), each, race)
    }
  })
