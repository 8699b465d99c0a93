/**
 * What deciding needs of a recording, computed once: for every problem and index one entry, side by side in flat arrays.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import type { RunError } from "@mulligan/core/RunError"
import * as Scorer from "@mulligan/core/Scorer"
import * as Usage from "@mulligan/core/Usage"
import * as Candidates from "@mulligan/strategies/Candidates"
import type { Judge, Policy } from "../Policy.ts"
import type { Recording } from "../Recording.ts"
import * as Replay from "../Replay.ts"
import { tooShort } from "./refusals.ts"
import { Shelf, suffices } from "./Shelf.ts"
import { unlessFull } from "./unlessFull.ts"

type Failure = BackendError | RunError
type Drawn = NonNullable<Policy["sampling"]>
type Answer = Candidates.Answer<Scorer.Scored>

/** Drafts at a schedule of temperatures, those of a problem in the order of the index. */
export interface Drafts {
  readonly candidates: ReadonlyArray<Candidate.Candidate>
  readonly lengths: Map<number, Int32Array>
  readonly texts: Map<number, Int32Array>
  readonly scores: Map<Judge, Map<number, Scores>>
}

/** What a scorer says of every draft at one depth, and what asking it cost. */
export interface Scores {
  readonly scored: ReadonlyArray<Scorer.Scored>
  readonly value: Float64Array
  readonly lower: Float64Array
  readonly upper: Float64Array
  readonly readTokens: Int32Array
  /** 1 where the draft left the question no room: the stage drops it. Undefined: nowhere. */
  readonly isFull: Uint8Array | undefined
  readonly answers: Map<Answer, Int32Array>
}

const cached = <K, A>(cache: Map<K, A>, key: K, make: () => A): A => {
  const known = cache.get(key)
  if (known !== undefined) return known
  const made = make()
  cache.set(key, made)
  return made
}

/** The same number for the same text, from 0; -1 for none. */
const numbered = (texts: Iterable<string | undefined>): Int32Array => {
  const numbers = new Map<string, number>()
  return Int32Array.from([...texts], (text) => (text === undefined ? -1 : cached(numbers, text, () => numbers.size)))
}

const part = (c: Candidate.Candidate, after: number): Candidate.Candidate =>
  c.tokens.length <= after ? c : { ...c, tokens: c.tokens.slice(0, after) }

export class Columns {
  readonly recording: Recording
  readonly #shelf: Shelf
  readonly #backend: Backend.Backend["Service"]
  readonly #drafts = new Map<string, Drafts>()

  constructor(recording: Recording) {
    this.recording = recording
    this.#shelf = new Shelf(recording)
    this.#backend = Replay.make(recording)
  }

  /** Refused where a draft is missing, or was cut before it had so many tokens. */
  drafts(temperatures: ReadonlyArray<number>, sampling: Drawn, maxTokens: number): Effect.Effect<Drafts, BackendError> {
    const key = JSON.stringify([temperatures, sampling, maxTokens === Infinity ? null : maxTokens])
    const known = this.#drafts.get(key)
    if (known !== undefined) return Effect.succeed(known)
    const made = Effect.map(
      Effect.forEach(this.recording.problems, (problem) =>
        Effect.flatMap(
          Stream.runCollect(Candidates.fromPrompt(problem.prompt, { count: temperatures.length, seed: problem.seed })),
          (empty) => Effect.forEach(empty, (c) => this.#draft(c, temperatures[c.index] ?? 1, sampling, maxTokens))
        )
      ),
      (all) => ({ candidates: all.flat(), lengths: new Map(), texts: new Map(), scores: new Map() })
    )
    return Effect.tap(made, (drafts) => Effect.sync(() => this.#drafts.set(key, drafts)))
  }

  #draft(empty: Candidate.Candidate, temperature: number, sampling: Drawn, maxTokens: number) {
    const { prompt, seed } = empty
    const found = Result.flatMap(this.#shelf.draft({ ...sampling, prompt, seed, temperature }), (draft) =>
      suffices(draft, maxTokens)
        ? Result.succeed(part({ ...empty, temperature, tokens: draft.tokens }, maxTokens))
        : Result.fail(tooShort(draft.tokens.length))
    )
    return Effect.fromResult(found)
  }

  /** Tokens of each draft that was cut there. */
  lengths({ candidates, lengths }: Drafts, after: number): Int32Array {
    return cached(lengths, after, () => Int32Array.from(candidates, (c) => Math.min(after, c.tokens.length)))
  }

  texts({ candidates, texts }: Drafts, after: number): Int32Array {
    return cached(texts, after, () => numbered(candidates.map((c) => Candidate.text(part(c, after)))))
  }

  answers({ answers, scored }: Scores, answer: Answer): Int32Array {
    return cached(answers, answer, () => numbered(scored.map(answer)))
  }

  scores({ candidates, scores }: Drafts, scorer: Judge, after: number): Effect.Effect<Scores, Failure> {
    const byDepth = cached(scores, scorer, () => new Map<number, Scores>())
    const known = byDepth.get(after)
    if (known !== undefined) return Effect.succeed(known)
    const meter = new Usage.Meter()
    let before = 0
    const judged = (c: Candidate.Candidate) =>
      Effect.map(unlessFull(scorer(part(c, after))), (score) => {
        const all = meter.usage.readTokens
        const readTokens = all - before
        before = all
        return { scored: { ...part(c, after), score: score ?? unread }, readTokens, isFull: score === undefined }
      })
    return Effect.forEach(candidates, judged).pipe(
      Effect.tap((all) => refuseInvalid(all.map(({ scored }) => scored))),
      Effect.provideService(Usage.CurrentMeter, meter),
      Effect.provideService(Backend.Backend, this.#backend),
      Effect.map(columnsOf),
      Effect.tap((made) => Effect.sync(() => byDepth.set(after, made)))
    )
  }
}

/** Nobody looks at it: its draft is dropped. */
const unread = Scorer.exact(-Infinity)

/** As the stage that judges refuses it. */
const refuseInvalid = (all: ReadonlyArray<Scorer.Scored>): Effect.Effect<void, Failure> => {
  const bad = all.find(({ score }) => !(score.lower <= score.value && score.value <= score.upper))
  if (bad === undefined) return Effect.void
  return Stream.runDrain(Candidates.score(Stream.make(bad), () => Effect.succeed(bad.score)))
}

interface Judged {
  readonly scored: Scorer.Scored
  readonly readTokens: number
  readonly isFull: boolean
}

const columnsOf = (all: ReadonlyArray<Judged>): Scores => {
  const scored = all.map((one) => one.scored)
  return {
    scored,
    value: Float64Array.from(scored, (c) => c.score.value),
    lower: Float64Array.from(scored, (c) => c.score.lower),
    upper: Float64Array.from(scored, (c) => c.score.upper),
    readTokens: Int32Array.from(all, (one) => one.readTokens),
    isFull: all.some((one) => one.isFull) ? Uint8Array.from(all, (one) => Number(one.isFull)) : undefined,
    answers: new Map()
  }
}
