import { assert, describe, it } from "@effect/vitest"
import type { Prompt } from "@mulligan/core"
import * as OnnxReward from "@mulligan/lab/preferences/OnnxReward"
import * as Effect from "effect/Effect"
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fixture, temporaryFolder } from "./harness.ts"

interface Case {
  readonly prompt: ReadonlyArray<Prompt.Message>
  readonly answer: string
  readonly logits: ReadonlyArray<number>
}

const cases = (name: string): ReadonlyArray<Case> =>
  JSON.parse(readFileSync(join(fixture(name), "reference.json"), "utf8")).cases

/** As the model's own tokenizer puts a pair together. */
const pair = (prompt: Prompt.Prompt, text: string): readonly [string, string] => [
  `[CLS]${typeof prompt === "string" ? prompt : prompt.at(-1)?.content}[SEP]`,
  `${text}[SEP]`
]

const reasonOf = <A, R>(
  self: Effect.Effect<A, { readonly reason: { _tag: string; problem: string; advice: string } }, R>
) => Effect.map(Effect.flip(self), ({ reason }) => reason)

describe("OnnxReward", () => {
  it.live("gives a chat reward model's logit as transformers does", () =>
    Effect.gen(function* () {
      const { name, reward } = yield* OnnxReward.make({ folder: fixture("reward-llama") })
      assert.strictEqual(name, "reward-llama")
      for (const { answer, logits, prompt } of cases("reward-llama"))
        assert.closeTo(yield* reward(prompt, answer), logits[0]!, 1e-4)
    })
  )

  it.live.each([0, 1])(
    "gives a cross-encoder's logit %d as transformers does, the answer being the second text",
    (index) =>
      Effect.gen(function* () {
        const { reward } = yield* OnnxReward.make({ folder: fixture("reward-bert"), render: pair, index })
        for (const { answer, logits, prompt } of cases("reward-bert"))
          assert.closeTo(yield* reward(prompt, answer), logits[index]!, 1e-4)
      })
  )

  it.live("takes a prompt of text for a user's", () =>
    Effect.gen(function* () {
      const { reward } = yield* OnnxReward.make({ folder: fixture("reward-llama") })
      const [first] = cases("reward-llama")
      assert.closeTo(yield* reward(first!.prompt[0]!.content, first!.answer), first!.logits[0]!, 1e-4)
    })
  )

  it.live("asks which number is the reward where there are several", () =>
    Effect.gen(function* () {
      const { reward } = yield* OnnxReward.make({ folder: fixture("reward-bert"), render: pair })
      const reason = yield* reasonOf(reward("Why?", "So."))
      assert.strictEqual(reason._tag, "RewardFailed")
      assert.include(reason.problem, "gives 2 numbers")
      assert.include(reason.advice, "`index`, from 0 to 1")
      const beyond = yield* OnnxReward.make({ folder: fixture("reward-bert"), render: pair, index: 2 })
      assert.strictEqual((yield* reasonOf(beyond.reward("Why?", "So.")))._tag, "RewardFailed")
    })
  )

  it.live("refuses what is too long for the model, and that text alone", () =>
    Effect.gen(function* () {
      const { reward } = yield* OnnxReward.make({ folder: fixture("reward-bert"), render: pair, index: 0 })
      const reason = yield* reasonOf(reward("Why?", "so ".repeat(200)))
      assert.strictEqual(reason._tag, "RewardRefused")
      assert.match(reason.problem, /are \d+ tokens; the reward model reward-bert reads 128/)
      assert.isNumber(yield* reward("Why?", "So."))
    })
  )

  it.live("says that a model without a chat template needs `render`", () =>
    Effect.gen(function* () {
      const reason = yield* reasonOf(OnnxReward.make({ folder: fixture("reward-bert"), index: 0 }))
      assert.include(reason.problem, "no chat template")
      assert.include(reason.advice, "`render`")
      assert.strictEqual(reason._tag, "RewardFailed")
    })
  )

  it.live("names the folder whose model cannot be opened", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "reward")
      const spoil = (file: string, text?: string) => {
        rmSync(folder, { recursive: true, force: true })
        cpSync(fixture("reward-llama"), folder, { recursive: true })
        if (text === undefined) rmSync(join(folder, file))
        else writeFileSync(join(folder, file), text)
        return reasonOf(Effect.scoped(OnnxReward.make({ folder })))
      }
      for (const [file, text] of [
        ["model.onnx"],
        ["model.onnx", "no graph"],
        ["tokenizer.json"],
        ["config.json", "{"]
      ] as const) {
        const reason = yield* spoil(file, text)
        assert.strictEqual(reason._tag, "RewardFailed")
        assert.include(reason.problem, folder)
      }
    })
  )
})
