import { assert, describe, it } from "@effect/vitest"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as Effect from "effect/Effect"
import { engines, start } from "./subjects.ts"

/** One letter a law, in their order. `?`: passed or bounded, by how many tokens were under way when a draft was cut. */
const outcomes: Record<string, string> = {
  vllm: "bpppp?p?p",
  // Every token is a request of its own, so nothing is drawn ahead and every cut is the same.
  "vllm, token by token": "ppppppppp",
  "vllm 0.25": "bpppp?p?p",
  sglang: "bbbppbp?p",
  "sglang, incremental": "bbbppbp?p",
  "sglang, deterministic": "bpppp?p?p",
  "llama.cpp": "bpppp?p?p",
  "llama.cpp, by ratio": "bpppp?p?p",
  tgi: "bpppp?p?p",
  openai: "bbbppbp?p",
  "openai, 5 listed": "bbbppbp?p",
  "openai, no logprobs": "bubpubpbu",
  "openai, logprobs ignored": "bubpubpbu",
  transformers: "uuppu?pbu"
}
const meant: Record<string, ReadonlyArray<string>> = {
  p: ["passed"],
  b: ["bounded"],
  u: ["unsupported"],
  "?": ["passed", "bounded"]
}

describe.each(engines)("the laws on $name", (engine) => {
  it.live("go as they should", () =>
    Effect.gen(function* () {
      const { layer, subject } = yield* Effect.acquireRelease(
        Effect.promise(() => start(engine)),
        ({ stop }) => Effect.promise(stop)
      )
      const results = yield* Effect.provide(BackendLaws.run(subject), layer)
      for (const [i, { detail, law, outcome }] of results.entries()) {
        assert.include(meant[outcomes[engine.name]![i]!]!, outcome, `${law}: ${detail}`)
      }
    })
  )
})
