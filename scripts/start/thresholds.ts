// npm run thresholds [-- --problems 600]: chooses the stopping thresholds on validation problems, never on those shown,
// and writes them beside the model. For each wanted share of the gain: the cheapest threshold that reaches it in nine of
// ten resamples of the problems.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Candidate, Prompt, type Scorer } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import { isRight, type Problem, question } from "./Countdown.ts"
import { folder, layer, problems } from "./pocket.ts"
import { annealing, N } from "./policies.ts"
import { mean, random } from "./Statistics.ts"

const { values } = parseArgs({
  options: { problems: { type: "string", default: "600" }, seed: { type: "string", default: "1" } }
})
const count = Number(values.problems)
const seed = Number(values.seed)

interface Judged {
  readonly right: number
  readonly score: number
}
interface Drawn {
  /** At temperature 1, for one sample and the best of 16. */
  readonly warm: ReadonlyArray<Judged>
  readonly annealed: ReadonlyArray<Judged>
}

const draw = (problem: Problem, isAnnealed: boolean) =>
  Candidates.fromPrompt(Prompt.user(question(problem)), { count: N, seed }).pipe(
    isAnnealed ? Candidates.anneal(annealing) : (self) => self,
    Candidates.rounds([N], (round) => round.pipe(Candidates.generate(), Candidates.score(SelfEvaluator.make()))),
    Stream.runCollect,
    Effect.map((all) =>
      all.map((c: Scorer.Scored) => ({ right: isRight(problem, Candidate.text(c)) ? 1 : 0, score: c.score.value }))
    )
  )

const best = (all: ReadonlyArray<Judged>) => all.reduce((a, b) => (b.score > a.score ? b : a)).right

/** The stopping rule on drafts that are there: how many it would have drawn, and whether its choice is right. */
const stopped = (all: ReadonlyArray<Judged>, threshold: number) => {
  const at = all.findIndex((c) => c.score >= threshold)
  const seen = at === -1 ? all : all.slice(0, at + 1)
  return { samples: seen.length, right: best(seen) }
}

const choose = (drawn: ReadonlyArray<Drawn>, share: number) => {
  const one = drawn.map((d) => mean(d.warm.map((c) => c.right)))
  const self = drawn.map((d) => best(d.warm))
  const next = random(seed)
  const resamples = Array.from({ length: 200 }, () => drawn.map(() => Math.floor(next() * drawn.length)))
  const scores = drawn.flatMap((d) => d.annealed.map((c) => c.score)).toSorted((a, b) => a - b)
  const grid = Array.from({ length: 400 }, (_, i) => scores[Math.floor((i / 400) * scores.length)] ?? 1)
  const reaches = (rights: ReadonlyArray<number>) => {
    const at = (values: ReadonlyArray<number>, rows: ReadonlyArray<number>) => mean(rows.map((row) => values[row] ?? 0))
    const held = resamples.filter(
      (rows) => at(rights, rows) - at(one, rows) >= share * (at(self, rows) - at(one, rows))
    )
    return held.length >= 0.9 * resamples.length
  }
  for (const threshold of [...new Set(grid), 1.1]) {
    const outcomes = drawn.map((d) => stopped(d.annealed, threshold))
    if (!reaches(outcomes.map((o) => o.right)) && threshold <= 1) continue
    const samples = mean(outcomes.map((o) => o.samples))
    const gain = (mean(outcomes.map((o) => o.right)) - mean(one)) / (mean(self) - mean(one))
    console.log(
      `${share}: threshold ${threshold.toFixed(4)}, on validation ${samples.toFixed(2)} samples, ${gain.toFixed(3)} of the gain`
    )
    return Number(threshold.toFixed(5))
  }
  throw new Error("unreachable: no threshold is above 1")
}

/** Several problems at once, because nobody is timed here. */
const program = Effect.forEach(
  problems.validation.slice(0, count),
  (problem, i) =>
    Effect.gen(function* () {
      if (i % 50 === 0) console.log(`${i} of ${count}`)
      return { warm: yield* draw(problem, false), annealed: yield* draw(problem, true) }
    }),
  { concurrency: 4 }
).pipe(Effect.provide(layer))

const drawn = await Effect.runPromise(program)
const thresholds = { adaptive85: choose(drawn, 0.85), adaptive97: choose(drawn, 0.97) }
const about = `Chosen by "npm run thresholds -- --problems ${count} --seed ${seed}" on validation problems.`
writeFileSync(join(folder, "thresholds.json"), `${JSON.stringify({ about, ...thresholds }, null, 2)}\n`)
console.log(thresholds)
