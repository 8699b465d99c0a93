// node benchmarks/drafts.ts: tokens per second of the pocket model for 1, 4 and 16 drafts of one prompt at once, and what a question
// costs. Medians of several runs; one JSON line, to be kept in benchmarks/results/ with its date and machine.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { cpus } from "node:os"
import { Prompt } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"

const RUNS = 15
const prompt = Prompt.user("Make 24 from 3 5 7 11")

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

const draw = (count: number, seed: number) =>
  Candidates.fromPrompt(prompt, { count, seed }).pipe(
    Candidates.rounds([count], (round) => round.pipe(Candidates.generate()))
  )

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    const result = yield* effect
    return [result, (performance.now() - start) / 1000] as const
  })

const measure = (count: number) =>
  Effect.gen(function* () {
    const rates: Array<number> = []
    const judged: Array<number> = []
    for (let run = 0; run < RUNS; run++) {
      const [drafts, seconds] = yield* timed(Stream.runCollect(draw(count, run)))
      rates.push(drafts.reduce((sum, c) => sum + c.tokens.length, 0) / seconds)
      const scored = Candidates.score(Stream.fromIterable(drafts), SelfEvaluator.make(), { concurrency: "unbounded" })
      judged.push((yield* timed(Stream.runDrain(scored)))[1])
    }
    return {
      drafts: count,
      tokensPerSecond: Math.round(median(rates)),
      judgeMilliseconds: Number((1000 * median(judged)).toFixed(1))
    }
  })

const program = Effect.forEach([1, 4, 16], measure).pipe(Effect.provide(OnnxBackend.layer({ model: "models/pocket" })))
const results = await Effect.runPromise(program)
const machine = `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`
console.log(
  JSON.stringify({ date: new Date().toISOString().slice(0, 10), machine, model: "pocket", runs: RUNS, results })
)
