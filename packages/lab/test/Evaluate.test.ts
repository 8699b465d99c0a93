import { assert, describe, it } from "@effect/vitest"
import { Candidate, Usage } from "@mulligan/core"
import { Depth, Evaluate, type Latency, Policy, Setting } from "@mulligan/lab"
import type { Recording } from "@mulligan/lab"
import { Scorers } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { count, plan, prompts, script, task } from "./evaluated.ts"
import { recorded, replayed } from "./harness.ts"

const recording = Effect.cached(recorded(plan, script)).pipe(Effect.runSync)
const policies = {
  stops: { count, stop: 0.8, scorer: Setting.selfEvaluation.value },
  prunes: { count, cuts: [{ after: 3, keep: 0.5 }], scorer: Setting.selfEvaluation.value }
}
const evaluated = Effect.cached(
  Effect.flatMap(recording, (all) => Evaluate.evaluate(all, { task, policies, resamples: 200 }))
).pipe(Effect.runSync)

const rowOf = (evaluation: Evaluate.Evaluation, name: string): Evaluate.Row => {
  const row = evaluation.rows.find((one) => one.name === name)
  assert.isDefined(row, name)
  return row
}

const meanOf = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

/** The strategy itself, on the recording as a backend. */
const ran = (self: Policy.Policy, all: Recording.Recording) =>
  Effect.forEach(all.problems, ({ prompt, seed }) =>
    Effect.gen(function* () {
      const [usage, exit] = yield* replayed(Usage.measure(Policy.run(self, prompt, { seed })), all)
      const chosen = yield* exit
      return { usage, chosen, grade: Candidate.text(chosen).startsWith("a") ? 1 : 0 }
    })
  )

