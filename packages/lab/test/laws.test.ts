import { assert, describe, it } from "@effect/vitest"
import { Backend, type Candidate } from "@mulligan/core"
import * as BackendLaws from "@mulligan/core/testing/BackendLaws"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { type Record, Recording } from "@mulligan/lab"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { planOf } from "../src/internal/plan.ts"
import { recordDraft } from "../src/internal/recordDraft.ts"
import { Tape } from "../src/internal/Tape.ts"
import { replayed, temporaryFile } from "./harness.ts"

const LENGTH = 8
const PROMPT = "a prompt"
const OTHER = "another one"
const question = { question: "Would you?", labels: ["No", "Yes"] }
const script: ScriptedBackend.Script = { length: () => 20, probability: ({ prefix }) => 0.1 + prefix.length / 20 }

type Setting = Pick<Candidate.Candidate, "prompt" | "seed" | "temperature">

/** The seeds and temperatures at which the laws draw, and their neighbours and siblings. */
const settings = [
  { seed: 1, temperature: 0 },
  { seed: 1, temperature: 1 },
  { seed: 7, temperature: 1 },
  { seed: 3, temperature: 1.5 }
]
const beside = settings.flatMap(({ seed, temperature }) => [
  { prompt: PROMPT, seed: seed + 1, temperature },
  ...Array.from({ length: 8 }, (_, i) => ({
    prompt: i % 2 === 0 ? PROMPT : OTHER,
    seed: seed + 101 + i,
    temperature: 1
  }))
])
const fresh = [1, 2].flatMap((round) =>
  settings.map((setting, i) => ({ prompt: `${round}${i} ${PROMPT}`, ...setting }))
)
const asked: ReadonlyArray<Setting> = [
  ...settings.map((setting) => ({ prompt: PROMPT, ...setting })),
  ...beside,
  ...fresh
]

/** These very drafts, without a plan of prompts and seeds, read after every token. */
const recording = (maxTokens: number, tokens: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const file = yield* temporaryFile
    const readings: ReadonlyArray<Record.Asked> = [{ ...question, tokens }]
    const plan = planOf({ file, model: "scripted", prompts: [], maxTokens }, readings, 1)
    const drawn = Effect.gen(function* () {
      const tape = yield* Tape.open(file, { model: "scripted", sampling: {}, measures: {} })
      const prompts = [...new Set(asked.map(({ prompt }) => prompt))]
      prompts.forEach((prompt, id) => tape.add({ _tag: "Prompt", id, prompt, seed: 0 }))
      for (const setting of asked)
        yield* recordDraft(tape, prompts.indexOf(setting.prompt), { index: 0, tokens: [], ...setting }, plan)
    })
    yield* Effect.scoped(drawn).pipe(Effect.provide(ScriptedBackend.layer(script)))
    return yield* Recording.read(file)
  })

const everywhere = Array.from({ length: LENGTH + 1 }, (_, i) => i)

const greedyIds = Effect.flatMap(Backend.Backend, (backend) =>
  Effect.map(
    Stream.runCollect(backend.generate({ prompt: PROMPT, prefix: [], temperature: 0, seed: 5, maxTokens: LENGTH })),
    (tokens) => tokens.map(({ id }) => id ?? -1)
  )
).pipe(Effect.provide(ScriptedBackend.layer(script)))

const outcomes = (replay: Recording.Recording) =>
  Effect.gen(function* () {
    const reference = { greedy: yield* greedyIds, labels: [{ after: 2, probabilities: [0.2, 0.8] }] }
    const subject = { prompt: PROMPT, others: [OTHER], ...question, maxTokens: LENGTH, bound: 0, reference }
    const results = yield* replayed(BackendLaws.run(subject), replay)
    return Object.fromEntries(
      results.map(({ detail, law, outcome }) => [law, outcome === "passed" ? outcome : `${outcome}: ${detail}`])
    )
  })

describe("Replay", () => {
  it.live("keeps every law where what the laws ask was recorded, to the last bit", () =>
    Effect.gen(function* () {
      const passed = Object.fromEntries(BackendLaws.laws.map(({ name }) => [name, "passed"]))
      const { confidence, ...found } = yield* outcomes(yield* recording(LENGTH, everywhere))
      assert.deepStrictEqual({ ...found, confidence: "passed" }, passed)
      // A recording is over one number of tokens, and the law over several.
      assert.match(confidence ?? "", /^unsupported: .*record with it into another file/)
    })
  )

  it.live("names what to record where it was not, and keeps the other laws", () =>
    Effect.gen(function* () {
      const found = yield* outcomes(yield* recording(LENGTH, []))
      for (const law of ["continuation", "greedy", "refusal"]) assert.strictEqual(found[law], "passed", law)
      assert.match(found["non-disturbance"] ?? "", /^unsupported: .*tokens: \[\d+\]/)
      assert.match(found["probability"] ?? "", /^unsupported: .*Record with/)
      const short = yield* outcomes(yield* recording(LENGTH - 1, everywhere))
      assert.match(short["continuation"] ?? "", /^unsupported: .*Record with maxTokens above 7/)
    })
  )
})
