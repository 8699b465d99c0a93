import { assert, describe, it } from "@effect/vitest"
import { Backend, type BackendError, Budget, type Prompt, Usage } from "@mulligan/core"
import { Record, Recording, Replay } from "@mulligan/lab"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Annealing, Candidates, Stopping } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { onScript, record, recorded, replayed, temporaryFile } from "./harness.ts"

const strategy = (prompt: Prompt.Prompt = "one") =>
  Candidates.fromPrompt(prompt, { count: 16, seed: 7 }).pipe(
    Candidates.anneal(Annealing.exponential({ from: 0, to: 1 })),
    Candidates.rounds([1, 1, 2, 4, 8], (round) =>
      round.pipe(
        Candidates.generate({ maxTokens: 3 }),
        Candidates.score(SelfEvaluator.make()),
        Candidates.prune({ keep: 0.5 }),
        Candidates.generate(),
        Candidates.score(SelfEvaluator.make())
      )
    ),
    Candidates.takeUntil(Stopping.threshold(0.8)),
    Candidates.runBest
  )

const plan = {
  prompts: ["one", "two"],
  seed: 7,
  temperature: Annealing.exponential({ from: 0, to: 1 }),
  readings: [{ ...Record.paper, tokens: [3] }]
}

const base = { prompt: "one", prefix: [], temperature: 1, seed: 1 }

const refused = (self: Effect.Effect<unknown, unknown, Backend.Backend>, recording: Recording.Recording) =>
  Effect.gen(function* () {
    const [usage, exit] = yield* Usage.measure(
      Effect.flip(replayed(self as Effect.Effect<unknown, BackendError.BackendError, Backend.Backend>, recording))
    )
    const error = yield* exit
    assert.strictEqual(usage.promptTokens + usage.readTokens, 0)
    assert.strictEqual(error.isTransient, false)
    const { reason } = error
    assert.strictEqual(reason._tag === "Unsupported" ? reason.capability : reason._tag, "recorded")
    return `${reason.problem} ${reason.advice}`
  })

const generate = (request: Partial<Backend.GenerateRequest>) =>
  Effect.flatMap(Backend.Backend, (backend) => Stream.runCollect(backend.generate({ ...base, ...request })))
const ask = (request: Partial<Backend.LogProbsRequest>) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    backend.logProbs({ prompt: "one", prefix: [], ...Record.paper, ...request })
  )

