import { assert, describe, it } from "@effect/vitest"
import { Backend, BackendError, type Candidate, type Token, Usage } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Depth, Evaluate, Offline, type Policy, Record, Recording, Replay, type Task } from "@mulligan/lab"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFileSync, writeFileSync } from "node:fs"
import { gunzipSync, gzipSync } from "node:zlib"
import { temporaryFile } from "./harness.ts"
import { same } from "./same.ts"

const CONTEXT = 12
const QUESTION = 6
const EARLY = 3
const COUNT = 6

const tooLong = BackendError.overContext("small", "Too long.", "Shorten it.")

interface Small {
  /** Whether a draft fills the context; the others stop after four tokens. */
  readonly isFull?: ((seed: number) => boolean) | undefined
  /** What is said of a question that has no room. */
  readonly error?: BackendError.BackendError | undefined
  /** Told of every question. */
  readonly onAsked?: ((after: number) => void) | undefined
  /** How the drafts end that fill it. */
  readonly end?: Token.End | undefined
}

/** A model with little context, in which prompts cost nothing. */
const small = ({ end = "length", error = tooLong, isFull = (seed) => seed % 2 === 0, onAsked }: Small = {}) => {
  const script: ScriptedBackend.Script = { length: ({ seed }) => (isFull(seed) ? CONTEXT : 4) }
  return Effect.provide(
    Effect.map(Backend.Backend, (whole): Backend.Backend["Service"] => ({
      generate: (request) =>
        whole
          .generate(request)
          .pipe(
            Stream.map((token) =>
              token.end === undefined ? token : { ...token, end: isFull(request.seed) ? end : "stop" }
            )
          ),
      logProbs: (request) => {
        onAsked?.(request.prefix.length)
        return request.prefix.length + QUESTION < CONTEXT ? whole.logProbs(request) : Effect.fail(error)
      }
    })),
    ScriptedBackend.layer(script)
  )
}

const plan = {
  model: "small",
  prompts: ["one", "two"],
  count: COUNT,
  readings: [{ ...Record.paper, tokens: [EARLY] }]
}

const record = (file: string, how: Small = {}, more: Partial<Record.Options> = {}) =>
  Effect.flatMap(small(how), (backend) =>
    Effect.provideService(Record.run({ file, ...plan, ...more }), Backend.Backend, backend)
  )

const draftsOf = ({ problems }: Recording.Recording) => problems.flatMap(({ drafts }) => drafts)
const afterOf = (all: ReadonlyArray<{ readonly after: number }>) => all.map(({ after }) => after).toSorted()
const isFilled = ({ tokens }: Recording.Draft) => tokens.at(-1)?.end === "length"

