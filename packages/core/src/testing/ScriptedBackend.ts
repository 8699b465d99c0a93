/**
 * A deterministic backend for tests and examples: tokens are a function of seed and position, and a script says how long
 * answers are, what they score, what is slow and what fails. It obeys every law of `BackendLaws`.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Backend, type GenerateRequest, type LogProbsRequest } from "../Backend.ts"
import type * as BackendError from "../BackendError.ts"
import * as Budget from "../Budget.ts"
import * as Request from "../Request.ts"
import type { Token } from "../Token.ts"

/** All parts are optional; each is asked whenever it matters. */
export interface Script {
  /** The text of the answer's token at this position. Default: a digit, drawn by seed, position and temperature; its id. */
  readonly text?: ((request: GenerateRequest, position: number) => string) | undefined
  /** Tokens of a whole answer. Default 8. */
  readonly length?: ((request: GenerateRequest) => number) | undefined
  /** Probability of the first label after the prefix, 0 to 1; the second has the rest. Default: grows with the digits. */
  readonly probability?: ((request: LogProbsRequest) => number) | undefined
  /** Time before the token at this position. */
  readonly delay?: ((request: GenerateRequest, position: number) => Duration.Input | undefined) | undefined
  /** Time before an answer to `logProbs`. */
  readonly judgeDelay?: ((request: LogProbsRequest) => Duration.Input | undefined) | undefined
  /** Fails instead of drawing the token at this position; `call` counts the calls of `generate` from 1. */
  readonly fault?:
    | ((request: GenerateRequest, position: number, call: number) => BackendError.BackendError | undefined)
    | undefined
  /** Fails instead of judging; `call` counts the calls of `logProbs` from 1. */
  readonly judgeFault?: ((request: LogProbsRequest, call: number) => BackendError.BackendError | undefined) | undefined
}

/** What was asked of the backend, and what it did. */
export class Log {
  generateCalls = 0
  logProbsCalls = 0
  drawnTokens = 0
  openRows = 0
  mostOpenRows = 0
}

/** The log of the scripted backend around. */
export class ScriptedLog extends Context.Service<ScriptedLog, Log>()("@mulligan/core/testing/ScriptedLog") {}

/** Tokens that reading a prompt or a question costs here. */
export const PROMPT_TOKENS = 5
export const QUESTION_TOKENS = 6

/** A uniform number in [0, 1) from whole numbers (the finaliser of MurmurHash3). */
const uniform = (...parts: ReadonlyArray<number>): number => {
  let h = 0x811c9dc5
  for (const part of parts) {
    h = Math.imul(h ^ part, 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h ^= h >>> 16
  }
  return (h >>> 0) / 2 ** 32
}

/** Greedy is one answer, whatever the seed. */
const drawn = ({ seed, temperature }: GenerateRequest, position: number): number =>
  temperature === 0 ? uniform(1, position) : uniform(2, seed, Math.round(temperature * 1e6), position)

const digit = (request: GenerateRequest, position: number): number => Math.floor(10 * drawn(request, position))

/** Grows with the tokens that it is over, from the drawn one's alone. */
const measured = (request: GenerateRequest, position: number): Pick<Token, "confidence" | "certainty"> => ({
  ...(request.confidence === undefined ? {} : { confidence: request.confidence * drawn(request, position) }),
  ...(request.certainty === true ? { certainty: 1 - drawn(request, position) } : {})
})

const meanDigit = ({ prefix }: LogProbsRequest): number =>
  prefix.length === 0 ? 0.5 : prefix.reduce((sum, token) => sum + (Number(token.text) || 0), 0) / (9 * prefix.length)

const NAME = "scripted"

const draw = (script: Script, log: Log, request: GenerateRequest, call: number) => {
  const length = script.length?.(request) ?? 8
  const stop = Math.min(length, request.prefix.length + (request.maxTokens ?? Infinity))
  return Stream.unfold(request.prefix.length, (at) => {
    if (at >= stop) return Effect.succeed(undefined)
    const fault = script.fault?.(request, at, call)
    if (fault !== undefined) return Effect.fail(fault)
    const delay = script.delay?.(request, at)
    const next = Effect.sync(() => {
      log.drawnTokens++
      const id = digit(request, at)
      const token: Token = {
        id,
        text: script.text?.(request, at) ?? String(id),
        logProb: -drawn(request, at),
        ...measured(request, at),
        ...(at === length - 1 ? { end: "stop" } : {})
      }
      return [token, at + 1] as const
    })
    return delay === undefined ? next : Effect.andThen(Effect.sleep(delay), next)
  })
}

const generate =
  (script: Script, log: Log): Backend["Service"]["generate"] =>
  (request) =>
    Stream.unwrap(
      Effect.gen(function* () {
        yield* Request.checkGenerate(NAME, request)
        const charge = yield* Budget.charging
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            log.generateCalls++
            log.mostOpenRows = Math.max(log.mostOpenRows, ++log.openRows)
          }),
          () => Effect.sync(() => void log.openRows--)
        )
        charge("promptTokens", PROMPT_TOKENS)
        return draw(script, log, request, log.generateCalls)
      })
    )

const logProbs =
  (script: Script, log: Log): Backend["Service"]["logProbs"] =>
  (request) =>
    Effect.gen(function* () {
      yield* Request.checkLogProbs(NAME, request)
      const fault = script.judgeFault?.(request, ++log.logProbsCalls)
      if (fault !== undefined) return yield* fault
      yield* Effect.sleep(script.judgeDelay?.(request) ?? 0)
      const charge = yield* Budget.charging
      charge("readTokens", QUESTION_TOKENS)
      const first = (script.probability ?? meanDigit)(request)
      const labels = request.labels.map((_, i) => Math.log(i === 0 ? first : i === 1 ? 1 - first : 0))
      return { labels: labels.map((value) => ({ lower: value, upper: value })), over: "vocabulary" as const }
    })

/** A backend that follows the script; ask for `ScriptedLog` to see what it did. */
export const layer = (script: Script = {}): Layer.Layer<Backend | ScriptedLog> =>
  Layer.effectContext(
    Effect.sync(() => {
      const log = new Log()
      const backend = { generate: generate(script, log), logProbs: logProbs(script, log) }
      return Context.make(Backend, backend).pipe(Context.add(ScriptedLog, log))
    })
  )