describe("Replay", () => {
  it.live("gives a strategy what the recorded backend gives it, and charges the same", () =>
    Effect.gen(function* () {
      const recording = yield* recorded(plan)
      const [{ promptTokens: _, ...usage }, real] = yield* onScript(Usage.measure(strategy()))
      const [{ promptTokens, ...again }, replay] = yield* replayed(Usage.measure(strategy()), recording)
      assert.deepStrictEqual(yield* replay, yield* real)
      assert.deepStrictEqual(again, usage)
      // The scripted backend reads the prompt each time it goes on; one with a cache, and Replay, does not.
      assert.strictEqual(promptTokens, 16 * 5)
    })
  )

  it.live("tells of tokens what was recorded, and refuses what was not", () =>
    Effect.gen(function* () {
      const measured = { ...plan, temperature: 1, count: 1, confidence: 4, certainty: true }
      const recording = yield* recorded(measured)
      const { seed } = recording.problems[0]!.drafts[0]!
      const own = { seed, confidence: 4, certainty: true }
      const played = yield* replayed(generate(own), recording)
      assert.deepStrictEqual(played, yield* onScript(generate(own)))
      assert.deepStrictEqual(yield* replayed(generate({ seed }), recording), played)
      assert.match(
        yield* refused(generate({ ...own, confidence: 20 }), recording),
        /confidence over 4 .*not confidence over 20/
      )
      const bare = yield* recorded({ ...measured, confidence: undefined, certainty: false })
      assert.match(
        yield* refused(generate({ seed, certainty: true }), bare),
        /nothing more, not certainty. Ask for what was/
      )
    })
  )

  it.live("plays from the file", () =>
    Effect.gen(function* () {
      const file = yield* temporaryFile
      const { recording } = yield* record(file, plan)
      assert.deepStrictEqual(yield* Recording.read(file), recording)
      const played = yield* Effect.provide(strategy(), Replay.layerFile(file))
      assert.deepStrictEqual(played, yield* replayed(strategy(), recording))
      const missing = yield* Effect.flip(Effect.provide(strategy(), Replay.layerFile(`${file}.not`)))
      assert.strictEqual(missing._tag, "RecordingError")
    })
  )

  it.live("keeps a budget as the recorded backend does", () =>
    Effect.gen(function* () {
      // What a budget cuts is judged where it was cut.
      const tokens = Array.from({ length: 12 }, (_, i) => i)
      const recording = yield* recorded({ ...plan, readings: [{ ...Record.paper, tokens }] })
      for (const drawnTokens of [1, 4, 9, 20]) {
        const budgeted = Effect.suspend(() =>
          Usage.measure(Effect.provideService(strategy(), Budget.CurrentAccount, new Budget.Account({ drawnTokens })))
        )
        const [usage, real] = yield* onScript(budgeted)
        const [again, replay] = yield* replayed(budgeted, recording)
        assert.deepStrictEqual(yield* replay, yield* real)
        assert.strictEqual(again.drawnTokens, usage.drawnTokens)
      }
    })
  )

  it.live("finds messages whatever the order of their keys", () =>
    Effect.gen(function* () {
      const recording = yield* recorded({ ...plan, prompts: [[{ role: "user", content: "x" }]] })
      assert.isDefined(yield* replayed(strategy([{ content: "x", role: "user" }]), recording))
    })
  )

  it.live("is greedy whatever the seed", () =>
    Effect.gen(function* () {
      const recording = yield* recorded({ prompts: ["one"], count: 1, temperature: 0 })
      const tokens = yield* replayed(generate({ temperature: 0, seed: 12345 }), recording)
      assert.deepStrictEqual(tokens, recording.problems[0]?.drafts[0]?.tokens)
    })
  )

  it.live("tells of the labels that were recorded any, in any order, and with an end of text or without", () =>
    Effect.gen(function* () {
      const labels = ["a", "b", "c"]
      // The end of text is a token of its own.
      const text = (_: unknown, at: number) => (at === 3 ? "" : `${at}`)
      const script = { length: () => 4, text, probability: () => 0.25 }
      const recording = yield* recorded({ prompts: ["one"], count: 1, readings: [{ labels }] }, script)
      const whole = recording.problems[0]?.drafts[0]?.tokens ?? []
      const unquestioned = { question: undefined }
      const all = yield* replayed(ask({ ...unquestioned, prefix: whole, labels }), recording)
      assert.closeTo(all.labels[0]?.lower ?? 0, Math.log(0.25), 1e-12)
      for (const prefix of [whole, whole.slice(0, 3)]) {
        const some = yield* replayed(ask({ ...unquestioned, prefix, labels: ["c", "a"] }), recording)
        assert.deepStrictEqual<unknown>(some.labels, [all.labels[2], all.labels[0]])
      }
    })
  )

  describe("says what to record", () => {
    const seeds = (recording: Recording.Recording) => recording.problems[0]?.drafts[0]?.seed ?? 0
    const short = { prompts: ["one"], count: 2, temperature: [1, 0.5], maxTokens: 4, topP: 0.9, topK: 4 }

    it.live("of another prompt, and does not repeat it", () =>
      Effect.gen(function* () {
        const said = yield* refused(generate({ prompt: "a secret", topP: 0.9, topK: 4 }), yield* recorded(short))
        assert.match(said, /none of the 1 .*name it in `prompts`/)
        assert.notInclude(said, "secret")
      })
    )
    it.live("of another temperature", () =>
      Effect.gen(function* () {
        const said = yield* refused(generate({ temperature: 0.7, topP: 0.9, topK: 4 }), yield* recorded(short))
        assert.match(said, /at temperature 0\.7, but at 0\.5, 1\. Record with temperature 0\.7/)
      })
    )
    it.live("of another seed", () =>
      Effect.gen(function* () {
        const said = yield* refused(generate({ seed: 77, topP: 0.9, topK: 4 }), yield* recorded(short))
        assert.match(said, /temperature 1 with seed 77; there are 2, of a run with seed 0\. .*higher count/)
      })
    )
    it.live("of other sampling", () =>
      Effect.gen(function* () {
        const said = yield* refused(generate({ topP: 0.5, topK: 4 }), yield* recorded(short))
        assert.match(said, /topP is 0\.9, not 0\.5\. Ask as it was recorded/)
      })
    )
    it.live("beyond a draft's last token, after giving all before it", () =>
      Effect.gen(function* () {
        const recording = yield* recorded(short, {})
        const request = { seed: seeds(recording), topP: 0.9, topK: 4 }
        assert.strictEqual((yield* replayed(generate({ ...request, maxTokens: 4 }), recording)).length, 4)
        const said = yield* refused(generateAfterAll(request), recording)
        assert.match(said, /4 tokens were recorded, and it had not ended\. Record with maxTokens above 4/)
      })
    )
    const generateAfterAll = (request: Partial<Backend.GenerateRequest>) =>
      Effect.gen(function* () {
        const prefix = yield* generate({ ...request, maxTokens: 4 })
        return yield* generate({ ...request, prefix, maxTokens: 1 })
      }).pipe(Effect.provideService(Usage.CurrentMeter, new Usage.Meter()))

    it.live("of a prefix that is not the draft's", () =>
      Effect.gen(function* () {
        const recording = yield* recorded(short)
        const request = { seed: seeds(recording), topP: 0.9, topK: 4 }
        const said = yield* refused(generate({ ...request, prefix: [{ text: "other" }] }), recording)
        assert.match(said, /1 tokens to go on from are not .*Continue only what was drawn/)
      })
    )
    it.live("of another question, and of another depth", () =>
      Effect.gen(function* () {
        const recording = yield* recorded(
          { prompts: ["one"], count: 1, readings: [{ ...Record.paper, tokens: [2] }] },
          {}
        )
        const prefix = recording.problems[0]?.drafts[0]?.tokens.slice(0, 3) ?? []
        assert.match(yield* refused(ask({ prefix, question: "Why?" }), recording), /none of the 1 pairs .*`readings`/)
        assert.match(yield* refused(ask({ prefix, labels: ["Never"] }), recording), /none of the 1 pairs/)
        const said = yield* refused(ask({ prefix }), recording)
        assert.match(
          said,
          /not asked after these 3 tokens; .* after 2, 8\. Record with `readings` that have `tokens: \[3\]`/
        )
        const other = [...prefix.slice(0, 1), { ...prefix[0]!, text: "another", id: 99 }]
        assert.match(yield* refused(ask({ prefix: other }), recording), /not asked after these 2 tokens/)
      })
    )
  })
})
