/**
 * `mulligan replay`: strategies on recorded drafts, in moments and without a model.
 */
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import type { RunError } from "@mulligan/core/RunError"
import * as SelfEvaluator from "@mulligan/self-evaluator/SelfEvaluator"
import * as Offline from "../Offline.ts"
import * as Recording from "../Recording.ts"
import type { RecordingError } from "../RecordingError.ts"
import * as Output from "./Output.ts"
import type * as Problem from "./Problem.ts"
import { howRecorded } from "./recorded.ts"
import { screen } from "./Screen.ts"
import { policyOf } from "./Strategy.ts"
import * as StrategyFlags from "./StrategyFlags.ts"
import * as Summary from "./Summary.ts"
import { aligned } from "./table.ts"

export interface Replay {
  readonly file: string
  readonly strategies: ReadonlyArray<StrategyFlags.Name>
  /** Given by options, for all of them. */
  readonly given: Omit<StrategyFlags.Flags, "strategy" | "seed">
  readonly limit: number | undefined
  readonly isJson: boolean
}

type Failure = BackendError | RunError | RecordingError | Problem.UsageError

const firsts = (recording: Recording.Recording, limit = Infinity): Recording.Recording => ({
  ...recording,
  problems: recording.problems.slice(0, limit)
})

const mean = (values: Iterable<number>): number => {
  const all = [...values]
  return all.reduce((sum, value) => sum + value, 0) / all.length
}

const judge = SelfEvaluator.make()

const decided = (offline: Offline.Offline, name: StrategyFlags.Name, given: Replay["given"]) =>
  Effect.gen(function* () {
    const recorded = howRecorded(offline.recording)
    const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    const schedule = given.temperature === undefined && given.anneal === undefined ? recorded : {}
    const flags = { ...given, drafts: recorded.drafts, maxTokens: recorded.maxTokens, ...schedule, ...said }
    const drafts = name === "one" ? undefined : flags.drafts
    const settings = yield* StrategyFlags.settle({ ...flags, drafts, strategy: name, seed: 0 })
    return { name, settings, ...(yield* Offline.decide(offline, policyOf(settings, judge))) }
  })
type Decided = Effect.Success<ReturnType<typeof decided>>

const averages = ({ chosen, drawnTokens, readTokens, samples }: Decided) => ({
  drafts: mean(samples),
  drawnTokens: mean(drawnTokens),
  readTokens: mean(readTokens),
  unanswered: chosen.filter((scored) => scored === undefined).length,
  score: mean(chosen.flatMap((scored) => (scored === undefined ? [] : [scored.score.value])))
})

const perProblem = ({ chosen, drawnTokens, readTokens, samples }: Decided) =>
  chosen.map((scored, i) => ({
    index: scored?.index ?? null,
    answer: scored === undefined ? null : Candidate.text(scored).trimStart(),
    score: scored?.score.value ?? null,
    drafts: samples[i],
    drawnTokens: drawnTokens[i],
    readTokens: readTokens[i]
  }))

const heading = ["", "drafts", "tokens drawn", "read to judge", "score"]

const row = (decided: Decided): ReadonlyArray<string> => {
  const { drafts, drawnTokens, readTokens, score } = averages(decided)
  const said = Number.isNaN(score) ? "none" : Summary.brief(score)
  return [decided.name, drafts.toFixed(2), drawnTokens.toFixed(0), readTokens.toFixed(0), said]
}

/** What became of drafts that could not be judged where they end. */
const withoutRoom = (
  { problems }: Recording.Recording,
  all: ReadonlyArray<Decided>,
  maxTokens = Infinity
): ReadonlyArray<string> => {
  const isFull = ({ unread }: Recording.Draft) => unread.some(({ after }) => after <= maxTokens)
  const full = problems.flatMap(({ drafts }) => drafts.filter(isFull))
  if (full.length === 0) return []
  const unanswered = all.flatMap((one) => {
    const { unanswered } = averages(one)
    return unanswered === 0 ? [] : [`${one.name} has no answer to ${Summary.plural(unanswered, "problem")}.`]
  })
  const drafts = Summary.plural(full.length, "draft")
  return [
    `${drafts} left the question no room in the model's context, and a strategy drops what it cannot judge.`,
    ...unanswered,
    "Give --max-tokens where all were judged on the way, or record with a lower one."
  ]
}

/** Averages over the problems, a line for each strategy. */
export const replay = ({ file, given, isJson, limit, strategies }: Replay): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    const recording = firsts(yield* Recording.read(file), limit)
    const offline = Offline.make(recording)
    const start = performance.now()
    const all = yield* Effect.forEach(strategies, (name) => decided(offline, name, given))
    const seconds = (performance.now() - start) / 1000
    for (const line of withoutRoom(recording, all, given.maxTokens)) screen.note(line)
    if (isJson) {
      const told = all.map((one) => ({
        name: one.name,
        settings: one.settings,
        ...averages(one),
        problems: perProblem(one)
      }))
      return yield* Output.json({
        file,
        model: recording.model,
        problems: recording.problems.length,
        seconds,
        strategies: told
      })
    }
    const { model, problems } = recording
    yield* Output.line(`${Summary.plural(problems.length, "problem")}, ${model}; averages of a problem:\n`)
    yield* Output.line(aligned([heading, ...all.map(row)]))
    yield* Output.line(`\nReplayed in ${Summary.time(seconds)}; no token was drawn.`)
  })
