import { assert, describe, it } from "@effect/vitest"
import { Candidate, Usage } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Offline, Policy, Record } from "@mulligan/lab"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Annealing, Candidates, Scorers, Stopping, Threshold, Weights } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { onScript, recorded, replayed, script } from "./harness.ts"
import { same } from "./same.ts"

const COUNT = 9
const DEPTHS = [1, 2, 3, 5, 8]
const annealing = Annealing.exponential({ from: 0, to: 1 })
const readings = [{ ...Record.paper, tokens: DEPTHS }]
const plan = { prompts: ["one", "three", "fifteen"], count: COUNT, seed: 5, temperature: [1, annealing], readings }

/** Two texts, so that many drafts are alike, for a while. */
const alike = {
  ...script,
  text: ({ seed }: { readonly seed: number }, position: number) => String((seed >> position) % 2)
}

const selfEvaluator = SelfEvaluator.make()
const ones = (c: Candidate.Candidate) =>
  c.tokens.filter(({ text }) => text === "1").length / Math.max(1, c.tokens.length)
/** With intervals that overlap, and with ties. */
const wide: Policy.Judge = (c) => {
  const value = Math.round(4 * ones(c)) / 4
  return Effect.succeed({ value, lower: value - 0.2, upper: value + 0.3 * ones(c) })
}
const judges: ReadonlyArray<Policy.Judge> = [selfEvaluator, Scorers.meanLogProb, wide, Scorers.verifier(ones)]

/** What comes first, and not every draft says anything. */
const answer = (c: Candidate.Candidate) => (c.tokens.length < 2 ? undefined : Candidate.text(c).slice(0, 2))

const judge = fc.constantFrom(...judges)
const threshold = fc.integer({ min: -10, max: 20 }).map((twentieths) => twentieths / 20)

/** Learned from what came before. */
const bar = fc.oneof(
  fc.record({ count: fc.integer({ min: 1, max: 4 }), keep: fc.constantFrom(0.3, 0.5, 1) }).map(Threshold.warmUp),
  fc.constantFrom(0.2, 0.6).map((keep) => Threshold.topShare({ keep }))
)
const vote = fc.record({
  weights: fc.constantFrom(undefined, Weights.equal, Weights.exp, Weights.borda()),
  above: fc.option(bar, { nil: undefined })
})

const cut = (after: number): fc.Arbitrary<Policy.Cut> =>
  fc.oneof(
    fc.record({
      after: fc.constant(after),
      keep: fc.oneof(fc.double({ min: 0.05, max: 0.95, noNaN: true }), fc.constantFrom(1, 2, 3, 20, Infinity)),
      distinct: fc.boolean(),
      scorer: fc.option(judge, { nil: undefined })
    }),
    fc.record({
      after: fc.constant(after),
      below: fc.oneof(threshold, bar),
      scorer: fc.option(judge, { nil: undefined })
    })
  )

const cuts = fc
  .subarray(DEPTHS.slice(0, -1), { maxLength: 3 })
  .chain((depths) => fc.tuple(...depths.map(cut)) as fc.Arbitrary<ReadonlyArray<Policy.Cut>>)

const simple = fc.oneof(
  threshold.map(Stopping.threshold),
  fc.integer({ min: 1, max: 9 }).map(Stopping.count),
  fc.integer({ min: 1, max: 3 }).map((size) => Stopping.agreement(answer, { size })),
  fc.double({ min: 0.5, max: 1, noNaN: true }).map((confidence) => Stopping.betaPosterior(answer, { confidence }))
)
const rule = fc.oneof(
  simple,
  fc.tuple(simple, simple).map(([a, b]) => Stopping.and(a, b)),
  fc.tuple(simple, simple).map(([a, b]) => Stopping.or(a, b))
)

const policy: fc.Arbitrary<Policy.Policy> = fc.record({
  count: fc.integer({ min: 1, max: COUNT }),
  temperature: fc.constantFrom(undefined, 1, annealing),
  rounds: fc.option(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 5 }), { nil: undefined }),
  cuts: fc.option(cuts, { nil: undefined }),
  maxTokens: fc.constantFrom(undefined, undefined, 8),
  scorer: fc.option(judge, { nil: undefined }),
  stop: fc.oneof(fc.constant(undefined), threshold, rule),
  choose: fc.oneof(
    fc.constantFrom("best" as const, { majority: answer }, { weightedMajority: answer }, undefined),
    vote.map((options) => ({ weightedMajority: answer, ...options }))
  )
})

