/**
 * A backend without a model, for tests: it draws what a script says, when it says so, and fails where it says so. It is
 * deterministic and obeys every law of `BackendLaws`.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Backend, type Bounds, type GenerateRequest, type LogProbs, type LogProbsRequest } from "../Backend.ts"
import { BackendError, InvalidRequest } from "../BackendError.ts"
import * as Budget from "../Budget.ts"
import type { Prompt } from "../Prompt.ts"
import type { Token } from "../Token.ts"

/**
 * What the backend does. Each function must give the same for the same request, and `answer` must look neither at the
 * prefix nor at `maxTokens`: else a continued draft is not the one that was begun.
 */
export interface Script {
  /** The answer's texts, one a token, or how many digits to draw. Its last token ends with `stop`. Default 8 digits. */
  readonly answer?: ((request: GenerateRequest) => ReadonlyArray<string> | number) | undefined
  /** Of the token at a position from 0, at most 0. Default: minus the uniform number that drew it, above -1. */
  readonly logProb?: ((request: GenerateRequest, position: number) => number) | undefined
  /** How long a step takes: before the token at this position. */
  readonly delay?: ((request: GenerateRequest, position: number) => Duration.Input | undefined) | undefined
  /** Fails instead of drawing the token at this position; `call` counts the calls of `generate` from 1. */
  readonly fault?: ((request: GenerateRequest, position: number, call: number) => BackendError | undefined) | undefined
  /** How long a question takes. */
  readonly judgeDelay?: ((request: LogProbsRequest) => Duration.Input | undefined) | undefined
  /** Fails instead of answering; `call` counts the calls of `logProbs` from 1. */
  readonly judgeFault?: ((request: LogProbsRequest, call: number) => BackendError | undefined) | undefined
  /** The first label's share of `mass`, 0 to 1; the others share the rest evenly. Default: a hash of the prefix's texts. */
  readonly score?: ((request: LogProbsRequest) => number) | undefined
  /** What all labels hold together, 0 to 1. Default 0.9. */
  readonly mass?: ((request: LogProbsRequest) => number) | undefined
  /** Makes each log-probability an interval of this width around the truth, cut at 0. Default 0: exact. */
  readonly width?: number | undefined
  /** Default `vocabulary`. */
  readonly over?: LogProbs["over"] | undefined
  /** Tokens of a prompt, read by each draft that begins. Default: its words. */
  readonly promptLength?: ((prompt: Prompt) => number) | undefined
  /** Tokens of a question, read each time it is asked (drafts are remembered). Default: its words. */
  readonly questionLength?: ((question: string) => number) | undefined
}

/** What happened so far. */
export class Log {
  /** Calls of `generate` and of `logProbs`, refused ones excluded. */
  calls = 0
  logProbs = 0
  /** Tokens drawn. */
  tokens = 0
  /** Answers being drawn now, and at most at one time. */
  open = 0
  maxOpen = 0
  readonly requests: Array<GenerateRequest> = []
  readonly questions: Array<LogProbsRequest> = []
}

const hash = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  }
  return (h ^ (h >>> 13)) >>> 0
}

/** From 0 up to 1, a function of what is given alone. */
const uniform = (...of: ReadonlyArray<string | number>): number => hash(of.join()) / 2 ** 32

const words = (text: string): number => text.split(/\s+/).filter((word) => word !== "").length

const promptWords = (prompt: Prompt): number =>
  typeof prompt === "string" ? words(prompt) : prompt.reduce((sum, { content }) => sum + words(content), 0)

const refuse = (problem: string, advice: string): BackendError =>
  new BackendError({ backend: "scripted", reason: new InvalidRequest({ problem, advice }) })

const refusedDraw = ({ maxTokens = 0, prefix, seed, temperature }: GenerateRequest): BackendError | undefined => {
  if (!(temperature >= 0 && temperature < Infinity))
    return refuse(`The temperature is ${temperature}.`, "Use 0 (greedy) or any number above.")
  if (!(maxTokens === Infinity || (Number.isInteger(maxTokens) && maxTokens >= 0)))
    return refuse(`maxTokens is ${maxTokens}.`, "Use a whole number from 0, or leave it out.")
  if (!Number.isFinite(seed)) return refuse(`The seed is ${seed}.`, "Use a whole number.")
  if (prefix.at(-1)?.end !== undefined) return refuse("The prefix has ended.", "Continue only what may go on.")
  return undefined
}

