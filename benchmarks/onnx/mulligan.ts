// The contender of ours, by what a user has: a layer, a stream of candidates, a question.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Backend, type Candidate, Usage } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { Candidates } from "@mulligan/strategies"
import { root } from "../../scripts/checks/run.ts"
import { answer, type Job } from "./Turn.ts"
import { distinct, job, overBase, peak, Stages, Watch } from "./Watch.ts"

type Service = Backend.Backend["Service"]

/** The backend that tells when tokens come; a stage on top of the stream would tell only when a draft is over. */
const told = (backend: Service, onToken: () => void): Service => ({
  ...backend,
  generate: (request) =>
    Stream.map(backend.generate(request), (token) => {
      onToken()
      return token
    })
})

const draw = (backend: Service, prompt: string, count: number, maxTokens: number, seed: number, temperature = 1) =>
  Candidates.fromPrompt(prompt, { count, seed, temperature }).pipe(
    Candidates.generate({ maxTokens, concurrency: "unbounded" }),
    Stream.runCollect,
    Effect.provideService(Backend.Backend, backend)
  )

/** Our JavaScript's share of the steps between two looks at the engine, which tells what it spends; null if it ran none. */
const jsShareOf = (before: OnnxBackend.Description | undefined, after: OnnxBackend.Description): number | null => {
  if (before === undefined || after.steps === before.steps) return null
  const [own, run] = [after.ownTime - before.ownTime, after.runTime - before.runTime]
  return own / (own + run)
}

const versionOf = ({ graph }: OnnxBackend.Description): string => {
  const { version } = JSON.parse(readFileSync(join(root, "packages/onnx/package.json"), "utf8")) as { version: string }
  return `${version} (${graph} graph)`
}

/** Times of one draw, and what the engine spent from the first token of the last draft on. */
const drawWatched = (given: Job, backend: Service, onnx: OnnxBackend.Onnx["Service"], passed: Stages) =>
  Effect.gen(function* () {
    const watch = new Watch(given)
    let [count, before]: [number, OnnxBackend.Description | undefined] = [0, undefined]
    const watched = told(backend, () => {
      watch.token()
      if (++count !== given.n) return
      passed.pass("Read")
      before = Effect.runSync(onnx.describe)
    })
    const [usage, exit] = yield* Usage.measure(draw(watched, given.text, given.n, given.tokens, given.seed))
    const drafts = yield* exit
    const times = watch.times()
    if (usage.promptTokens !== given.prompt)
      throw new Error(`${usage.promptTokens} tokens of prompts were read, not ${given.prompt}.`)
    return { times, drafts, jsShare: jsShareOf(before, yield* onnx.describe) }
  })

/** Asks all drafts at once. The tokens read are counted: the question's, and the last one drawn; of copies, once. */
const evaluate = (
  backend: Service,
  given: Job,
  tokens: number,
  question: string,
  drafts: ReadonlyArray<Candidate.Candidate>
) =>
  Effect.gen(function* () {
    const ask = ({ tokens: prefix }: Candidate.Candidate) =>
      backend.logProbs({ prompt: given.text, prefix, question, labels: given.labels })
    const start = performance.now()
    const [usage, exit] = yield* Usage.measure(Effect.forEach(drafts, ask, { concurrency: "unbounded" }))
    const milliseconds = performance.now() - start
    yield* exit
    const prefixes = distinct(drafts.map(({ tokens }) => tokens.map(({ id }) => id)))
    const read = usage.readTokens / prefixes
    if (read < tokens || read > tokens + 1)
      throw new Error(`A question of ${tokens} tokens had ${read} read for a draft.`)
    return milliseconds
  })

const evaluations = (backend: Service, given: Job) =>
  Effect.gen(function* () {
    const entries = Object.entries(given.questions)
    if (entries.length === 0) return {}
    const drafts = yield* draw(backend, given.text, given.n, Math.floor(given.tokens / 2), given.seed + 1)
    const evaluationMs: Record<string, number> = {}
    for (const [tokens, question] of entries)
      evaluationMs[tokens] = yield* evaluate(backend, given, Number(tokens), question, drafts)
    return { evaluationMs }
  })

/** All that is measured, once and short: what is first of its kind pays for more than itself. */
const warmUp = (backend: Service, given: Job) =>
  Effect.gen(function* () {
    const drafts = yield* draw(backend, given.warmText, given.n, 3, given.seed)
    const warm = { ...given, text: given.warmText }
    for (const [tokens, question] of Object.entries(given.questions))
      yield* evaluate(backend, warm, Number(tokens), question, drafts)
  })

const measure = (given: Job, base: number | null) =>
  Effect.gen(function* () {
    const [backend, onnx] = [yield* Backend.Backend, yield* OnnxBackend.Onnx]
    const passed = new Stages(base)
    passed.pass("Loaded")
    yield* warmUp(backend, given)
    passed.pass("Warm")
    const [likeliest] = yield* draw(backend, given.warmText, 1, given.greedy, 0, 0)
    const { drafts, jsShare, times } = yield* drawWatched(given, backend, onnx, passed)
    passed.pass("Drawn")
    const peakBytes = overBase(base)
    const rows = drafts.map(({ tokens }) => tokens.map(({ id }) => id))
    return {
      ...times,
      lengths: rows.map(({ length }) => length),
      distinct: distinct(rows),
      peakBytes,
      memory: passed.seen,
      ...(yield* evaluations(backend, given)),
      greedy: likeliest!.tokens.map(({ id }) => id!),
      jsShare,
      version: versionOf(yield* onnx.describe)
    }
  })

const given = job()
const base = peak()
const { device, folder, threads } = given
const layer = OnnxBackend.layer({ model: join(folder, "optimum"), threads, device })
answer(await Effect.runPromise(Effect.provide(measure(given, base), layer)))
