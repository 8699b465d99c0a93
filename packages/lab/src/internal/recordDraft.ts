/**
 * One draft of a recording: drawn to its end, or on from where it stands, then asked what has not been asked.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Budget from "@mulligan/core/Budget"
import type { Candidate } from "@mulligan/core/Candidate"
import * as Fact from "@mulligan/core/Fact"
import type { RunError } from "@mulligan/core/RunError"
import * as Scorer from "@mulligan/core/Scorer"
import * as Usage from "@mulligan/core/Usage"
import * as Candidates from "@mulligan/strategies/Candidates"
import type { Question } from "../Line.ts"
import type { Draft } from "../Recording.ts"
import { depthsOf, isWhole, type Plan } from "./plan.ts"
import { Row } from "./Row.ts"
import type { Tape } from "./Tape.ts"

type Failure = BackendError | RunError

const REDRAWS = 3
const FIRST_WAIT = Duration.millis(200)

/** What came of it is all there is: it can only be drawn again from its beginning. */
const isBrokenOff = ({ reason }: BackendError): boolean => reason._tag === "Unavailable" && reason.brokenOff === true

/** By the stage that strategies draw with, so that failures are retried as theirs are. */
const drawOn = (row: Row, c: Candidate, { maxTokens, measures, retries, sampling }: Plan) => {
  const more = maxTokens === Infinity ? {} : { maxTokens: maxTokens - c.tokens.length }
  const how = { ...sampling, ...measures, ...more, retries, strict: true }
  return Stream.runDrain(Candidates.generate(Stream.make(c), how)).pipe(
    Effect.provideService(Fact.Listener, (fact) => {
      if (fact._tag === "Drawn") row.push(fact.token)
    })
  )
}

/** On from its tokens; from its beginning where that was broken off, or the backend goes on from no prefix. */
const attempt = (row: Row, c: Candidate, plan: Plan, tried = 0): Effect.Effect<void, Failure, Backend.Backend> =>
  Effect.catchTag(drawOn(row, c, plan), "BackendError", (error) => {
    const again = { ...c, tokens: [] }
    if (c.tokens.length > 0 && error.reason._tag === "Unsupported") {
      row.restart()
      return attempt(row, again, plan, tried)
    }
    if (!isBrokenOff(error)) return Effect.fail(error)
    row.void()
    if (tried >= REDRAWS) return Effect.fail(error)
    return Effect.andThen(Effect.sleep(Duration.times(FIRST_WAIT, 2 ** tried)), attempt(row, again, plan, tried + 1))
  })

const draw = (tape: Tape, id: number, { tokens }: Draft, c: Candidate, plan: Plan) =>
  Effect.gen(function* () {
    const meter = new Usage.Meter(yield* Usage.CurrentMeter)
    const row = new Row(tape, id, meter)
    yield* attempt(row, { ...c, tokens: tokens.slice() }, plan).pipe(
      Effect.provideService(Usage.CurrentMeter, meter),
      Effect.ensuring(Effect.sync(() => row.close()))
    )
    const { drawnTokens, lostTokens } = meter.usage
    meter.add("keptTokens", Math.max(0, drawnTokens - lostTokens))
  })

type Answer = Backend.LogProbs | "unread" | undefined

/** The answer as it came; the stage that judges retries it. */
const ask = (c: Candidate, { labels, question }: Question, retries: number | undefined) =>
  Effect.gen(function* () {
    const backend = yield* Backend.Backend
    let answer: Answer
    const asked = ({ prompt, tokens: prefix }: Candidate) =>
      backend.logProbs({ prompt, prefix, question, labels }).pipe(
        // Here, so that the stage does not count the draft as lost.
        Effect.catchIf(
          (error) => error.isOverContext,
          () => Effect.succeed("unread" as const)
        ),
        Effect.map((given) => {
          answer = given
          return Scorer.exact(0)
        })
      )
    yield* Stream.runDrain(Candidates.score(Stream.make(c), asked, { retries, strict: true }))
    return answer
  })

const questionId = (tape: Tape, question: Question): number => {
  const known = tape.builder.question(question)
  if (known !== undefined) return known
  const id = tape.builder.counts.questions
  tape.add({ _tag: "Question", id, ...question })
  return id
}

interface Wanted {
  readonly question: Question
  readonly id: number
  readonly after: number
}

/** What the plan asks of the draft and nobody has. */
const missing = (tape: Tape, draft: Draft, plan: Plan): ReadonlyArray<Wanted> => {
  const has = (id: number, after: number) =>
    [...draft.readings, ...draft.unread].some(
      (reading) => reading.after === after && tape.builder.question(reading.question) === id
    )
  const wanted = plan.readings.flatMap((reading) => {
    const id = questionId(tape, reading.question)
    const depths = depthsOf(draft.tokens, reading).filter((after) => !has(id, after))
    return depths.map((after) => ({ question: reading.question, id, after }))
  })
  return [...new Map(wanted.map((one) => [`${one.id} ${one.after}`, one])).values()]
}

const read = (tape: Tape, id: number, draft: Draft, c: Candidate, wanted: Wanted, { retries }: Plan) =>
  Effect.gen(function* () {
    const { after, question } = wanted
    const begun = yield* Clock.currentTimeMillis
    const part = { ...c, tokens: draft.tokens.slice(0, after) }
    const [usage, exit] = yield* Usage.measure(ask(part, question, retries))
    const answer = yield* exit
    const place = { draft: id, question: wanted.id, after }
    if (answer === undefined) return
    if (answer === "unread") return tape.add({ _tag: "Unread", ...place })
    const { labels, over } = answer
    tape.add({
      _tag: "Reading",
      ...place,
      lower: labels.map((label) => label.lower),
      upper: labels.map((label) => label.upper),
      over,
      readTokens: usage.readTokens,
      seconds: ((yield* Clock.currentTimeMillis) - begun) / 1000
    })
  })

const draftId = (tape: Tape, problem: number, { index, seed, temperature }: Candidate): number => {
  const known = tape.builder.draft(problem, { seed, temperature })
  if (known !== undefined) return known
  const id = tape.builder.counts.drafts
  tape.add({ _tag: "Draft", id, prompt: problem, index, seed, temperature })
  return id
}

/** True when nothing of it is missing; false where a budget around the recording was spent before. */
export const recordDraft = (
  tape: Tape,
  problem: number,
  c: Candidate,
  plan: Plan
): Effect.Effect<boolean, Failure, Backend.Backend> =>
  Effect.gen(function* () {
    const id = draftId(tape, problem, c)
    const draft = tape.builder.draftAt(id)
    if (draft === undefined) return false
    if (!isWhole(draft.tokens, plan.maxTokens)) yield* draw(tape, id, draft, c, plan)
    // A backend may end a draft without saying so; one that a budget ended, or never let begin, is none to judge.
    const isCut = draft.tokens.length === 0 || (yield* Budget.CurrentAccount)?.isSpent === true
    if (isCut && !isWhole(draft.tokens, plan.maxTokens)) return false
    // One after the other: the drafts beside this one keep the batch full.
    for (const wanted of missing(tape, draft, plan)) yield* read(tape, id, draft, c, wanted, plan)
    return true
  })
