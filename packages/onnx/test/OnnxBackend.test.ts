import { assert, describe, it, layer } from "@effect/vitest"
import { Backend, Prompt, type Token, Usage } from "@mulligan/core"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import { OnnxBackend } from "@mulligan/onnx"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import {
  families,
  fixture,
  json,
  observed,
  pocketCases,
  pocketFolder,
  pocketPrompt,
  pocketQuestion,
  reference,
  subjects
} from "./subjects.ts"

const draw = (rest: Partial<Backend.GenerateRequest> & { readonly prompt: Prompt.Prompt }) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    Stream.runCollect(backend.generate({ prefix: [], temperature: 1, seed: 1, ...rest }))
  )
const ask = (prompt: Prompt.Prompt, prefix: ReadonlyArray<Token.Token>, rest: Partial<Backend.LogProbsRequest> = {}) =>
  Effect.flatMap(Backend.Backend, (backend) => backend.logProbs({ prompt, prefix, labels: ["No", "Yes"], ...rest }))
const describeBackend = Effect.flatMap(OnnxBackend.Onnx, (onnx) => onnx.describe)
const textOf = (tokens: ReadonlyArray<Token.Token>) => tokens.map((token) => token.text).join("")
const near = (a: number, b: number, tolerance = 1e-4) => assert.isBelow(Math.abs(a - b), tolerance, `${a} is not ${b}`)