describe("Offline.decide", () => {
  it.live("refuses what tokens were not recorded to tell, as Replay does", () =>
    Effect.gen(function* () {
      const recording = yield* recorded({ ...plan, prompts: ["one"], confidence: 4 }, alike)
      const offline = Offline.make(recording)
      const self = (confidence: number) => ({ count: 2, scorer: Scorers.meanConfidence, sampling: { confidence } })
      yield* same(self(4), recording, offline)
      const errors = [
        yield* Effect.flip(Offline.decide(offline, self(20))),
        yield* Effect.flip(replayed(Policy.run(self(20), "one", { seed: 5 }), recording))
      ]
      for (const { message } of errors) assert.match(message, /confidence over 4, not confidence over 20/)
    })
  )

  it.live("chooses, samples, draws and reads as the strategy itself does on Replay", () =>
    Effect.gen(function* () {
      const recording = yield* recorded(plan, alike)
      const offline = Offline.make(recording)
      const property = fc.asyncProperty(policy, (self) => Effect.runPromise(same(self, recording, offline)))
      yield* Effect.promise(() => fc.assert(property, { numRuns: 400 }))
    })
  )

  it.live("chooses and samples as the strategy does on a slow backend, and counts what that saves", () =>
    Effect.gen(function* () {
      const offline = Offline.make(yield* recorded({ ...plan, prompts: ["one"] }, alike))
      const slow = { ...alike, delay: () => 1, judgeDelay: () => 1 }
      const self = { count: COUNT, rounds: [COUNT], stop: 0, scorer: selfEvaluator, temperature: annealing }
      const [usage, exit] = yield* onScript(Usage.measure(Policy.run(self, "one", { seed: 5 })), slow)
      const decided = yield* Offline.decide(offline, self)
      assert.deepStrictEqual(decided.chosen[0], yield* exit)
      assert.strictEqual(decided.samples[0], usage.samples)
      assert.isAbove(usage.cancelledTokens, 0)
      assert.isAbove(decided.drawnTokens[0]!, usage.drawnTokens)
    })
  )

  it.live("asks a scorer and an answer once for each draft, however many policies there are", () =>
    Effect.gen(function* () {
      const asked = { scorer: 0, answer: 0 }
      const scorer = Scorers.verifier((c) => (asked.scorer++, ones(c)))
      const said = (c: Candidate.Candidate) => (asked.answer++, answer(c))
      const offline = Offline.make(yield* recorded(plan, alike))
      const self = { count: COUNT, scorer, choose: { majority: said } }
      yield* Effect.forEach([0.1, 0.2, 0.3], (stop) => Offline.decide(offline, { ...self, stop }))
      assert.deepStrictEqual(asked, { scorer: 3 * COUNT, answer: 3 * COUNT })
    })
  )

  const unrecorded: ReadonlyArray<readonly [string, Policy.Policy, RegExp]> = [
    ["more drafts", { count: COUNT + 1 }, /record with a higher count/],
    ["another temperature", { count: 2, temperature: 0.7 }, /Record with temperature 0\.7/],
    ["other sampling", { count: 2, sampling: { topK: 5 } }, /topK is off, not 5/],
    ["another depth", { count: 2, cuts: [{ after: 4, keep: 1 }] }, /tokens: \[4\]/],
    ["another question", { count: 2, scorer: SelfEvaluator.make({ question: "Why?" }) }, /`readings`/]
  ]
  it.live.each(unrecorded)("says what to record of %s", ([, self, advice]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Offline.decide(Offline.make(yield* recorded(plan, alike)), self))
      assert.match(error.message, advice)
    })
  )

  it.live("says what to record of drafts that were cut too early", () =>
    Effect.gen(function* () {
      const offline = Offline.make(yield* recorded({ ...plan, maxTokens: 4, readings: [Record.paper] }))
      assert.match((yield* Effect.flip(Offline.decide(offline, { count: 2 }))).message, /maxTokens above 4/)
      assert.strictEqual((yield* Offline.decide(offline, { count: 2, maxTokens: 4 })).chosen.length, 3)
    })
  )

  it.live("refuses a score that is none", () =>
    Effect.gen(function* () {
      const offline = Offline.make(yield* recorded(plan))
      const error = yield* Effect.flip(Offline.decide(offline, { count: 2, scorer: Scorers.verifier(() => NaN) }))
      assert.strictEqual(error.reason._tag, "InvalidScore")
    })
  )
})

describe("a policy", () => {
  const bad: ReadonlyArray<readonly [string, Partial<Policy.Policy>, RegExp]> = [
    ["draws nothing", { count: 0 }, /whole number of drafts/],
    ["has an empty round", { rounds: [1, 0] }, /sizes of rounds/],
    ["cuts before the first token", { cuts: [{ after: 0, keep: 1 }] }, /Cuts stand/],
    [
      "cuts backwards",
      {
        cuts: [
          { after: 4, keep: 1 },
          { after: 3, keep: 1 }
        ]
      },
      /Cuts stand/
    ],
    ["cuts at its end", { cuts: [{ after: 4, keep: 1 }], maxTokens: 4 }, /Cuts stand/],
    ["keeps nothing", { cuts: [{ after: 4, keep: 0 }] }, /a share or a number/],
    ["has no threshold", { cuts: [{ after: 4, below: NaN }] }, /a threshold that is a number/],
    ["is colder than greedy", { temperature: -1 }, /temperature/],
    ["anneals by scores", { temperature: Annealing.byBestScore({ cold: 0, hot: 1 }) }, /depends on scores/]
  ]
  it.each(bad)("that %s is refused when it is built", (_, part, problem) => {
    assert.throws(() => Policy.strategy({ count: 4, ...part }), RangeError, problem)
  })

  it.live("draws its number of drafts from an endless stream, whatever its rounds", () =>
    Effect.gen(function* () {
      const self = Policy.strategy({ count: 2, rounds: [1, 3, 3], scorer: Scorers.verifier(() => 1) })
      const [usage] = yield* onScript(Usage.measure(self(Candidates.fromPrompt("one"))))
      assert.strictEqual(usage.samples, 2)
    })
  )

  it.live("draws one at a time where it may stop, else all at once", () =>
    Effect.gen(function* () {
      const samples = (self: Partial<Policy.Policy>) =>
        Effect.gen(function* () {
          const run = Policy.run({ count: 4, scorer: Scorers.verifier(() => 1), ...self }, "one")
          const rows = yield* Effect.andThen(run, ScriptedBackend.ScriptedLog)
          return [rows.generateCalls, rows.mostOpenRows]
        }).pipe(Effect.provide(ScriptedBackend.layer({ delay: () => 1 })))
      assert.deepStrictEqual(yield* samples({}), [4, 4])
      assert.deepStrictEqual(yield* samples({ stop: 0.5 }), [1, 1])
      assert.deepStrictEqual(yield* samples({ stop: 2 }), [4, 1])
      assert.deepStrictEqual(yield* samples({ stop: 0.5, rounds: [2, 2] }), [2, 2])
    })
  )
})