describe("a question that has no room behind a draft that fills the model's context", () => {
  it.live("is left out and counted, and all else is recorded", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const { failed, recording, unread } = yield* record(file)
      const full = draftsOf(recording).filter(isFilled)
      assert.isTrue(full.length > 0 && full.length < 2 * COUNT)
      assert.deepStrictEqual([failed, unread], [0, full.length])
      for (const draft of draftsOf(recording)) {
        const [readings, left] = isFilled(draft) ? [[EARLY], [CONTEXT]] : [[EARLY, 4], []]
        assert.deepStrictEqual([afterOf(draft.readings), afterOf(draft.unread)], [readings, left])
      }
      assert.deepStrictEqual(yield* Recording.read(file), recording)
    })
  )

  it.live("is not asked again by the same call, and still counts", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const before = yield* record(file)
      const asked: Array<number> = []
      const told: Array<Record.Progress> = []
      const again = yield* record(
        file,
        { onAsked: (after) => asked.push(after) },
        { onProgress: (one) => told.push(one) }
      )
      assert.deepStrictEqual(asked, [])
      assert.strictEqual(again.unread, before.unread)
      assert.deepStrictEqual(told.at(-1), { drafts: 2 * COUNT, ofDrafts: 2 * COUNT, failed: 0 })
      // Another question is.
      const two = [...plan.readings, { labels: ["a", "b"] }]
      yield* record(file, { onAsked: (after) => asked.push(after) }, { readings: two })
      assert.strictEqual(asked.filter((after) => after === CONTEXT).length, before.unread)
    })
  )

  it.live("costs nothing, and its draft is not lost", () =>
    Effect.gen(function* () {
      const [usage, exit] = yield* Usage.measure(record(yield* temporaryFile))
      const { recording } = yield* exit
      assert.strictEqual(usage.keptTokens, usage.drawnTokens)
      assert.deepStrictEqual([usage.lostTokens, usage.failures], [0, 0])
      const readings = draftsOf(recording).flatMap((draft) => draft.readings)
      assert.strictEqual(usage.readTokens, readings.length * ScriptedBackend.QUESTION_TOKENS)
    })
  )

  it.live("is that of a draft which stopped by itself too", () =>
    Effect.gen(function* () {
      const { unread } = yield* record(yield* temporaryFile, { end: "stop" })
      assert.isAbove(unread, 0)
    })
  )

  it.live("is none where it is another refusal: that ends the recording", () =>
    Effect.gen(function* () {
      const other = BackendError.invalid("small", "Bad.", "Mend it.")
      assert.strictEqual(yield* Effect.flip(record(yield* temporaryFile, { error: other })), other)
    })
  )
})

describe("a line that leaves a reading out", () => {
  const rewritten = (change: (text: string) => string) =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      yield* record(file, {}, { prompts: ["one"] })
      writeFileSync(file, gzipSync(change(gunzipSync(readFileSync(file)).toString())))
      return file
    })

  it.live.each<readonly [string, RegExp, string]>([
    ["of no draft", /("Unread","draft":)\d+/, "$199"],
    ["of no question", /("Unread","draft":\d+,"question":)\d+/, "$19"],
    ["of tokens that were not drawn", /("Unread".*"after":)\d+/, "$1999"]
  ])("%s is refused", ([, what, other]) =>
    Effect.gen(function* () {
      const file = yield* rewritten((text) => text.replace(what, other))
      const { message } = yield* Effect.flip(Recording.read(file))
      assert.match(message, /Line \d+ leaves out what there is not\./)
    })
  )

  it.live("is gone with the tokens that it was about", () =>
    Effect.gen(function* () {
      const shorter = (id: string) => {
        const value = { _tag: "Tokens", draft: Number(id), from: EARLY, texts: ["x"], promptTokens: 0, seconds: 0 }
        return `${JSON.stringify({ type: "Recording", version: 1, value })}\n`
      }
      const file = yield* rewritten((text) => text + shorter(/"Unread","draft":(\d+)/.exec(text)?.[1] ?? ""))
      const cut = draftsOf(yield* Recording.read(file)).find(({ tokens }) => tokens.at(-1)?.text === "x")
      assert.deepStrictEqual([cut?.unread, afterOf(cut?.readings ?? [])], [[], [EARLY]])
    })
  )
})