describe.each(subjects())("the laws on $name", ({ model, subject }) => {
  it.live.each(BackendLaws.laws)("$name", (law) =>
    Effect.gen(function* () {
      const result = yield* BackendLaws.check(law, yield* observed(subject))
      assert.include(["passed", "bounded"], result.outcome, result.detail)
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )
})

describe.each(families)("%s against transformers", (name) => {
  const { cases, labels, question } = reference(name)
  layer(OnnxBackend.layer({ model: fixture(name) }))((it) => {
    it.effect.each(cases)("greedy tokens, their log-probabilities and their text: $prompt", (known) =>
      Effect.gen(function* () {
        const tokens = yield* draw({ prompt: known.prompt, temperature: 0, maxTokens: known.greedyIds.length })
        assert.deepStrictEqual<unknown>(
          tokens.map((t) => t.id),
          known.greedyIds
        )
        tokens.forEach((t, i) => near(t.logProb ?? NaN, known.logProbs[i]!))
        if (tokens.at(-1)?.end === "stop") assert.strictEqual(textOf(tokens), known.greedyText)
        else assert.strictEqual(known.greedyText.slice(0, textOf(tokens).length), textOf(tokens))
      })
    )

    it.effect.each(cases.filter((c) => c.labels.length > 0))("label probabilities, mid-answer too: $prompt", (known) =>
      Effect.gen(function* () {
        const tokens = yield* draw({ prompt: known.prompt, temperature: 0, maxTokens: known.greedyIds.length })
        for (const { after, probabilities } of known.labels) {
          const found = yield* ask(known.prompt, tokens.slice(0, after), { question, labels })
          probabilities.forEach((p, i) => near(Math.exp(found.labels[i]!.lower), p))
          assert.deepStrictEqual(
            found.labels.map((b) => b.lower),
            found.labels.map((b) => b.upper)
          )
        }
      })
    )

    it.effect("label probabilities with no question are those of the prefix's own next token", () =>
      Effect.gen(function* () {
        const { logits, prompt } = cases[0]!
        const total = logits.reduce((sum, x) => sum + Math.exp(x), 0)
        const wanted = labels.map(
          (l) => reference(name).spellings[l]!.reduce((sum, id) => sum + Math.exp(logits[id]!), 0) / total
        )
        const found = yield* ask(prompt, [])
        wanted.forEach((p, i) => near(Math.exp(found.labels[i]!.lower), p))
      })
    )

    it.effect("a finished answer is questioned as if its end had not been written twice", () =>
      Effect.gen(function* () {
        const { prompt } = cases[1]!
        const tokens = yield* draw({ prompt, temperature: 0, maxTokens: 5 })
        const onnx = yield* OnnxBackend.Onnx
        const { vocabulary } = yield* onnx.describe
        assert.isAbove(vocabulary, 300)
        const open = yield* ask(prompt, tokens, { question })
        const config = yield* Effect.promise(() => import(`${fixture(name)}/config.json`, { with: { type: "json" } }))
        const ended = [
          ...tokens,
          { id: config.default.eos_token_id as number, text: "", logProb: -1, end: "stop" as const }
        ]
        assert.deepStrictEqual(yield* ask(prompt, ended, { question }), open)
      })
    )
  })
})

describe("the pocket model against the code that trained it", () => {
  layer(OnnxBackend.layer({ model: pocketFolder }))((it) => {
    it.effect.each(pocketCases())("gives the same greedy answer: $level, $prompt", (known) =>
      Effect.gen(function* () {
        const tokens = yield* draw({ prompt: pocketPrompt(known), temperature: 0 })
        assert.deepStrictEqual<unknown>(
          tokens.map((t) => t.id),
          known.answerIds
        )
        assert.strictEqual(textOf(tokens), known.answer)
        tokens.forEach((t, i) => near(t.logProb ?? NaN, known.logProbs[i]!))
      })
    )

    it.effect.each(pocketCases())("gives the same label probabilities, mid-answer too: $level, $prompt", (known) =>
      Effect.gen(function* () {
        const prompt = pocketPrompt(known)
        const tokens = yield* draw({ prompt, temperature: 0 })
        for (const { after, asked, reserved } of known.labels) {
          const prefix = tokens.slice(0, after)
          const byQuestion = yield* ask(prompt, prefix, { question: pocketQuestion })
          const byItself = yield* ask(prompt, prefix, { labels: ["<|no|>", "<|yes|>"] })
          const found = [byQuestion, byItself].flatMap(({ labels }) => labels.map((l) => Math.exp(l.lower)))
          const wanted = [asked.No, asked.Yes, reserved.No, reserved.Yes]
          wanted.forEach((p, i) => near(found[i]!, p))
        }
      })
    )

    it.effect("never draws a reserved token, whatever it puts on it", () =>
      Effect.gen(function* () {
        const config = json<{ readonly suppress_tokens: ReadonlyArray<number> }>(
          `${pocketFolder}/generation_config.json`
        )
        assert.isAbove(config.suppress_tokens.length, 1)
        for (let seed = 0; seed < 20; seed++) {
          const tokens = yield* draw({ prompt: pocketPrompt(pocketCases()[0]!), temperature: 4, seed, maxTokens: 60 })
          for (const { id } of tokens) assert.notInclude(config.suppress_tokens, id)
        }
      })
    )
  })
})

describe("batching", () => {
  const model = fixture("qwen2")
  const prompt = Prompt.user("Is a fox quick?")
  const many = (count: number, maxTokens: number) =>
    Effect.forEach(
      Array.from({ length: count }, (_, seed) => seed),
      (seed) => draw({ prompt, seed, maxTokens }),
      { concurrency: "unbounded" }
    )

  it.live("sixteen drafts at once take as many forward passes as one, and the prompt is read once", () =>
    Effect.gen(function* () {
      const [usage, exit] = yield* Usage.measure(many(16, 10))
      const longest = Math.max(...(yield* exit).map((tokens) => tokens.length))
      const { steps } = yield* describeBackend
      assert.strictEqual(steps, longest)
      const [alone] = yield* Usage.measure(draw({ prompt, seed: 99, maxTokens: 1 }))
      assert.strictEqual(alone.promptTokens, 0)
      assert.isAbove(usage.promptTokens, 5)
      assert.isBelow(usage.promptTokens, 40)
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )

  it.live("the questions of all drafts are one forward pass", () =>
    Effect.gen(function* () {
      const drafts = yield* many(16, 6)
      const before = (yield* describeBackend).steps
      yield* Effect.forEach(drafts, (tokens) => ask(prompt, tokens, { question: "Again?" }), {
        concurrency: "unbounded"
      })
      assert.strictEqual((yield* describeBackend).steps, before + 1)
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )

  it.live("rows leave when they end and join while others are under way", () =>
    Effect.gen(function* () {
      const late = Effect.andThen(Effect.sleep(5), draw({ prompt, seed: 50, maxTokens: 8 }))
      const [long, short, joined] = yield* Effect.all(
        [draw({ prompt, seed: 1, maxTokens: 20 }), draw({ prompt, seed: 2, maxTokens: 2 }), late],
        { concurrency: "unbounded" }
      )
      const { steps } = yield* describeBackend
      assert.isBelow(steps, long.length + short.length + joined.length)
      const again = yield* draw({ prompt, seed: 50, maxTokens: 8 })
      assert.deepStrictEqual(
        joined.map((t) => t.id),
        again.map((t) => t.id)
      )
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )

  it.live("a paused draft goes on without reading anything again", () =>
    Effect.gen(function* () {
      const head = yield* draw({ prompt, seed: 3, maxTokens: 4 })
      const [usage] = yield* Usage.measure(draw({ prompt, seed: 3, prefix: head, maxTokens: 4 }))
      assert.strictEqual(usage.promptTokens, 0)
    }).pipe(Effect.provide(OnnxBackend.layer({ model })))
  )

  it.live("a paused draft that had to give way is read again, and goes on as if nothing had happened", () =>
    Effect.gen(function* () {
      const whole = yield* draw({ prompt, seed: 3, maxTokens: 8 })
      const head = whole.slice(0, 4)
      yield* draw({ prompt: Prompt.user("Is a dog lazy?"), maxTokens: 6 })
      const [usage, exit] = yield* Usage.measure(draw({ prompt, seed: 3, prefix: head, maxTokens: 4 }))
      assert.deepStrictEqual(
        (yield* exit).map((t) => t.id),
        whole.slice(4).map((t) => t.id)
      )
      assert.isAbove(usage.promptTokens, 10)
      assert.isAtMost((yield* describeBackend).rows, 1)
    }).pipe(Effect.provide(OnnxBackend.layer({ model, cacheBytes: 1 })))
  )

  it.live("a small limit of padded tokens changes nothing but the number of steps", () =>
    Effect.gen(function* () {
      const texts = (options: Partial<OnnxBackend.Options>) =>
        many(6, 6).pipe(
          Effect.map((all) => all.map(textOf)),
          Effect.provide(OnnxBackend.layer({ model, ...options }))
        )
      assert.deepStrictEqual(yield* texts({ maxBatchTokens: 1 }), yield* texts({}))
    })
  )
})

describe("generate", () => {
  const model = fixture("qwen2")
  const prompt = Prompt.user("Is a fox quick?")
  layer(OnnxBackend.layer({ model }))((it) => {
    it.effect("draws nothing that is not pulled", () =>
      Effect.gen(function* () {
        const backend = yield* Backend.Backend
        const before = (yield* describeBackend).steps
        const stream = backend.generate({ prompt, prefix: [], temperature: 1, seed: 77 })
        const taken = yield* Stream.runCollect(Stream.take(stream, 2))
        assert.strictEqual(taken.length, 2)
        assert.isAtMost((yield* describeBackend).steps, before + 3)
      })
    )

    it.effect("ends before a stop string, wherever tokens are cut", () =>
      Effect.gen(function* () {
        const whole = yield* draw({ prompt, seed: 4, maxTokens: 20 })
        const text = textOf(whole)
        const stop = text.slice(7, 10)
        const cut = yield* draw({ prompt, seed: 4, maxTokens: 20, stop: [stop, "never there"] })
        assert.strictEqual(textOf(cut), text.slice(0, text.indexOf(stop)))
        assert.strictEqual(cut.at(-1)?.end, "stop")
        assert.deepStrictEqual(
          cut.map((t) => t.id),
          whole.slice(0, cut.length).map((t) => t.id)
        )
      })
    )

    it.effect("top-k 1 is greedy at any temperature", () =>
      Effect.gen(function* () {
        const greedy = yield* draw({ prompt, temperature: 0, maxTokens: 8 })
        const hot = yield* draw({ prompt, temperature: 1.7, topK: 1, seed: 8, maxTokens: 8 })
        assert.deepStrictEqual(
          hot.map(({ id, text }) => [id, text]),
          greedy.map(({ id, text }) => [id, text])
        )
        hot.forEach(({ logProb }, i) => near(logProb ?? NaN, greedy[i]!.logProb ?? NaN))
      })
    )

    it.effect("ends with `length` where the context is full", () =>
      Effect.gen(function* () {
        const { context } = yield* describeBackend
        const long = "fox ".repeat(60)
        const tokens = yield* draw({ prompt: long, temperature: 1, seed: 1 })
        if (tokens.at(-1)?.end === "length") assert.isBelow(tokens.length, context)
        const full = yield* Effect.flip(draw({ prompt: "fox ".repeat(2000) }))
        assert.strictEqual(full.reason._tag, "InvalidRequest")
        assert.match(full.message, /context is 192/)
      })
    )

    it.effect("draws other answers for other seeds", () =>
      Effect.gen(function* () {
        const texts = yield* Effect.forEach([1, 2, 3, 4], (seed) =>
          Effect.map(draw({ prompt, seed, maxTokens: 8 }), textOf)
        )
        assert.strictEqual(new Set(texts).size, 4)
      })
    )

    it.effect("refuses a prefix without ids, rather than guess them from text", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(draw({ prompt, prefix: [{ text: "fox" }] }))
        assert.match(error.message, /no id of this model/)
      })
    )

    it.effect("refuses labels that are no single token, by the name of what it lacks", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ask(prompt, [], { labels: ["Certainly not"] }))
        assert.isTrue(error.reason._tag === "Unsupported" && error.reason.capability === "multi-token labels")
      })
    )

    it.effect("is no longer drawing once a run was interrupted", () =>
      Effect.gen(function* () {
        yield* draw({ prompt, seed: 9, maxTokens: 100 }).pipe(Effect.timeoutOption(20))
        const { drawing, waiting } = yield* describeBackend
        assert.deepStrictEqual([drawing, waiting], [0, 0])
      })
    )
  })
})

describe("closing", () => {
  it.live("frees the session, and a second one can be opened", () =>
    Effect.gen(function* () {
      const once = draw({ prompt: "a", maxTokens: 1 }).pipe(
        Effect.provide(OnnxBackend.layer({ model: fixture("qwen2") })),
        Effect.exit
      )
      assert.isTrue(Exit.isSuccess(yield* once))
      assert.isTrue(Exit.isSuccess(yield* once))
    })
  )
})
