import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  BackendError,
  type Candidate,
  type Fact,
  Fact as Facts,
  Scorer,
  type Usage,
  Usage as Meter
} from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Candidates, Scorers } from "@mulligan/strategies"

export type Log = ScriptedBackend.Log

/** Runs an effect on a scripted backend and gives the log with it. */
export const scripted = <A, E, R>(effect: Effect.Effect<A, E, R>, script: ScriptedBackend.Script = {}) =>
  Effect.gen(function* () {
    const log = yield* ScriptedBackend.ScriptedLog
    return [yield* effect, log] as const
  }).pipe(Effect.provide(ScriptedBackend.layer(script)))

/** The mean of the digits drawn, 0 to 1: known without asking anybody. */
export const byDigits = Scorers.verifier(
  (c) => c.tokens.reduce((sum, t) => sum + (Number(t.text) || 0), 0) / (9 * Math.max(1, c.tokens.length))
)

/** A scorer by index. */
export const byIndex = (f: (index: number) => number) => Scorers.verifier((c) => f(c.index))

export const transient = new BackendError.BackendError({
  backend: "s",
  reason: new BackendError.Unavailable({ problem: "Off.", advice: "Wait." })
})
export const permanent = new BackendError.BackendError({
  backend: "s",
  reason: new BackendError.InvalidRequest({ problem: "Bad.", advice: "Mend it." })
})

export const indexes = (all: ReadonlyArray<Candidate.Candidate>) => all.map((c) => c.index)

/** Scored candidates without a backend. */
export const scored = (...values: ReadonlyArray<number>): Stream.Stream<Scorer.Scored> =>
  Stream.fromIterable(
    values.map((value, index) => ({
      index,
      prompt: "p",
      tokens: [{ text: "x" }],
      seed: index,
      temperature: 1,
      score: Scorer.exact(value)
    })),
    { chunkSize: 1 }
  )

export const collectFacts = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const facts: Array<Fact.Fact> = []
    const result = yield* Effect.provideService(effect, Facts.Listener, (fact) => void facts.push(fact))
    return [facts, result] as const
  })

export const usageOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Usage.Usage, never, R> =>
  Effect.map(Meter.measure(effect), ([usage]) => usage)

export const draws = (count: number, options: Candidates.GenerateOptions = {}, seed = 0) =>
  Candidates.fromPrompt("p", { count, seed }).pipe(Candidates.generate(options))

/** Scored candidates of one token each, its text the answer; `-` answers nothing. */
export const history = (scores: ReadonlyArray<number | Scorer.Score>, answers = ""): ReadonlyArray<Scorer.Scored> =>
  scores.map((score, index) => ({
    index,
    prompt: "p",
    tokens: [{ text: answers[index] ?? "x", end: "stop" as const }],
    seed: index,
    temperature: 1,
    score: typeof score === "number" ? Scorer.exact(score) : score
  }))

export const firstText = (c: Candidate.Candidate) => (c.tokens[0]?.text === "-" ? undefined : c.tokens[0]?.text)
