import { assert, describe, it } from "@effect/vitest"
import { Backend, Budget, type Token, Usage } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates, Scorers } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { text } from "../src/internal/json.ts"
import * as Chat from "./engines/chat.ts"
import { ask, draw, idsOf, posts, served, textOf, using } from "./engines/client.ts"
import type { Fake } from "./engines/http.ts"
import * as Llama from "./engines/llama.ts"
import * as Model from "./engines/model.ts"
import * as Sglang from "./engines/sglang.ts"
import * as Tgi from "./engines/tgi.ts"
import * as Transformers from "./engines/transformers.ts"
import * as Vllm from "./engines/vllm.ts"
import { engines, prompt } from "./subjects.ts"

describe("characters of several tokens on llama.cpp", () => {
  it.live("no id is lost and none comes twice, though the server leaves some out", () =>
    Effect.gen(function* () {
      // Slow enough that hardly a token is under way when a request is left.
      const fake = yield* served(() => Llama.start({ unicode: true, delay: 15 }))
      const truth = Model.greedy(Model.rendered(prompt), 40, { unicode: true })
      const [usage, exit] = yield* Usage.measure(using(fake, draw({ maxTokens: 40 })))
      const tokens = yield* exit
      assert.deepStrictEqual<unknown>(idsOf(tokens), truth)
      assert.match(textOf(tokens), /[猫狐🦊🦉é]/u)
      assert.strictEqual(textOf(tokens), Model.textOf(truth))
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50)))
      // What was drawn and drawn again is waste, and is told, those included that never came.
      const waste = fake.engine.drawn - tokens.length
      assert.isAbove(usage.drawnTokens, 2)
      assert.isAtMost(Math.abs(usage.drawnTokens - waste), 1)
      const context = [...Model.rendered(prompt)]
      for (const { id, logProb } of tokens) {
        const own = Model.logSoftmax(Model.logits(context, { unicode: true }))[id!]!
        // Of a token that ends within a character the server tells none; it must not get another's.
        if (logProb !== undefined) assert.closeTo(logProb, own, 1e-9)
        context.push(id!)
      }
      assert.isAbove(tokens.filter(({ logProb }) => logProb !== undefined).length, 10)
    })
  )

  it.live("a sampled draft is whole and the same each time", () =>
    Effect.gen(function* () {
      const fake = yield* served(() => Llama.start({ unicode: true }))
      for (const seed of [1, 2, 3, 4]) {
        const [one, two] = yield* using(
          fake,
          Effect.all([draw({ temperature: 1, seed, maxTokens: 30 }), draw({ temperature: 1, seed, maxTokens: 30 })])
        )
        assert.deepStrictEqual(idsOf(one), idsOf(two))
        assert.strictEqual(textOf(one), Model.tokenizer.decode(idsOf(one).map(Number)))
      }
    })
  )
})

const slow: ReadonlyArray<readonly [name: string, fake: () => Promise<Fake>]> = [
  ["vllm", () => Vllm.start({ delay: 5 })],
  ["sglang", () => Sglang.start({ delay: 5 })],
  ["llama.cpp", () => Llama.start({ delay: 5 })],
  ["tgi", () => Tgi.start({ delay: 5 })],
  ["openai", () => Chat.start({ delay: 5 })],
  ["transformers", () => Transformers.start({ delay: 5 })]
]

describe("a draft that is left", () => {
  it.live.each(slow)("on %s is drawn no further", ([name, start]) =>
    Effect.gen(function* () {
      const fake = yield* served(start)
      const left = Effect.flatMap(Backend.Backend, (backend) =>
        Stream.runDrain(Stream.take(backend.generate({ prompt, prefix: [], temperature: 0, seed: 1 }), 2))
      )
      yield* using(fake, Effect.andThen(left, Effect.sleep(150)))
      assert.strictEqual(fake.engine.open, 0)
      assert.isBelow(fake.engine.drawn, 20)
      const named = posts(fake).map(({ body }) => text(body, "rid"))
      if (name !== "sglang") return
      // Its name is that of the draft, and no other's beginning.
      assert.strictEqual(named.length, 2)
      assert.strictEqual(named[0], named[1])
    })
  )

  it.live("answers that are left alone are longer than that", () =>
    Effect.sync(() => assert.isAbove(Model.greedy(Model.rendered(prompt), 200).length, 30))
  )
})

