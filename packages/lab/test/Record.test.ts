import { assert, describe, it } from "@effect/vitest"
import { Backend, BackendError, Budget, type Candidate, Usage } from "@mulligan/core"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Record, Recording } from "@mulligan/lab"
import { Annealing, Candidates } from "@mulligan/strategies"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { onScript, type Plan, record, recorded, temporaryFile } from "./harness.ts"

const drafts = ({ problems }: Recording.Recording) => problems.flatMap((problem) => problem.drafts)
const draws = ({ problems }: Recording.Recording) =>
  problems.flatMap(({ drafts, prompt }) =>
    drafts.map(({ seed, temperature, tokens }) => ({ prompt, seed, temperature, tokens }))
  )

const fails = (over: Partial<BackendError.Unavailable> = {}) =>
  new BackendError.BackendError({
    backend: "s",
    reason: new BackendError.Unavailable({ problem: "Off.", advice: "Wait.", ...over })
  })

describe("Record.run", () => {
  it.live("draws what a strategy draws with this seed, at each temperature of each schedule once", () =>
    Effect.gen(function* () {
      const annealing = Annealing.linear({ from: 0, to: 1, count: 3 })
      const plan = { prompts: ["one", "two"], count: 4, seed: 9, temperature: [1, annealing] }
      const drawn = draws(yield* recorded({ ...plan, readings: [] }))
      const whole = (prompt: string, rule: Annealing.Annealing) =>
        Candidates.fromPrompt(prompt, { count: 4, seed: 9 }).pipe(
          Candidates.anneal(rule),
          Candidates.generate(),
          Stream.map(({ prompt, seed, temperature, tokens }) => ({ prompt, seed, temperature, tokens })),
          Stream.runCollect
        )
      const expected = yield* onScript(
        Effect.forEach(["one", "two"], (prompt) =>
          Effect.all([whole(prompt, Annealing.constant(1)), whole(prompt, annealing)])
        )
      )
      const unique = (all: ReadonlyArray<unknown>) => [...new Set(all.map((one) => JSON.stringify(one)))].toSorted()
      assert.deepStrictEqual(unique(drawn), unique(expected.flat(2)))
      // Of the annealing, index 0 is greedy, 1 is at 0.5, 2 and 3 are those at 1.
      assert.strictEqual(drawn.length, 2 * 6)
    })
  )

  it.live("draws the greedy draft once, and a prompt that comes twice once", () =>
    Effect.gen(function* () {
      const plan = { prompts: ["one", "one"], count: 4, temperature: 0 }
      const [usage, exit] = yield* Usage.measure(recorded(plan, { delay: () => 1 }))
      assert.deepStrictEqual(
        drafts(yield* exit).map(({ tokens }) => tokens.length),
        [8]
      )
      assert.strictEqual(usage.drawnTokens, 8)
    })
  )

  it.live("asks each question after its tokens and shares, at the end where a draft is shorter, nowhere twice", () =>
    Effect.gen(function* () {
      const readings = [
        { ...Record.paper, tokens: [0, 3, 100], shares: [0.5, 1] },
        { labels: ["a", "b"], tokens: [2], shares: [] },
        Record.paper
      ]
      const length = ({ seed }: { readonly seed: number }) => 2 + (seed % 9)
      // The last token is the end of text, and none of the draft's length.
      const text = ({ seed }: { readonly seed: number }, at: number) => (at === length({ seed }) - 1 ? "" : `${at}`)
      const recording = yield* recorded({ prompts: ["one"], count: 9, readings }, { length, text })
      for (const { readings, tokens } of drafts(recording)) {
        const after = (labels: string) =>
          readings.filter(({ question }) => question.labels.join("") === labels).map((reading) => reading.after)
        const half = Math.floor((tokens.length - 1) / 2)
        const expected = [0, Math.min(3, tokens.length), half, tokens.length]
        assert.deepStrictEqual(
          after("NoYes").toSorted((a, b) => a - b),
          [...new Set(expected)].toSorted((a, b) => a - b)
        )
        assert.deepStrictEqual(after("ab"), [2])
      }
    })
  )

  it.live("keeps the labels' bounds as they came, in the order that was asked", () =>
    Effect.gen(function* () {
      const bounds = [
        { lower: -Infinity, upper: -3 },
        { lower: -0.5, upper: -0.25 }
      ]
      const file = yield* temporaryFile
      const backend = { generate: () => Stream.make({ text: "x", end: "stop" as const }) }
      yield* Record.run({ file, model: "m", prompts: ["p"], count: 1 }).pipe(
        Effect.provideService(Backend.Backend, {
          ...backend,
          logProbs: () => Effect.succeed({ labels: bounds, over: "labels" })
        })
      )
      const [draft] = drafts(yield* Recording.read(file))
      assert.deepStrictEqual(draft?.readings[0]?.answer, { labels: bounds, over: "labels" })
      assert.deepStrictEqual<unknown>(draft?.readings[0]?.question, { ...Record.paper, labels: ["No", "Yes"] })
    })
  )

  it.live("has every token tell what was asked for, and goes on only with the same", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const plan = { prompts: ["one"], count: 2, readings: [], confidence: 4, certainty: true }
      const { recording } = yield* record(file, plan)
      assert.deepStrictEqual<unknown>(recording.measures, { confidence: 4, certainty: true })
      const tokens = drafts(yield* Recording.read(file)).flatMap((draft) => draft.tokens)
      assert.isTrue(tokens.every((token) => token.confidence! >= 0 && token.certainty! >= 0))
      assert.strictEqual(drafts((yield* record(file, { ...plan, count: 3 })).recording).length, 3)
      const others = [
        [{ confidence: 5 }, /confidence over 4 and certainty, not confidence over 5 and certainty/],
        [{ confidence: undefined }, /confidence over 4 and certainty, not certainty/],
        [{ confidence: undefined, certainty: false }, /confidence over 4 and certainty, not nothing more/]
      ] as const
      for (const [other, message] of others)
        assert.match((yield* Effect.flip(record(file, { ...plan, ...other }))).message, message)
      const plain = yield* recorded({ ...plan, confidence: undefined, certainty: undefined })
      assert.deepStrictEqual(plain.measures, {})
      const silent = drafts(plain).flatMap((draft) => draft.tokens)
      assert.isTrue(silent.every(({ certainty, confidence }) => confidence === undefined && certainty === undefined))
      assert.throws(() => record(file, { ...plan, confidence: 0.5 }), RangeError, "confidence")
    })
  )

  it.live("keeps of a token all that the backend gave, and no more", () =>
    Effect.gen(function* () {
      const tokens: ReadonlyArray<Candidate.Candidate["tokens"][number]> = [
        { id: 4, text: "a", logProb: -Infinity },
        { text: "b", logProb: -0.5, processed: true },
        { text: "d", logProb: -1, confidence: 2.5, certainty: Infinity },
        { id: 7, text: "" },
        { text: "c", end: "length" }
      ]
      const file = yield* temporaryFile
      const logProbs = () => Effect.succeed({ labels: [], over: "labels" as const })
      yield* Record.run({ file, model: "m", prompts: ["p"], count: 1, readings: [] }).pipe(
        Effect.provideService(Backend.Backend, { generate: () => Stream.fromIterable(tokens), logProbs })
      )
      assert.deepStrictEqual(drafts(yield* Recording.read(file))[0]?.tokens, tokens)
    })
  )

  it.live("has the drafts of a prompt drawn together, or as many as it is told", () =>
    Effect.gen(function* () {
      const most = (plan: Partial<Plan>) =>
        Effect.gen(function* () {
          const file = yield* temporaryFile
          yield* Record.run({ file, model: "m", prompts: ["a", "b", "c"], count: 5, ...plan })
          return (yield* ScriptedBackend.ScriptedLog).mostOpenRows
        }).pipe(Effect.provide(ScriptedBackend.layer({ delay: () => 1 })))
      assert.strictEqual(yield* most({}), 5)
      assert.strictEqual(yield* most({ concurrency: 2 }), 2)
      assert.strictEqual(yield* most({ concurrency: 11 }), 11)
    })
  )

  it.live("counts what it costs, each draft's and each reading's, and all together", () =>
    Effect.gen(function* () {
      const [usage, exit] = yield* Usage.measure(recorded({ prompts: ["one"], count: 3 }))
      const all = drafts(yield* exit)
      const sum = (of: (draft: Recording.Draft) => number) => all.reduce((total, draft) => total + of(draft), 0)
      assert.strictEqual(
        usage.drawnTokens,
        sum(({ tokens }) => tokens.length)
      )
      assert.strictEqual(usage.keptTokens, usage.drawnTokens)
      assert.deepStrictEqual(
        all.map(({ promptTokens }) => promptTokens),
        all.map(() => ScriptedBackend.PROMPT_TOKENS)
      )
      assert.deepStrictEqual(
        all.flatMap(({ readings }) => readings.map(({ readTokens }) => readTokens)),
        all.map(() => ScriptedBackend.QUESTION_TOKENS)
      )
      assert.strictEqual(usage.readTokens, 3 * ScriptedBackend.QUESTION_TOKENS)
    })
  )

  it.live("times drafts and readings", () =>
    Effect.gen(function* () {
      const slow = { length: () => 4, delay: () => 20, judgeDelay: () => 30 }
      const [draft] = drafts(yield* recorded({ prompts: ["one"], count: 1 }, slow))
      assert.isAtLeast(draft?.seconds ?? 0, 0.07)
      assert.isAtLeast(draft?.readings[0]?.seconds ?? 0, 0.02)
    })
  )

  it.live("tells its progress, and what was there before counts", () =>
    Effect.gen(function* () {
      const told: Array<Record.Progress> = []
      const file = yield* temporaryFile
      yield* record(file, { prompts: ["one"], count: 2 })
      yield* record(file, { prompts: ["one", "two"], count: 2, onProgress: (one) => told.push(one) })
      assert.deepStrictEqual(
        told,
        [1, 2, 3, 4].map((drafts) => ({ drafts, ofDrafts: 4, failed: 0 }))
      )
    })
  )

  it("throws at once what cannot be meant", () => {
    const tried = (plan: Partial<Record.Options>) => () =>
      Record.run({ file: "f", model: "m", prompts: ["p"], ...plan })
    const bad: ReadonlyArray<readonly [Partial<Record.Options>, RegExp]> = [
      [{ count: 0 }, /count/],
      [{ concurrency: 0.5 }, /concurrency/],
      [{ maxTokens: 0 }, /maxTokens/],
      [{ temperature: -1 }, /temperature/],
      [{ seed: 0.5 }, /seed/],
      [{ temperature: Annealing.byBestScore({ cold: 0, hot: 1 }) }, /depends on scores/],
      [{ readings: [{ labels: [] }] }, /labels/],
      [{ readings: [{ labels: ["a", ""] }] }, /labels/],
      [{ readings: [{ labels: ["a"], shares: [1.5] }] }, /shares/],
      [{ readings: [{ labels: ["a"], tokens: [-1] }] }, /tokens/]
    ]
    for (const [plan, problem] of bad) assert.throws(tried(plan), RangeError, problem)
    assert.doesNotThrow(tried({}))
  })

  describe("on what is there already", () => {
    const more: ReadonlyArray<readonly [name: string, Partial<Plan>]> = [
      ["prompts", { prompts: ["one", "two"] }],
      ["drafts", { count: 5 }],
      ["temperatures", { temperature: [1, 0.5] }],
      ["depths", { readings: [{ ...Record.paper, tokens: [1], shares: [0.5, 1] }] }],
      ["questions", { readings: [Record.paper, { labels: ["a", "b"] }] }],
      ["tokens", { maxTokens: 9 }]
    ]
    it.live.each(more)("adds more %s, and draws nothing again", ([, plan]) =>
      Effect.gen(function* () {
        const base = { prompts: ["one"], count: 3, maxTokens: 4 }
        const wanted = { ...base, ...plan }
        const file = yield* temporaryFile
        yield* record(file, base)
        const before = draws(yield* Recording.read(file))
        const [usage] = yield* Usage.measure(record(file, wanted))
        const grown = yield* Recording.read(file)
        const alone = yield* recorded(wanted)
        const without = (all: ReadonlyArray<{ readonly tokens: ReadonlyArray<unknown> }>) =>
          all.reduce((sum, { tokens }) => sum + tokens.length, 0)
        assert.deepStrictEqual(draws(grown), draws(alone))
        assert.strictEqual(usage.drawnTokens, without(draws(alone)) - without(before))
        const depths = (one: Recording.Recording) =>
          drafts(one).map(({ readings }) => readings.map(({ after, question }) => `${after} ${question.labels.join()}`))
        for (const [i, asked] of depths(alone).entries())
          for (const one of asked) assert.include(depths(grown)[i] ?? [], one)
      })
    )

    it.live("costs nothing where nothing is missing", () =>
      Effect.gen(function* () {
        const file = yield* temporaryFile
        const plan = { prompts: ["one", "two"], count: 3, readings: [{ ...Record.paper, tokens: [2] }] }
        yield* record(file, plan)
        const [usage] = yield* Usage.measure(record(file, plan))
        assert.strictEqual(usage.calls + usage.drawnTokens + usage.readTokens + usage.promptTokens, 0)
      })
    )
  })

  describe("where a backend fails", () => {
    it.live("leaves a draft whose failure may pass to the next call, and records the others", () =>
      Effect.gen(function* () {
        const file = yield* temporaryFile
        const plan = { prompts: ["one"], count: 4, retries: 0, concurrency: 1 }
        const { failed, recording } = yield* record(file, plan, {
          fault: (_, at, call) => (call === 2 && at === 3 ? fails() : undefined)
        })
        assert.strictEqual(failed, 1)
        assert.deepStrictEqual(
          drafts(recording).map(({ readings, tokens }) => [tokens.length, readings.length]),
          [
            [8, 1],
            [3, 0],
            [8, 1],
            [8, 1]
          ]
        )
        const [usage, exit] = yield* Usage.measure(record(file, plan, {}))
        assert.strictEqual((yield* exit).failed, 0)
        assert.strictEqual(usage.drawnTokens, 5)
      })
    )

    it.live("fails at once for good reasons, with what was drawn in the file", () =>
      Effect.gen(function* () {
        const file = yield* temporaryFile
        const bad = BackendError.invalid("s", "Bad.", "Mend it.")
        const fault = (_: unknown, at: number, call: number) => (call === 2 && at === 3 ? bad : undefined)
        const plan = { prompts: ["one"], count: 4, concurrency: 1 }
        assert.strictEqual(yield* Effect.flip(record(file, plan, { fault })), bad)
        const lengths = drafts(yield* Recording.read(file)).map(({ tokens }) => tokens.length)
        assert.deepStrictEqual(lengths, [8, 3])
      })
    )

    it.live("fails where all drafts do", () =>
      Effect.gen(function* () {
        const file = yield* temporaryFile
        const error = yield* Effect.flip(
          record(file, { prompts: ["one"], count: 2, retries: 0 }, { fault: () => fails() })
        )
        assert.strictEqual(String(error), String(fails()))
      })
    )

    it.live("draws again, from its beginning, a draft that was broken off", () =>
      Effect.gen(function* () {
        const prefixes: Array<number> = []
        const { recording } = yield* record(
          yield* temporaryFile,
          { prompts: ["one"], count: 1 },
          {
            fault: ({ prefix }, at, call) => {
              if (at === prefix.length) prefixes.push(prefix.length)
              return call === 1 && at === 3 ? fails({ brokenOff: true }) : undefined
            }
          }
        )
        assert.deepStrictEqual(prefixes, [0, 0])
        assert.strictEqual(drafts(recording)[0]?.tokens.length, 8)
      })
    )

    it.live("draws again a draft that was under way where the backend goes on from no prefix", () =>
      Effect.gen(function* () {
        const file = yield* temporaryFile
        const plan = { prompts: ["one"], count: 1, retries: 0 }
        yield* Effect.flip(record(file, plan, { fault: (_, at) => (at === 3 ? fails() : undefined) }))
        const whole = BackendError.unsupported("s", "prefix", "It cannot.", "Draw it whole.")
        const { recording } = yield* record(file, plan, {
          fault: ({ prefix }) => (prefix.length > 0 ? whole : undefined)
        })
        assert.deepStrictEqual(draws(yield* Recording.read(file)), draws(yield* recorded(plan, {})))
        assert.deepStrictEqual(draws(recording), draws(yield* Recording.read(file)))
      })
    )
  })

  it.live("flushes when it is interrupted, and goes on from there", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const plan = { prompts: ["one"], count: 4, flushEvery: "1 hour" } as const
      // Each row hangs before its third token.
      let rows = 0
      const hanging = yield* Deferred.make<void>()
      const slow: ScriptedBackend.Script = {
        length: () => 5,
        delay: (_, at) => {
          if (at === 2 && ++rows === 4) Deferred.doneUnsafe(hanging, Effect.void)
          return at < 2 ? 0 : 60_000
        }
      }
      const fiber = yield* Effect.forkChild(record(file, plan, slow))
      yield* Deferred.await(hanging)
      yield* Fiber.interrupt(fiber)
      const before = draws(yield* Recording.read(file)).map(({ tokens }) => tokens.length)
      assert.deepStrictEqual(before, [2, 2, 2, 2])
      const quick = { length: () => 5 }
      const [usage] = yield* Usage.measure(record(file, plan, quick))
      assert.deepStrictEqual(draws(yield* Recording.read(file)), draws(yield* recorded(plan, quick)))
      assert.strictEqual(usage.drawnTokens, 4 * 3)
    })
  )

  it.live("ends where a budget around it does, and judges what it drew", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const plan = { prompts: ["one"], count: 4, concurrency: 1 }
      const account = new Budget.Account({ drawnTokens: 19 })
      yield* record(file, plan, {}).pipe(Effect.provideService(Budget.CurrentAccount, account))
      const found = drafts(yield* Recording.read(file)).map(({ readings, tokens }) => [tokens.length, readings.length])
      assert.deepStrictEqual(found.slice(0, 3), [
        [8, 1],
        [8, 1],
        [3, 0]
      ])
      assert.deepStrictEqual(
        found.slice(3).filter(([length]) => length !== 0),
        []
      )
    })
  )
})

describe("Record.seedOf", () => {
  it("is a whole number, the same for the same prompt, and another for another", () => {
    const prompts = Array.from({ length: 1000 }, (_, i) => `prompt ${i}`)
    const seeds = prompts.map(Record.seedOf)
    assert.strictEqual(new Set(seeds).size, 1000)
    assert.isTrue(seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31))
    assert.strictEqual(Record.seedOf([{ role: "user", content: "x" }]), Record.seedOf([{ content: "x", role: "user" }]))
  })
})
