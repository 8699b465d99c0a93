/**
 * A backend on ONNX Runtime, in this process.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Backend, type GenerateRequest, type LogProbs, type LogProbsRequest } from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Budget from "@mulligan/core/Budget"
import type { Prompt } from "@mulligan/core/Prompt"
import * as Request from "@mulligan/core/Request"
import type * as Token from "@mulligan/core/Token"
import * as Tokenizer from "@mulligan/tokenizer/Tokenizer"
import type * as Driver from "./Driver.ts"
import type { Stats } from "./Engine.ts"
import type { Precision } from "./GraphFiles.ts"
import { backend } from "./internal/errors.ts"
import { type Model, open, type Options } from "./Model.ts"
import { logSumExp } from "./Sampler.ts"
import { Sequence } from "./Sequence.ts"

export type { HubOptions, Options } from "./Model.ts"

/** What this backend is and what it is doing. */
export interface Description extends Stats {
  readonly model: string
  /** Path of the graph that was chosen. */
  readonly file: string
  /** Of its weights, by the graph's name; undefined where that says nothing, as in a folder of ONNX Runtime GenAI. */
  readonly precision: Precision | undefined
  readonly layers: number
  /** "rewritten" for shared prompts and a sampler in the graph, or "plain", slower, and why. */
  readonly graph: Driver.Abilities["graph"]
  readonly reason: string | undefined
  readonly context: number
  readonly vocabulary: number
  /** Answers being drawn. */
  readonly drawing: number
}

/** The backend's own word about itself, beside the contract. */
export class Onnx extends Context.Service<Onnx, { readonly describe: Effect.Effect<Description> }>()(
  "@mulligan/onnx/Onnx"
) {}

const encodePrompt = ({ template, tokenizer }: Model, prompt: Prompt) =>
  typeof prompt === "string" ? tokenizer.encodeUser(prompt, true) : template.prompt(prompt)

/** What is read after the answer; a raw text has no turns, so there the question simply stands on lines of its own. */
const encodeQuestion = ({ template, tokenizer }: Model, prompt: Prompt, question: string) =>
  typeof prompt === "string" ? tokenizer.encodeUser(`\n${question}\n`, false) : template.question(question)

/** The older draft goes first where memory does not do for all. */
let orders = 0

const nextTokens = (model: Model, sequence: Drawing) =>
  Effect.suspend(() => {
    const { charge, order, prompt, sequence: own } = sequence
    // The token just drawn was not read yet; whatever else is read is a prompt, or a row that had to give way.
    let drawn = own.answer.length > 0 ? 1 : 0
    const request = {
      prompt,
      answer: own.answer.slice(),
      keep: true,
      order,
      sampling: own.sampling,
      expected: own.expected,
      onRead: (tokens: number) => {
        charge("promptTokens", tokens - drawn)
        drawn = 0
      },
      onWaste: () => charge("drawnTokens", 1)
    }
    return Effect.map(model.engine.read(request), (reading) => own.draw(reading))
  })

interface Drawing {
  readonly sequence: Sequence
  readonly prompt: ReadonlyArray<number>
  readonly order: number
  readonly charge: (what: Budget.Charge, count: number) => void
}

/** Pulls draw: no step is asked for before its token is wanted. */
const tokens = (model: Model, drawing: Drawing) => {
  const { sequence } = drawing
  const ready: Array<Token.Token> = []
  const next: Effect.Effect<readonly [Token.Token, null] | undefined, BackendError.BackendError> = Effect.suspend(
    () => {
      const token = ready.shift()
      if (token !== undefined) return Effect.succeed([token, null] as const)
      if (sequence.isOver) return Effect.succeed(undefined)
      return Effect.flatMap(nextTokens(model, drawing), (drawn) => {
        ready.push(...drawn)
        return next
      })
    }
  )
  return Stream.unfold(null, () => next)
}

const generate = (model: Model, request: GenerateRequest): Stream.Stream<Token.Token, BackendError.BackendError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* Request.checkGenerate(backend, request)
      const prefix = yield* Request.idsOf(backend, model.config.vocabulary, request.prefix)
      const prompt = yield* encodePrompt(model, request.prompt)
      yield* Request.checkContext(backend, model.config.context, prompt.length + prefix.length)
      const sequence = new Sequence(model.config, model.tokenizer, request, prompt, prefix)
      return tokens(model, { sequence, prompt, order: orders++, charge: yield* Budget.charging })
    })
  )

/** The log-probability of a label, over the whole vocabulary. */
const logProbsOf = (ids: ReadonlyArray<number>, { labels, logits }: Driver.Reading) => {
  if (labels !== undefined) return (id: number): number => labels[ids.indexOf(id)]!
  const total = logSumExp(logits!)
  return (id: number): number => logits![id]! - total
}

const logProbs = (model: Model, request: LogProbsRequest): Effect.Effect<LogProbs, BackendError.BackendError> =>
  Effect.gen(function* () {
    yield* Request.checkLogProbs(backend, request)
    const labels = yield* Effect.forEach(request.labels, (label) => Tokenizer.labelIds(model.tokenizer, label, backend))
    const prefix = yield* Request.idsOf(backend, model.config.vocabulary, request.prefix)
    const prompt = yield* encodePrompt(model, request.prompt)
    const suffix = request.question === undefined ? [] : yield* encodeQuestion(model, request.prompt, request.question)
    // The question's turn closes the answer itself, and nothing is read behind an end of text.
    const isClosed = model.config.endIds.has(prefix.at(-1) ?? -1)
    const answer = isClosed ? prefix.slice(0, -1) : prefix
    yield* Request.checkContext(backend, model.config.context, prompt.length + answer.length + suffix.length)
    const charge = yield* Budget.charging
    const asked = {
      prompt,
      answer: [...answer, ...suffix],
      keep: request.question === undefined,
      order: orders++,
      labels: labels.flat(),
      onRead: (read: number) => charge("readTokens", read)
    }
    const logProbOf = logProbsOf(asked.labels, yield* model.engine.read(asked))
    const bounds = labels.map((spellings) => {
      const logProb = Math.min(0, logSumExp(spellings.map(logProbOf)))
      return { lower: logProb, upper: logProb }
    })
    return { labels: bounds, over: "vocabulary" as const }
  })

const make = (options: Options) =>
  Effect.gen(function* () {
    const model = yield* open(options)
    let drawing = 0
    const counted = Effect.acquireRelease(
      Effect.sync(() => void drawing++),
      () => Effect.sync(() => void drawing--)
    )
    const { context, graph: file, layers, precision, vocabulary } = model.config
    const describe = Effect.sync(() => ({
      ...model.engine.stats(),
      model: options.model,
      file,
      precision,
      layers,
      graph: model.driver.abilities.graph,
      reason: model.driver.abilities.reason,
      context,
      vocabulary,
      drawing
    }))
    return Context.make(Backend, {
      generate: (request) => Stream.unwrap(Effect.as(counted, generate(model, request))),
      logProbs: (request) => logProbs(model, request)
    }).pipe(Context.add(Onnx, { describe }))
  })

/**
 * Loads a model folder. Fails with `InvalidRequest` or `Unsupported`, naming the file, if it cannot be used. Concurrent
 * calls share forward passes; closing the layer's scope frees the session.
 */
export const layer = (options: Options): Layer.Layer<Backend | Onnx, BackendError.BackendError> =>
  Layer.effectContext(make(options))
