// npm run bench:replay: 1,000 policies decided on 1,000 problems with 16 recorded drafts each, on one core; with --check also how many
// decisions are those of the strategies themselves on the recording, of a sample. Prints JSON: [{ figure, value }].
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Candidate, Usage } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Offline, Policy, Record, Recording, Replay } from "@mulligan/lab"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Annealing, Scorers, Stopping } from "@mulligan/strategies"

const PROBLEMS = 1000
const POLICIES = 1000
const DRAFTS = 16
const DEPTHS = [4, 8, 16]

const annealing = Annealing.exponential({ from: 0, to: 1 })
const selfEvaluator = SelfEvaluator.make()
const answer = (c: Candidate.Candidate) => c.tokens[2]?.text

const scorers = [selfEvaluator, Scorers.meanLogProb]
const rounds = [undefined, [1, 1, 2, 4, 8], [4, 4, 4, 4], [16]]
const choices = ["best", { majority: answer }, { weightedMajority: answer }] as const
const cuts: ReadonlyArray<(share: number) => ReadonlyArray<Policy.Cut>> = [
  () => [],
  (share) => [{ after: 8, keep: share }],
  (share) => [{ after: 4, keep: share, distinct: true }],
  (share) => [
    { after: 4, keep: 0.75 },
    { after: 16, keep: share }
  ],
  (share) => [{ after: 8, below: share }]
]

/** One of the list, by a digit of the number in its base; gives the rest of the number with it. */
const pick = <A>(all: ReadonlyArray<A>, n: number): readonly [A, number] => [
  all[n % all.length] as A,
  Math.floor(n / all.length)
]

/** Every kind of rule, cut, schedule and choice, with thresholds of their own. */
const policies = Array.from({ length: POLICIES }, (_, i): Policy.Policy => {
  const share = (i + 0.5) / POLICIES
  const rules = [
    undefined,
    share,
    Stopping.threshold(share),
    Stopping.agreement(answer, { size: 2 }),
    Stopping.or(Stopping.threshold(share), Stopping.count(1 + (i % DRAFTS)))
  ]
  const [stop, a] = pick(rules, i)
  const [sizes, b] = pick(rounds, a)
  const [choose, c] = pick(choices, b)
  const [cut, d] = pick(cuts, c)
  const [scorer] = pick(scorers, d)
  return {
    count: DRAFTS,
    temperature: i % 2 === 0 ? annealing : 1,
    rounds: sizes,
    cuts: cut(share),
    scorer,
    stop,
    choose
  }
})

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    const result = yield* effect
    return [result, Number(((performance.now() - start) / 1000).toFixed(3))] as const
  })

const record = (file: string) =>
  Record.run({
    file,
    model: "scripted",
    prompts: Array.from({ length: PROBLEMS }, (_, i) => `problem ${i}`),
    count: DRAFTS,
    seed: Record.seedOf,
    temperature: [1, annealing],
    readings: [{ ...Record.paper, tokens: DEPTHS }]
  }).pipe(Effect.provide(ScriptedBackend.layer({ length: ({ seed }) => 12 + (seed % 20) })))

/** Of every tenth policy on every hundredth problem. */
const agreeing = (recording: Recording.Recording, decisions: ReadonlyArray<Offline.Decisions>) =>
  Effect.gen(function* () {
    let [same, all] = [0, 0]
    for (let i = 0; i < POLICIES; i += 10) {
      for (let p = 0; p < PROBLEMS; p += 100) {
        const { prompt, seed } = recording.problems[p]!
        const [usage, exit] = yield* Usage.measure(Policy.run(policies[i]!, prompt, { seed }))
        const chosen = exit._tag === "Success" ? exit.value.index : undefined
        const { chosen: decided, samples } = decisions[i]!
        if (decided[p]?.index === chosen && samples[p] === usage.samples) same++
        all++
      }
    }
    return same / all
  }).pipe(Effect.provide(Replay.layer(recording)))

const folder = mkdtempSync(join(tmpdir(), "mulligan-replay-"))
const program = Effect.gen(function* () {
  const file = join(folder, "drafts.jsonl.gz")
  const [, recordSeconds] = yield* timed(record(file))
  const [recording, readSeconds] = yield* timed(Recording.read(file))
  const offline = Offline.make(recording)
  const before = process.cpuUsage()
  const [decisions, seconds] = yield* timed(Effect.forEach(policies, (policy) => Offline.decide(offline, policy)))
  const { system, user } = process.cpuUsage(before)
  const samples = decisions.reduce((sum, one) => sum + one.samples.reduce((a, b) => a + b, 0), 0)
  return {
    decideSeconds: seconds,
    decideCpuSeconds: Number(((user + system) / 1e6).toFixed(3)),
    microsecondsPerDecision: Number(((1e6 * seconds) / (POLICIES * PROBLEMS)).toFixed(2)),
    samplesPerDecision: Number((samples / (POLICIES * PROBLEMS)).toFixed(2)),
    recordSeconds,
    readSeconds,
    fileMegabytes: Number((statSync(file).size / 1e6).toFixed(1)),
    ...(process.argv.includes("--check") ? { sameAsStrategies: yield* agreeing(recording, decisions) } : {})
  }
})

try {
  const figures = await Effect.runPromise(program)
  console.log(JSON.stringify(Object.entries(figures).map(([figure, value]) => ({ figure, value }))))
} finally {
  rmSync(folder, { recursive: true })
}
