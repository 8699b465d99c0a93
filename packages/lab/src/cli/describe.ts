/**
 * `mulligan describe`: what a model and its backend can do, by what they say of themselves and by one small probe.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Prompt } from "@mulligan/core/Prompt"
import type { RunError } from "@mulligan/core/RunError"
import type { Token } from "@mulligan/core/Token"
import type * as HuggingFaceBackend from "@mulligan/huggingface/HuggingFaceBackend"
import type * as OnnxBackend from "@mulligan/onnx/OnnxBackend"
import * as Question from "@mulligan/self-evaluator/Question"
import * as Candidates from "@mulligan/strategies/Candidates"

export interface Labels {
  /** Probabilities at the end of the probe's answer, in the middle of their bounds; null where they are not told. */
  readonly keep: number | null
  readonly restart: number | null
  /** They lie within bounds, and these are the middle. */
  readonly isBounded: boolean
  /** Of both together; null where only their ratio is known, or they are not told. */
  readonly mass: number | null
  /** Why they are not told. */
  readonly problem: string | null
}

export interface Speed {
  readonly drafts: number
  readonly tokensPerSecond: number
}

const unknown = (problem: string): Labels => ({
  keep: null,
  restart: null,
  isBounded: false,
  mass: null,
  problem
})

const middle = ({ lower, upper }: Backend.Bounds) => (Math.exp(lower) + Math.exp(upper)) / 2

const asked = ({ labels, over }: Backend.LogProbs): Labels => {
  const [keep = 0, restart = 0] = labels.map(middle)
  const isKnown = over === "vocabulary"
  const share = isKnown ? 1 : keep + restart
  return {
    keep: keep / share,
    restart: restart / share,
    isBounded: labels.some(({ lower, upper }) => lower !== upper),
    mass: isKnown ? keep + restart : null,
    problem: null
  }
}

const PROBE_TOKENS = 32

/** What the model says about a short greedy answer of its own. A model that cannot be asked is no failure here. */
export const labels = (prompt: Prompt): Effect.Effect<Labels, BackendError, Backend.Backend> =>
  Effect.gen(function* () {
    const backend = yield* Backend.Backend
    const greedy = { prompt, prefix: [], temperature: 0, seed: 0, maxTokens: PROBE_TOKENS }
    const prefix: ReadonlyArray<Token> = yield* Stream.runCollect(backend.generate(greedy))
    const { keep, restart } = Question.yesNo
    return asked(yield* backend.logProbs({ prompt, prefix, question: Question.paper, labels: [keep, restart] }))
  }).pipe(Effect.catchReason("BackendError", "Unsupported", ({ problem }) => Effect.succeed(unknown(problem))))

const SPEED_TOKENS = 64
const SPEED_SECONDS = 0.5

/** Tokens a second of so many drafts side by side, drawn for half a second at least. */
export const speed = (prompt: Prompt, drafts: number): Effect.Effect<Speed, BackendError | RunError, Backend.Backend> =>
  Effect.gen(function* () {
    const start = performance.now()
    const seconds = () => (performance.now() - start) / 1000
    let tokens = 0
    for (let seed = 0; seed === 0 || seconds() < SPEED_SECONDS; seed++) {
      yield* Candidates.fromPrompt(prompt, { count: drafts, seed }).pipe(
        Candidates.rounds([drafts], (round) => Candidates.generate(round, { maxTokens: SPEED_TOKENS })),
        Stream.runForEach((c) => Effect.sync(() => void (tokens += c.tokens.length)))
      )
    }
    return { drafts, tokensPerSecond: tokens / seconds() }
  })

export interface Probed {
  readonly labels: Labels
  readonly speed: ReadonlyArray<Speed>
}

/** What is printed: a name and what is to be said of it. */
export type Lines = ReadonlyArray<readonly [name: string, said: string]>

const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`

const saidOf = ({ isBounded, keep, mass, problem, restart }: Labels): Lines => {
  if (problem !== null) return [["self-evaluation", `cannot be asked: ${problem}`]]
  const { keep: no, restart: yes } = Question.yesNo
  const replies = `${isBounded ? "about " : ""}${no} ${percent(keep ?? 0)}, ${yes} ${percent(restart ?? 0)}`
  if (mass === null) return [["self-evaluation", `${replies} of the two on one probe; how much both hold is not told`]]
  const doubt = mass < 0.5 ? ": the model hardly answers the question, so its scores say little" : ""
  return [["self-evaluation", `${replies} on one probe, ${percent(mass)} on both together${doubt}`]]
}

const speedOf = (speeds: ReadonlyArray<Speed>): Lines =>
  speeds.map(({ drafts, tokensPerSecond }, i) => [
    i === 0 ? "speed" : "",
    `${Math.round(tokensPerSecond).toLocaleString("en-US")} tokens/s, ${drafts} draft${drafts === 1 ? "" : "s"} at once`
  ])

const thousands = (count: number) => count.toLocaleString("en-US")

export const onnx = (description: OnnxBackend.Description, device: string, probed: Probed): Lines => {
  const { context, file, graph, layers, model, precision, reason, vocabulary } = description
  const how =
    graph === "plain"
      ? `plain, as exported, which is slower: ${reason}`
      : "rewritten: a prompt is held once for all its drafts, tokens are drawn in the graph"
  return [
    ["model", model],
    ["backend", `ONNX Runtime in this process, ${device}`],
    ["file", `${file}${precision === undefined ? "" : ` (${precision})`}`],
    ["graph", how],
    ["layers", String(layers)],
    ["context", `${thousands(context)} tokens`],
    ["vocabulary", `${thousands(vocabulary)} tokens`],
    ["confidence", "over any number of the likeliest tokens; and certainty"],
    ...saidOf(probed.labels),
    ...speedOf(probed.speed)
  ]
}

const labelsTold = {
  vocabulary: "their probabilities",
  labels: "their ratio",
  interval: "bounds of their probabilities",
  none: "nothing"
} as const

const logProbsOf = {
  model: "the model's own",
  processed: "of what was drawn from, so the model's own only at temperature 1",
  none: "none"
} as const

export const server = (description: HuggingFaceBackend.Description, probed: Probed): Lines => {
  const { can, context, dialect, model, prefix, servers, version } = description
  return [
    ["model", model],
    [
      "backend",
      `${dialect}${version === undefined ? "" : ` ${version}`} at ${servers.map((s) => s.origin).join(", ")}`
    ],
    ["context", context === undefined ? "not told" : `${thousands(context)} tokens`],
    ["a draft goes on", `from: ${prefix}`],
    ["labels", `${labelsTold[can.labels]} told`],
    ["log-probabilities", logProbsOf[can.logProbs]],
    ["confidence", can.confidence === undefined ? "not told" : `over ${can.confidence} likeliest tokens at most`],
    ["sampling", can.sampling.length === 0 ? "temperature alone" : `temperature, ${can.sampling.join(", ")}`],
    ["seeds", can.seeds ? "repeat their tokens" : "do not repeat their tokens"],
    ...saidOf(probed.labels),
    ...speedOf(probed.speed)
  ]
}

export const written = (lines: Lines): string => {
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, said]) => `${name.padEnd(width)}  ${said}`).join("\n")
}