describe("Evaluate.evaluate", () => {
  it.live.each(Object.entries(policies))(
    "says of a policy that %s what the strategy itself is and costs",
    ([name, policy]) =>
      Effect.gen(function* () {
        const row = rowOf(yield* evaluated, name)
        const runs = yield* ran(policy, yield* recording)
        assert.closeTo(row.accuracy.value, meanOf(runs.map(({ grade }) => grade)), 1e-12)
        assert.closeTo(row.samples.value, meanOf(runs.map(({ usage }) => usage.samples)), 1e-12)
        assert.closeTo(row.drawnTokens.value, meanOf(runs.map(({ usage }) => usage.drawnTokens)), 1e-12)
        assert.closeTo(row.readTokens.value, meanOf(runs.map(({ usage }) => usage.readTokens)), 1e-12)
        const wasted = runs.map(({ chosen, usage }) => usage.drawnTokens - chosen.tokens.length)
        assert.closeTo(row.wastedTokens.value, meanOf(wasted), 1e-12)
      })
  )

  it.live("measures shares of the gain from one sample to the best of N, and from greedy", () =>
    Effect.gen(function* () {
      const evaluation = yield* evaluated
      const [one, best, greedy] = [Evaluate.names.one, Evaluate.names.best(count), Evaluate.names.greedy].map((name) =>
        rowOf(evaluation, name)
      ) as [Evaluate.Row, Evaluate.Row, Evaluate.Row]
      assert.deepStrictEqual(one.gainShare, { value: 0, low: 0, high: 0 })
      assert.deepStrictEqual(best.gainShare, { value: 1, low: 1, high: 1 })
      assert.deepStrictEqual(best.accuracyOverBest, { value: 0, low: 0, high: 0 })
      const own = rowOf(evaluation, "stops")
      const share = (from: Evaluate.Row) =>
        (own.accuracy.value - from.accuracy.value) / (best.accuracy.value - from.accuracy.value)
      assert.closeTo(own.gainShare.value, share(one), 1e-12)
      assert.closeTo(own.gainShareOverGreedy!.value, share(greedy), 1e-12)
    })
  )

  it.live("takes all drafts for what one sample is worth, and the best one for what is possible", () =>
    Effect.gen(function* () {
      const all = (yield* recording).problems.map(({ drafts }) =>
        drafts.filter(({ temperature }) => temperature === 1).map(({ tokens }) => (tokens[0]?.text === "a" ? 1 : 0))
      )
      const evaluation = yield* evaluated
      assert.closeTo(rowOf(evaluation, Evaluate.names.one).accuracy.value, meanOf(all.map(meanOf)), 1e-12)
      const possible = rowOf(evaluation, Evaluate.names.possible(count)).accuracy.value
      assert.closeTo(possible, meanOf(all.map((grades) => Math.max(...grades))), 1e-12)
    })
  )

  it.live("measures the signal where it was recorded: nothing at first, nearly all at the end", () =>
    Effect.gen(function* () {
      const { diagnosis, depths } = (yield* evaluated).signal
      const at = (depth: Depth.Depth) => depths.find((one) => Depth.title(one.depth) === Depth.title(depth))!
      assert.isUndefined(at({ share: 0.25 }), "was not recorded")
      assert.isDefined(at({ share: 0.5 }))
      assert.closeTo(at({ tokens: 2 }).within.value, 0.5, 1e-12)
      assert.strictEqual(at({ tokens: 3 }).within.value, 1)
      assert.isAbove(at({ share: 1 }).within.low, 0.95)
      assert.strictEqual(at({ share: 1 }).mass, 1)
      assert.strictEqual(diagnosis.verdict, "trusted")
    })
  )

  it.live("says so first if the signal is no better than chance, and what to use instead", () =>
    Effect.gen(function* () {
      const coin = Scorers.verifier((c) => ((c.seed * 2654435761) % 1000) / 1000)
      const { signal } = yield* Evaluate.evaluate(yield* recording, { task, scorer: coin, depths: [{ share: 1 }] })
      assert.strictEqual(signal.diagnosis.verdict, "chance")
      assert.match(signal.diagnosis.advice, /^Self-evaluation is no better than chance here/)
    })
  )

  it.live("compares what tokens tell beside, where it was recorded, and says to use it where it is better", () =>
    Effect.gen(function* () {
      const bare = yield* recording
      const told = ({ tokens, ...rest }: Recording.Draft): Recording.Draft => {
        const isRight = tokens[0]?.text === "a"
        return { ...rest, tokens: tokens.map((token) => ({ ...token, certainty: isRight ? 2 : 1, confidence: 3 })) }
      }
      const problems = bare.problems.map((problem) => ({ ...problem, drafts: problem.drafts.map(told) }))
      const all = { ...bare, problems, measures: { certainty: true, confidence: 5 } as const }
      const coin = Scorers.verifier((c) => ((c.seed * 2654435761) % 1000) / 1000)
      const evaluation = yield* Evaluate.evaluate(all, { task, scorer: coin, depths: [{ share: 1 }], resamples: 10 })
      assert.match(evaluation.signal.diagnosis.advice, /Use self-certainty instead/)
      const accuracy = (name: string) => rowOf(evaluation, name).accuracy.value
      assert.strictEqual(accuracy(Evaluate.names.certain(count)), accuracy(Evaluate.names.possible(count)))
      assert.isBelow(accuracy(Evaluate.names.confident(count)), accuracy(Evaluate.names.certain(count)))
      const names = (yield* evaluated).rows.map(({ name }) => name)
      assert.notInclude(names, Evaluate.names.certain(count))
      assert.notInclude(names, Evaluate.names.confident(count))
    })
  )

  it.live("reckons time by the model of hardware that it is told", () =>
    Effect.gen(function* () {
      const hardware: Latency.Hardware = { rows: 2, secondsPerStep: 3, secondsPerRead: 5 }
      const all = { policies, hardware, task, resamples: 10 }
      const row = rowOf(yield* Evaluate.evaluate(yield* recording, all), Evaluate.names.best(count))
      const steps = (yield* recording).problems.map(({ drafts }) => {
        const lengths = drafts.filter(({ temperature }) => temperature === 1).map(({ tokens }) => tokens.length)
        return Math.max(...lengths, Math.ceil(lengths.reduce((sum, length) => sum + length, 0) / 2))
      })
      assert.closeTo(row.seconds.value, 3 * meanOf(steps) + 5 * row.readTokens.value, 1e-9)
      assert.strictEqual(row.rounds.value, 1)
    })
  )

  it.live("refuses a recording of other prompts, and says which", () =>
    Effect.gen(function* () {
      const other = { ...task, problems: task.problems.filter(({ prompt }) => prompt !== prompts[2]) }
      const error = yield* Effect.flip(Evaluate.evaluate(yield* recording, { task: other }))
      assert.match(error.message, /Prompt 3 of the recording is none of the task's/)
    })
  )

  it.live("compares drafts that were cut at the length that all have", () =>
    Effect.gen(function* () {
      const cut = yield* recorded({ ...plan, maxTokens: 4, readings: [{ ...plan.readings![0]!, shares: [1] }] }, script)
      const evaluation = yield* Evaluate.evaluate(cut, { task, resamples: 10 })
      assert.isAtMost(rowOf(evaluation, Evaluate.names.one).drawnTokens.value, 4)
    })
  )
})
