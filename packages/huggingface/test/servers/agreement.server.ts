import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend, type BackendError, type Candidate, Prompt, type RunError, type Scorer, Usage } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Annealing, Candidates, Stopping } from "@mulligan/strategies"
import { cuts } from "../../../../scripts/pocket/levels.ts"
import { thresholds } from "../../../../scripts/pocket/model.ts"
import { isRight } from "../../../../scripts/pocket/policies.ts"
import { type Problem, problems } from "../../../../scripts/pocket/problems.ts"
import { bootstrap, mean, meanInterval } from "../../../../scripts/pocket/Statistics.ts"
import { parse } from "../../../../scripts/pocket/tasks/index.ts"
import { pocketFolder } from "../../../onnx/test/subjects.ts"
import { engines, layer } from "./pocket.ts"

const PROBLEMS = problems.test.mix.slice(0, 300)
const onnx = OnnxBackend.layer({ model: pocketFolder })
const evaluate = SelfEvaluator.make()

type Failure = BackendError.BackendError | RunError.RunError
const prompt = (problem: Problem) => Prompt.user(problem.prompt)
const right = (problem: Problem, c: Candidate.Candidate): number => (isRight(parse(problem.prompt), c) ? 1 : 0)

const each = <A, R>(f: (problem: Problem, seed: number) => Effect.Effect<A, Failure, R>) =>
  Effect.forEach(PROBLEMS, f, { concurrency: 8 })

/** Halves and wholes of one draft a problem, as one backend draws them. */
const drafts = each((problem, seed) =>
  Effect.gen(function* () {
    const maxTokens = cuts(problem.level).half
    const begun = Candidates.generate(Candidates.fromPrompt(prompt(problem), { count: 1, seed }), { maxTokens })
    const [half] = yield* Stream.runCollect(begun)
    const [whole] = yield* Stream.runCollect(Candidates.generate(Stream.make(half!)))
    return { half: half!, whole: whole! }
  })
)

/** What a backend thinks of the same drafts. */
const scores = (all: ReadonlyArray<Candidate.Candidate>) =>
  Effect.forEach(all, (candidate) => evaluate(candidate), { concurrency: 8 })

const greedy = each((problem) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    Stream.runCollect(backend.generate({ prompt: prompt(problem), prefix: [], temperature: 0, seed: 1 }))
  )
)

const adaptive = each((problem, seed) =>
  Effect.gen(function* () {
    const run = Candidates.fromPrompt(prompt(problem), { count: 16, seed: seed + 1000 }).pipe(
      Candidates.anneal(Annealing.exponential({ from: 0, to: 1 })),
      Candidates.generate(),
      Candidates.score(evaluate),
      Candidates.takeUntil(Stopping.threshold(thresholds.adaptive95)),
      Candidates.runBest
    )
    const [usage, exit] = yield* Usage.measure(run)
    return { accuracy: right(problem, yield* exit), samples: usage.samples }
  })
)

const agreement = (a: ReadonlyArray<Scorer.Score>, b: ReadonlyArray<Scorer.Score>) => {
  const stops = (s: Scorer.Score) => s.value >= thresholds.adaptive95
  const same = a.filter((score, i) => stops(score) === stops(b[i]!)).length
  // Score and mass together are the two labels' probabilities.
  const gaps = a.map((s, i) => Math.max(Math.abs(s.value - b[i]!.value), Math.abs(s.mass! - b[i]!.mass!)))
  return { apart: Math.max(...gaps), share: same / a.length }
}

/** Of each four neighbours one half is kept: the same one? */
const keeps = (scores: ReadonlyArray<Scorer.Score>) =>
  scores.map(({ value }, i) => {
    const group = scores.slice(4 * Math.floor(i / 4), 4 * Math.floor(i / 4) + 4)
    return group.filter((other) => other.value > value).length < 1
  })

for (const engine of engines) {
  describe.skipIf(engine.skipped !== undefined)(`The pocket model through ONNX and through ${engine.name}`, () => {
    let server: Awaited<ReturnType<typeof engine.start>>
    beforeAll(async () => void (server = await engine.start()))
    afterAll(() => server?.stop())
    const both = <A, E>(work: Effect.Effect<A, E, Backend.Backend>) =>
      Effect.all([Effect.provide(work, onnx), Effect.provide(work, layer(server.url))])

    it.effect("give the same greedy answers", () =>
      Effect.gen(function* () {
        const [here, there] = yield* both(greedy)
        const ids = (all: typeof here) => all.map((tokens) => tokens.map(({ id }) => id))
        assert.deepStrictEqual(ids(there), ids(here))
      })
    )

    it.effect("decide alike on the same drafts, whoever drew them", () =>
      Effect.gen(function* () {
        const drawn = yield* both(drafts)
        for (const all of drawn) {
          const halves = yield* both(scores(all.map(({ half }) => half)))
          const wholes = yield* both(scores(all.map(({ whole }) => whole)))
          for (const [here, there] of [halves, wholes]) {
            const { apart, share } = agreement(here, there)
            const kept = keeps(here).filter((keep, i) => keep === keeps(there)[i]).length / here.length
            console.log(`scores apart by at most ${apart.toExponential(1)}; stop alike ${share}, keep alike ${kept}`)
            assert.isAtMost(apart, 1e-4)
            assert.isAtLeast(share, 0.99)
            assert.isAtLeast(kept, 0.99)
          }
        }
      })
    )

    it.effect("are as accurate, with as many samples, in runs of their own", () =>
      Effect.gen(function* () {
        const [here, there] = yield* both(adaptive)
        for (const key of ["accuracy", "samples"] as const) {
          const [a, b] = [here.map((o) => o[key]), there.map((o) => o[key])]
          const apart = bootstrap(a.length, (rows) => mean(rows.map((row) => a[row]! - b[row]!)))
          console.log(
            `${key}: ONNX ${mean(a).toFixed(3)}, ${engine.name} ${mean(b).toFixed(3)}`,
            meanInterval(b),
            apart
          )
          assert.isTrue(apart.low <= 0 && apart.high >= 0, `${key} differs: ${JSON.stringify(apart)}`)
        }
      })
    )
  })

  if (engine.skipped !== undefined) it.skip(`${engine.name}: skipped: ${engine.skipped}`, () => {})
}
