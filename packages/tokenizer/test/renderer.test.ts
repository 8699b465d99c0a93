import { assert, describe, it } from "@effect/vitest"
import type { Prompt } from "@mulligan/core"
import * as Effect from "effect/Effect"
import { afterEach, vi } from "vitest"
import { inThread, inWorker, make } from "../src/internal/renderer.ts"
import { threads } from "../src/internal/threads.ts"
import { files, origin, run } from "./models.ts"

const messages: ReadonlyArray<Prompt.Message> = [
  { role: "system", content: "é😀" },
  { role: "user", content: "<|im_end|>" }
]
const tokens = { bos_token: "<s>", eos_token: "</s>" }
const writesTooMuch = "{% for i in range(40000) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}"
const endless = "{% for i in range(100000) %}{% for j in range(100000) %}{% set x = i * j %}{% endfor %}{% endfor %}"

const apart = (template: string) =>
  Effect.flatMap(inWorker(threads()!, template, tokens, origin), (render) =>
    render(messages, { enable_thinking: false })
  )
const here = (template: string) => inThread(template, tokens, origin)(messages, { enable_thinking: false })

afterEach(() => vi.unstubAllGlobals())

describe("a template", () => {
  it.each([
    ["of a model", files("qwen2").template!],
    [
      "that uses all it is told",
      "{{ bos_token }}{{ enable_thinking }}{{ add_generation_prompt }}{{ messages | length }}"
    ],
    ["that writes nothing", ""]
  ])("%s gives the same text in a worker and in this thread", async (_, template) => {
    assert.strictEqual(await run(here(template)), await run(Effect.scoped(apart(template))))
  })

  it.each([
    [
      "that is wrong",
      "{{ raise_exception('no system turn') }}",
      /template of some\/model failed: no system turn.*Use another/s
    ],
    ["that is no template", "{% for", /template of some\/model failed/],
    ["that writes without end", writesTooMuch, /failed: it wrote 1440000 characters for/]
  ] as const)("%s says the same in a worker and in this thread", async (_, template, message) => {
    const [inside, outside] = await run(
      Effect.all([Effect.flip(here(template)), Effect.flip(Effect.scoped(apart(template)))])
    )
    assert.match(inside.message, message)
    assert.strictEqual(inside.message, outside.message)
  })

  it("that never ends is stopped, and the next one is rendered", { timeout: 20_000 }, async () => {
    const waits = `{% if messages | length == 2 %}${endless}{% endif %}done`
    const [stopped, next] = await Effect.gen(function* () {
      const render = yield* make(waits, tokens, origin)
      return [yield* Effect.flip(render(messages)), yield* render(messages.slice(1))] as const
    }).pipe(Effect.scoped, run)
    assert.match(stopped.message, /took more than 2 seconds/)
    assert.strictEqual(next, "done")
  })
})

describe("a runtime", () => {
  it.each([
    ["without process", { process: undefined }],
    ["with a process that has no modules", { process: {} }],
    ["with a process that lacks threads", { process: { getBuiltinModule: () => undefined } }],
    ["whose threads throw", { navigator: { userAgent: "Cloudflare-Workers" } }]
  ] as const)("%s renders in its own thread", async (_, globals) => {
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
    const isFound = threads() !== undefined
    vi.unstubAllGlobals()
    assert.isFalse(isFound)
    assert.isDefined(threads())
  })
})