describe("on such a recording", () => {
  const task: Task.Task = {
    name: "first digit",
    problems: plan.prompts.map((prompt, i) => ({ id: String(i), prompt })),
    answerOf: (text) => text[0],
    grade: (_, text) => (Number(text[0]) > 4 ? 1 : 0)
  }
  const best = (maxTokens?: number) => ({ count: COUNT, scorer: SelfEvaluator.make(), maxTokens })

  const scored = Candidates.fromPrompt("one", { count: COUNT }).pipe(
    Candidates.generate(),
    Candidates.score(SelfEvaluator.make())
  )

  it.live("a strategy drops the drafts that left no room, as it would have then", () =>
    Effect.gen(function* () {
      const { recording } = yield* record(yield* temporaryFile)
      const all = yield* Stream.runCollect(scored).pipe(Effect.provide(Replay.layer(recording)))
      const { drafts } = recording.problems[0]!
      assert.deepStrictEqual(
        all.map(({ seed }) => seed).toSorted(),
        drafts
          .filter((draft) => !isFilled(draft))
          .map(({ seed }) => seed)
          .toSorted()
      )
    })
  )

  const scorer = SelfEvaluator.make()
  const answer = (c: Candidate.Candidate) => c.tokens[0]?.text
  const policies: ReadonlyArray<Policy.Policy> = [
    best(),
    { count: COUNT, scorer, rounds: [1, 1, 2, 2] },
    { count: COUNT, scorer, rounds: [1, 1, 2, 2], stop: 0.4 },
    { count: COUNT, scorer, cuts: [{ after: EARLY, keep: 0.5 }] },
    { count: COUNT, scorer, cuts: [{ after: 8, keep: 1 }] },
    { count: COUNT, scorer, cuts: [{ after: 8, below: 0 }], rounds: [2, 2, 2] },
    { count: COUNT, scorer, choose: { majority: answer } },
    { count: COUNT, scorer, choose: { weightedMajority: answer } }
  ]

  it.live.each([
    ["every second", (seed: number) => seed % 2 === 0],
    ["every", () => true],
    ["no", () => false]
  ] as const)("a policy drops them as the strategy does, where %s draft fills it", ([, isFull]) =>
    Effect.gen(function* () {
      const { recording } = yield* record(
        yield* temporaryFile,
        { isFull },
        { readings: [{ ...Record.paper, tokens: [EARLY, 8] }] }
      )
      const offline = Offline.make(recording)
      for (const policy of policies) yield* same(policy, recording, offline)
    })
  )

  it.live("an evaluation counts them out, and says how many", () =>
    Effect.gen(function* () {
      const { recording, unread } = yield* record(yield* temporaryFile)
      const { rows, signal } = yield* Evaluate.evaluate(recording, { task, resamples: 10 })
      const at = (title: string) => signal.depths.find(({ depth }) => Depth.title(depth) === title)
      assert.deepStrictEqual([at("end")?.unread, at(`after ${EARLY}`)?.unread], [unread, 0])
      assert.strictEqual(
        at("end")?.bins.reduce((sum, bin) => sum + bin.count, 0),
        2 * COUNT - unread
      )
      const named = rows.find(({ name }) => name === Evaluate.names.best(COUNT))
      const { chosen } = yield* Offline.decide(Offline.make(recording), best())
      const right = chosen.map((one) => (Number(one?.tokens[0]?.text) > 4 ? 1 : 0))
      assert.strictEqual(named?.accuracy.value, (right[0]! + right[1]!) / 2)
    })
  )

  it.live("of which no draft was asked at its end, an evaluation looks earlier", () =>
    Effect.gen(function* () {
      const { recording } = yield* record(yield* temporaryFile, { isFull: () => true })
      const { signal } = yield* Evaluate.evaluate(recording, { task, resamples: 10 })
      const titles = signal.depths.map(({ depth }) => Depth.title(depth))
      assert.include(titles, `after ${EARLY}`)
      assert.notInclude(titles, "end")
    })
  )

  it.live("those that judge earlier run", () =>
    Effect.gen(function* () {
      const { recording } = yield* record(yield* temporaryFile)
      const { chosen } = yield* Offline.decide(Offline.make(recording), best(EARLY))
      assert.deepStrictEqual(
        chosen.map((one) => one?.tokens.length),
        [EARLY, EARLY]
      )
      const { rows, signal } = yield* Evaluate.evaluate(recording, { task, maxTokens: EARLY, resamples: 10 })
      assert.strictEqual(rows.find(({ name }) => name === Evaluate.names.best(COUNT))?.samples.value, COUNT)
      assert.isNotEmpty(signal.depths)
    })
  )
})
