// npm run bench:huggingface [-- --json]: what pruning saves on a real llama-server, how much of what it reads its cache knew, and
// what our requests cost over bare ones. A model of random weights, for its drafts are as long as they are asked to be.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import type { Backend, Candidate } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import { root } from "../scripts/checks/run.ts"
import * as LlamaServer from "../scripts/servers/LlamaServer.ts"
import * as PocketFormats from "../scripts/servers/PocketFormats.ts"

const DRAFTS = 16
const LENGTH = 192
const RUNS = 15
const text = "Make 24 from 3 5 7 11 ".repeat(8)

const json = (name: string): unknown => JSON.parse(readFileSync(join(root, "models/pocket", name), "utf8"))
const tokenizer = { tokenizer: json("tokenizer.json"), config: json("tokenizer_config.json") }

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

/** The server's own counts, since it was started. */
const counters = (url: string) =>
  Effect.promise(async () => {
    const page = await (await fetch(`${url}/metrics`)).text()
    const of = (name: string) => Number(new RegExp(`^llamacpp:${name} (\\S+)`, "m").exec(page)?.[1])
    return {
      predicted: of("tokens_predicted_total"),
      prompt: of("prompt_tokens_total"),
      cached: of("prompt_tokens_cached_total")
    }
  })

const counted = <A, E, R>(url: string, work: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* counters(url)
    const value = yield* work
    const after = yield* counters(url)
    const spent = (name: keyof typeof after) => after[name] - before[name]
    return { value, predicted: spent("predicted"), prompt: spent("prompt"), cached: spent("cached") }
  })

const all = { concurrency: "unbounded" } as const
const draw = (maxTokens: number, seed: number) =>
  Stream.runCollect(Candidates.generate(Candidates.fromPrompt(text, { count: DRAFTS, seed }), { maxTokens, ...all }))

/** Drops three quarters, judged by the model; the others are drawn to the full length. */
const goOn = (drafts: ReadonlyArray<Candidate.Candidate>) =>
  Stream.fromIterable(drafts).pipe(
    Candidates.score(SelfEvaluator.make(), all),
    Candidates.prune({ keep: 0.25 }),
    Candidates.generate({ maxTokens: LENGTH - LENGTH / 3, ...all }),
    Stream.runCollect
  )

/** The same requests with nothing around them: sent at once, read to the end. */
const bare = async (url: string, ids: ReadonlyArray<number>) => {
  const one = async (seed: number) => {
    const sampling = {
      n_predict: LENGTH,
      temperature: 1,
      top_k: 0,
      top_p: 1,
      min_p: 0,
      samplers: ["temperature"],
      seed
    }
    const told = { n_probs: 1, return_tokens: true, return_progress: true, cache_prompt: true, stream: true }
    const headers = { "content-type": "application/json", connection: "close" }
    const body = JSON.stringify({ prompt: ids, ...sampling, ...told })
    const response = await fetch(`${url}/completion`, { method: "POST", body, headers })
    for await (const bytes of response.body!) void bytes
  }
  await Promise.all(Array.from({ length: DRAFTS }, (_, i) => one(i)))
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const tokenize = async (url: string): Promise<ReadonlyArray<number>> => {
  const body = JSON.stringify({ content: text, parse_special: false })
  const response = await fetch(`${url}/tokenize`, { method: "POST", body })
  return ((await response.json()) as { readonly tokens: ReadonlyArray<number> }).tokens
}

/** In turns, and the first of a pair in turn as well, so that whatever else the machine does hits both alike. */
const overhead = (url: string) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Backend.Backend>()
    const ids = yield* Effect.promise(() => tokenize(url))
    const ours = () => Effect.runPromise(Effect.provideContext(draw(LENGTH, 1), context))
    const pair = async (run: number) => {
      if (run % 2 === 0) return [await timed(ours), await timed(() => bare(url, ids))] as const
      const raw = await timed(() => bare(url, ids))
      return [await timed(ours), raw] as const
    }
    return yield* Effect.promise(async () => {
      const pairs: Array<readonly [ours: number, raw: number]> = []
      for (let run = -1; run < RUNS; run++) {
        const measured = await pair(run)
        if (run >= 0) pairs.push(measured)
      }
      return pairs
    })
  })

const measure = (url: string) =>
  Effect.gen(function* () {
    const whole = yield* counted(url, draw(LENGTH, 2))
    const begun = yield* counted(url, draw(LENGTH / 3, 3))
    const rest = yield* counted(url, goOn(begun.value))
    const pairs = yield* overhead(url)
    const lengths = whole.value.map(({ tokens }) => tokens.length)
    return {
      medianLength: median(lengths),
      predictedAll: whole.predicted,
      predictedPruned: begun.predicted + rest.predicted,
      promptTokens: rest.prompt,
      cachedTokens: rest.cached,
      serverTokensSaved: 1 - (begun.predicted + rest.predicted) / whole.predicted,
      cachedShare: rest.cached / (rest.cached + rest.prompt),
      millisecondsOurs: median(pairs.map(([ours]) => ours)),
      millisecondsRaw: median(pairs.map(([, raw]) => raw)),
      overRawRequests: median(pairs.map(([ours, raw]) => ours / raw))
    }
  })

const [llama, formats] = [await LlamaServer.bring(), await PocketFormats.bring()]
const skipped = "skipped" in llama ? llama.skipped : "skipped" in formats ? formats.skipped : undefined
if (skipped !== undefined || "skipped" in formats) {
  console.error(`skipped: ${skipped}`)
  process.exit(1)
}
const server = await LlamaServer.start({ model: formats.random, slots: DRAFTS, context: 1024 })
const backend = HuggingFaceBackend.layer({ model: "random", endpointUrl: server.url, tokenizer })
const figures = await Effect.runPromise(Effect.provide(measure(server.url), backend)).finally(server.stop)
const rounded = Object.entries(figures).map(([figure, value]) => ({ figure, value: Number(value.toFixed(3)) }))
if (process.argv.includes("--json")) console.log(JSON.stringify(rounded, null, 2))
else {
  const date = new Date().toISOString().slice(0, 10)
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`
  console.log(
    `${date}, ${machine}, llama-server ${"version" in llama ? llama.version : ""}, ${DRAFTS} drafts, ${RUNS} runs`
  )
  for (const { figure, value } of rounded) console.log(`${figure.padEnd(18)} ${value}`)
}