describe("a provider without log-probabilities", () => {
  it.live("votes, verifies and keeps to a budget; self-evaluation is refused by name", () =>
    Effect.gen(function* () {
      const fake = yield* served(() => Chat.start({ logProbs: "refused" }))
      const drafts = Candidates.fromPrompt(prompt, { count: 4 }).pipe(Candidates.generate({ maxTokens: 6 }))
      const first = (text: string) => text.slice(0, 1)
      const votes = drafts.pipe(Candidates.runMajority(({ tokens }) => first(textOf(tokens))))
      const best = drafts.pipe(Candidates.score(Scorers.verifier(() => true)), Candidates.runBest)
      const thrifty = drafts.pipe(
        Candidates.withBudget({ drawnTokens: 8 }),
        Candidates.runMajority(() => "same")
      )
      const judged = drafts.pipe(Candidates.score(SelfEvaluator.make()), Candidates.runBest)
      const program = Effect.gen(function* () {
        assert.isAbove((yield* votes).tokens.length, 0)
        assert.strictEqual((yield* best).score.value, 1)
        const [usage] = yield* Usage.measure(thrifty)
        assert.isAtMost(usage.keptTokens, 8 + 4)
        const before = posts(fake).length
        const error = yield* Effect.flip(ask())
        assert.deepStrictEqual(
          [error.reason._tag, "capability" in error.reason && error.reason.capability],
          ["Unsupported", "logProbs"]
        )
        assert.strictEqual(posts(fake).length, before)
        assert.strictEqual((yield* Effect.flip(judged))._tag, "BackendError")
      })
      yield* using(fake, program)
    })
  )
})

describe("the end of an answer", () => {
  const going = engines.filter(({ name }) => name !== "transformers" && !name.includes(","))
  it.live.each(going)(
    "on $name is the same however the draft was cut, and is charged to nobody twice",
    ({ fake, name }) =>
      Effect.gen(function* () {
        const running = yield* served(fake)
        const whole = yield* using(running, draw({ maxTokens: undefined }))
        assert.strictEqual(whole.at(-1)?.end, "stop")
        const account = new Budget.Account({})
        const pieces: Array<Token.Token> = []
        while (pieces.at(-1)?.end === undefined && pieces.length < 200) {
          const size = pieces.length < 30 ? 10 : 1
          const more = yield* using(running, draw({ prefix: pieces, maxTokens: size })).pipe(
            Effect.provideService(Budget.CurrentAccount, account)
          )
          pieces.push(...more)
        }
        assert.strictEqual(textOf(pieces), textOf(whole), name)
        assert.strictEqual(pieces.length, whole.length)
      })
  )

  it.live("has its log-probability where a chat server tells it, and is one token and not two", () =>
    Effect.gen(function* () {
      const silent = yield* served(() => Chat.start())
      const told = yield* served(() => Chat.start({ tellsEnd: true }))
      const [without, tokens] = yield* Effect.all(
        [silent, told].map((fake) => using(fake, draw({ maxTokens: undefined, temperature: 0 })))
      )
      assert.deepStrictEqual(
        tokens!.map(({ text }) => text),
        without!.map(({ text }) => text)
      )
      assert.strictEqual(tokens!.at(-1)?.text, "")
      assert.isBelow(tokens!.at(-1)?.logProb ?? NaN, 0)
      assert.isUndefined(without!.at(-1)?.logProb)
    })
  )
})
