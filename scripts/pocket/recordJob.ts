/**
 * One job of a recording, run on the product's own stages.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Backend, type Candidate, Prompt, type Scorer } from "@mulligan/core"
import { Candidates, Scorers } from "@mulligan/strategies"
import { scorers } from "./forms.ts"
import { type Draft, DRAFTS, type DrawJob, type Form, type Job, type JudgeJob, seedOf, tokensOf } from "./Recording.ts"
import { annealing, isRight } from "./policies.ts"
import { LONGEST } from "./problems.ts"
import { parse } from "./tasks/index.ts"

type Drafts = ReadonlyArray<Candidate.Candidate>
type Scores = Partial<Record<Form, Record<number, number>>>

const all = { concurrency: "unbounded" } as const

const lengthOf = ({ tokens }: Candidate.Candidate) => tokens.length - (tokens.at(-1)?.end === "stop" ? 1 : 0)

export const empty = ({ prompt, temperature }: Pick<DrawJob, "prompt" | "temperature">, count = DRAFTS) =>
  Candidates.fromPrompt(Prompt.user(prompt), {
    count,
    seed: seedOf(prompt),
    ...(temperature === "annealed" ? {} : { temperature })
  }).pipe(temperature === "annealed" ? Candidates.anneal(annealing) : (self) => self)

const drawn = (drafts: Drafts, maxTokens: number) =>
  Stream.runCollect(Stream.fromIterable(drafts).pipe(Candidates.generate({ ...all, maxTokens })))

/** Scores the beginnings of drafts, each once. */
const judged = (
  form: Form,
  beginnings: ReadonlyArray<readonly [draft: number, c: Candidate.Candidate]>,
  to: Scores[]
) =>
  Effect.gen(function* () {
    const asked = beginnings.filter(([i, c]) => to[i]?.[form]?.[lengthOf(c)] === undefined)
    const given = Stream.fromIterable(asked.map(([, c]) => c))
    const scored: ReadonlyArray<Scorer.Scored> = yield* Stream.runCollect(
      given.pipe(Candidates.score(scorers[form], all))
    )
    scored.forEach((c, i) => {
      const scores = to[asked[i]![0]]!
      scores[form] = { ...scores[form], [lengthOf(c)]: c.score.value }
    })
  })

/** The first tokens of a draft; with all of them it is the draft as it ended. */
const beginning = (c: Candidate.Candidate, tokens: number): Candidate.Candidate =>
  tokens >= lengthOf(c) ? c : { ...c, tokens: c.tokens.slice(0, tokens) }

/** Depths in tokens are read on the way, so that no beginning is read twice; shares need the length, so they come last. */
const draw = (job: DrawJob): Effect.Effect<ReadonlyArray<Draft>, unknown, Backend.Backend> =>
  Effect.gen(function* () {
    const readings = Object.entries(job.readings) as ReadonlyArray<[Form, NonNullable<DrawJob["readings"][Form]>]>
    const depths = [...new Set(readings.flatMap(([, { tokens }]) => tokens))].toSorted((a, b) => a - b)
    let drafts: Drafts = yield* Stream.runCollect(empty(job))
    const scores: Array<Scores> = drafts.map(() => ({}))
    for (const [i, depth] of depths.entries()) {
      drafts = yield* drawn(drafts, depth - (depths[i - 1] ?? 0))
      for (const [form, { tokens }] of readings)
        if (tokens.includes(depth)) yield* judged(form, [...drafts.entries()], scores)
    }
    drafts = yield* drawn(drafts, LONGEST - (depths.at(-1) ?? 0))
    for (const [form, { shares }] of readings) {
      const asked = shares.flatMap((share) =>
        drafts.map((c, i) => [i, beginning(c, tokensOf(share, lengthOf(c)))] as const)
      )
      yield* judged(form, distinct(asked), scores)
    }
    return yield* Effect.forEach(drafts, (c, i) => recorded(c, scores[i] ?? {}))
  })

const distinct = (asked: ReadonlyArray<readonly [number, Candidate.Candidate]>) => [
  ...new Map(asked.map(([i, c]) => [`${i} ${lengthOf(c)}`, [i, c] as const])).values()
]

const recorded = (c: Candidate.Candidate, scores: Scores): Effect.Effect<Draft> =>
  Effect.map(Effect.orDie(Scorers.meanLogProb(c)), ({ value }) => ({
    ids: c.tokens.map((token) => token.id ?? -1),
    length: lengthOf(c),
    right: isRightDraft(c) ? 1 : 0,
    meanLogProb: value,
    scores
  }))

const isRightDraft = (c: Candidate.Candidate): boolean => {
  const [asked] = typeof c.prompt === "string" ? [] : c.prompt
  return isRight(parse(asked?.content ?? ""), c)
}

/** Only the scores are asked for: whoever drew the drafts knows the rest. */
const judge = ({ drafts, prompt, shares }: JudgeJob): Effect.Effect<ReadonlyArray<Draft>, unknown, Backend.Backend> =>
  Effect.gen(function* () {
    const base = { prompt: Prompt.user(prompt), seed: 0, temperature: 1 }
    const given = drafts.map((ids, index): Candidate.Candidate => ({ ...base, index, tokens: tokensFrom(ids) }))
    const scores: Array<Scores> = given.map(() => ({}))
    const asked = shares.flatMap((share) =>
      given.map((c, i) => [i, beginning(c, tokensOf(share, lengthOf(c)))] as const)
    )
    yield* judged("full", distinct(asked), scores)
    return given.map((c, i) => ({
      ids: drafts[i] ?? [],
      length: lengthOf(c),
      right: 0,
      meanLogProb: 0,
      scores: scores[i] ?? {}
    }))
  })

/** The id of the end of text; both models have one tokenizer. */
const END = 3

const tokensFrom = (ids: ReadonlyArray<number>): Candidate.Candidate["tokens"] =>
  ids.map((id) => (id === END ? { id, text: "", end: "stop" } : { id, text: "" }))

export const run = (job: Job): Effect.Effect<ReadonlyArray<Draft>, unknown, Backend.Backend> =>
  job.kind === "draw" ? draw(job) : judge(job)