const refusedQuestion = ({ labels }: LogProbsRequest): BackendError | undefined =>
  labels.length === 0 || labels.includes("")
    ? refuse("There is no label, or an empty one.", "Name labels of at least one character.")
    : undefined

const tokenAt = (script: Script, request: GenerateRequest, position: number): Token => {
  const answer = script.answer?.(request) ?? 8
  // Greedy is one answer, whatever the seed.
  const u = uniform(request.temperature === 0 ? "greedy" : request.seed, request.temperature, position)
  const id = Math.floor(u * 10)
  const length = typeof answer === "number" ? answer : answer.length
  // Past the end is where an empty answer says so, by a token without text.
  const isText = position < length
  const written = typeof answer === "number" ? { id, text: isText ? String(id) : "" } : { text: answer[position] ?? "" }
  const token = { ...written, logProb: script.logProb?.(request, position) ?? -u }
  return position >= length - 1 ? { ...token, end: "stop" } : token
}

const step = (script: Script, log: Log, request: GenerateRequest, position: number, call: number) =>
  Effect.suspend(() => {
    const fault = script.fault?.(request, position, call)
    if (fault !== undefined) return Effect.fail(fault)
    log.tokens++
    return Effect.succeed(tokenAt(script, request, position))
  })

const after = <A, E>(delay: Duration.Input | undefined, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  delay === undefined ? self : Effect.andThen(Effect.sleep(delay), self)

const tokens = (script: Script, log: Log, request: GenerateRequest): Stream.Stream<Token, BackendError> => {
  const call = ++log.calls
  const from = request.prefix.length
  const to = from + (request.maxTokens ?? Infinity)
  return Stream.unfold(from, (at) =>
    at >= to
      ? Effect.succeed(undefined)
      : Effect.map(after(script.delay?.(request, at), step(script, log, request, at, call)), (token) => [
          token,
          token.end === undefined ? at + 1 : Infinity
        ])
  )
}

const opened = (log: Log) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      log.maxOpen = Math.max(log.maxOpen, ++log.open)
    }),
    () => Effect.sync(() => log.open--)
  )

const generate = (script: Script, log: Log, request: GenerateRequest) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const refused = refusedDraw(request)
      if (refused !== undefined) return yield* refused
      yield* opened(log)
      log.requests.push(request)
      const charge = yield* Budget.charging
      if (request.prefix.length === 0) charge("promptTokens", (script.promptLength ?? promptWords)(request.prompt))
      return tokens(script, log, request)
    })
  )

const bounds = ({ width = 0 }: Script, probability: number): Bounds => {
  const truth = Math.log(probability)
  return { lower: truth - width / 2, upper: Math.min(0, truth + width / 2) }
}

const answered = (script: Script, request: LogProbsRequest): LogProbs => {
  const { labels, prefix } = request
  const mass = script.mass?.(request) ?? 0.9
  const score = script.score?.(request) ?? uniform("score", ...prefix.map(({ text }) => text))
  const others = (mass * (1 - score)) / Math.max(1, labels.length - 1)
  return {
    labels: labels.map((_, i) => bounds(script, i === 0 ? mass * score : others)),
    over: script.over ?? "vocabulary"
  }
}

const logProbs = (script: Script, log: Log, request: LogProbsRequest): Effect.Effect<LogProbs, BackendError> =>
  Effect.gen(function* () {
    const refused = refusedQuestion(request)
    if (refused !== undefined) return yield* refused
    const call = ++log.logProbs
    log.questions.push(request)
    const read = Effect.gen(function* () {
      const fault = script.judgeFault?.(request, call)
      if (fault !== undefined) return yield* fault
      const charge = yield* Budget.charging
      if (request.question !== undefined) charge("readTokens", (script.questionLength ?? words)(request.question))
      return answered(script, request)
    })
    return yield* after(script.judgeDelay?.(request), read)
  })

/** The script alone, without a layer, to wrap it. */
export const make = (script: Script = {}, log: Log = new Log()): Backend["Service"] => ({
  generate: (request) => generate(script, log, request),
  logProbs: (request) => logProbs(script, log, request)
})

/**
 * A token is a function of the seed, its position and the temperature; at temperature 0 the seed makes no difference.
 * `topP` and its like are seen in `log.requests` and change nothing: the script decides. Pass a `Log` to inspect.
 */
export const layer = (script: Script = {}, log: Log = new Log()): Layer.Layer<Backend> =>
  Layer.sync(Backend, () => make(script, log))
